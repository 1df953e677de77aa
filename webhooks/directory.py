"""Whom deliveries may be for: the connected shops and what proves a sender, kept in memory for a few seconds.

The whole list is read at once, so an unknown name costs no query of its own. A reader states how old the list
may be, which is how rotated secrets and new shops are seen at once.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from connector import logging
from connector.clock import monotonic
from webhooks.line import Line

log = logging.get(__name__)

# Machine time after which a list is read again, and after which a name that is missing from it or a proof
# that does not match is worth another look.
FRESH_SECONDS = 5.0
DOUBT_SECONDS = 1.0
# ... and after which it is read again ahead of time, so that under load nobody ever waits for it.
RENEW_SECONDS = 3.0
# How old a list may be that serves while a newer one does not come, and how long that one is waited for.
SPARE_SECONDS = 60.0
SPARE_PATIENCE = 0.5
STOP_SECONDS = 2.0

NEVER = float("-inf")

_READ = "SELECT id, domain, shopify_secret, brevo_webhook_digest, brevo_webhook_digest_before FROM shops"


class Unreadable(Exception):
    """The list cannot be read now."""


@dataclass(frozen=True, slots=True)
class Addressee:
    """A connected shop. ``secret``: its own client secret, None for the app's, "" when unreadable.

    ``brevo_digests``: of the token that Brevo was given, and while it is being given another of the one before.
    """

    shop_id: int
    domain: str
    secret: str | None = field(repr=False)
    brevo_digests: tuple[str, ...] = field(repr=False)


@dataclass(frozen=True, slots=True)
class Shops:
    """The list as it was at ``read_at`` (monotonic seconds)."""

    read_at: float
    by_domain: Mapping[str, Addressee]
    by_id: Mapping[int, Addressee]


class Directory:
    """``decrypt(shop_id, token)`` opens a shop's own secret. ``patience``: seconds that reading may take."""

    def __init__(self, url: str, patience: float, decrypt: Callable[[int, str], str]) -> None:
        self._line = Line(url, patience * 0.85, "connector-directory", _READ)
        self._decrypt = decrypt
        self._changed = threading.Condition()
        self._shops: Shops | None = None
        # Monotonic time that the next list must not be older than, and when reading last failed.
        self._wanted = NEVER
        self._failed_at = NEVER
        # Whether the last reading succeeded: an outage is logged once, not by every request.
        self._readable = True
        self._ending = False
        self._thread = threading.Thread(target=self._work, name="shop-directory", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def shops(self, deadline: float, oldest: float = FRESH_SECONDS) -> Shops:
        """The list, at most ``oldest`` seconds old, waited for until ``deadline`` (monotonic seconds).

        A list that is merely due to be read again serves on while PostgreSQL does not answer.
        Raises Unreadable.
        """
        asked = monotonic()
        since = asked - oldest
        # Without the lock, which every request would queue for: a list is replaced as a whole, never changed.
        if (known := self._known(since)) is not None:
            if known.read_at < asked - RENEW_SECONDS:
                with self._changed:
                    self._want(asked - RENEW_SECONDS)
            return known
        spare = self._known(asked - SPARE_SECONDS) if oldest >= FRESH_SECONDS else None

        def answered() -> bool:
            return self._known(since) is not None or self._failed_at >= asked

        with self._changed:
            if self._known(since) is None:
                self._want(since)
                until = min(deadline, asked + SPARE_PATIENCE) if spare else deadline
                if not self._changed.wait_for(answered, until - monotonic()):
                    self._line.cut_when_stalled()
            known = self._known(since) or spare
        if known is None:
            raise Unreadable
        return known

    def stop(self) -> None:
        """End the thread; who asks afterwards is told that the list is unreadable."""
        with self._changed:
            self._ending = True
            self._changed.notify_all()
        self._thread.join(STOP_SECONDS)
        self._line.close()

    def _known(self, since: float) -> Shops | None:
        shops = self._shops
        return shops if shops is not None and shops.read_at >= since else None

    def _want(self, since: float) -> None:
        self._wanted = max(self._wanted, since)
        self._changed.notify_all()

    def _is_wanted(self) -> bool:
        return self._wanted > (self._shops.read_at if self._shops else NEVER)

    def _work(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._ending or self._is_wanted())
                if self._ending:
                    return
                self._wanted = NEVER
            started = monotonic()
            shops = self._read(started)
            with self._changed:
                if shops is None:
                    self._failed_at = monotonic()
                else:
                    self._shops = shops
                self._changed.notify_all()

    def _read(self, started: float) -> Shops | None:
        try:
            rows = self._line.rows()
        except Exception as error:
            # Also what nobody thought of: without this thread nobody is ever known again.
            if self._readable:
                log.warning("directory_unreadable", error=type(error).__name__)
            self._readable = False
            return None
        self._readable = True
        found = [
            Addressee(
                int(shop_id or 0),
                domain or "",
                self._secret(int(shop_id or 0), secret),
                tuple(digest for digest in digests if digest),
            )
            for shop_id, domain, secret, *digests in rows
        ]
        return Shops(started, {a.domain: a for a in found}, {a.shop_id: a for a in found})

    def _secret(self, shop_id: int, encrypted: str | None) -> str | None:
        if encrypted is None:
            return None
        try:
            return self._decrypt(shop_id, encrypted)
        except Exception as error:
            # Closed for this shop, open for the others.
            log.error("shop_secret_unreadable", shop_id=shop_id, error=type(error).__name__)
            return ""
