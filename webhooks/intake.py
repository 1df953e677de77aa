"""The intake: a WSGI callable in front of everything else that verifies, stores and acknowledges deliveries.

It is no Flask route because Flask costs more than all of its work together. It answers 2xx only after the
commit, never because of Redis, and tells nobody which check failed.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from io import BytesIO
from typing import Any, Protocol

from connector import logging
from connector.clock import monotonic
from connector.crashpoints import reach
from connector.settings import Settings
from webhooks.bodies import Bodies, NotRead, TooLarge
from webhooks.directory import Directory, Unreadable
from webhooks.ringer import Ringer
from webhooks.routes import BrevoRoute, NotAuthentic, Request, ShopifyRoute, Topic, UnknownShop
from webhooks.stragglers import Stragglers
from webhooks.writer import InboxRow, NotStored, Writer

log = logging.get(__name__)

Environ = dict[str, Any]
StartResponse = Callable[..., Any]
WSGI = Callable[[Environ, StartResponse], Iterable[bytes]]


class Route(Protocol):
    """An address that deliveries come to. ``busy``: the status that makes its sender try again."""

    source: str
    path: re.Pattern[str]
    busy: str

    def inbox_row(self, request: Request) -> InboxRow: ...


class Counts(Protocol):
    """What the intake tells of itself."""

    def webhook(self, source: str, outcome: str) -> None: ...

    def group(self, rows: int, seconds: float) -> None: ...


class Intake:
    """Takes what is posted to its routes and hands everything else on to ``rest``.

    ``patience``: seconds of machine time within which a delivery is answered once it has been read.
    """

    def __init__(
        self,
        routes: Iterable[Route],
        directory: Directory,
        writer: Writer,
        ringer: Ringer,
        counts: Counts,
        patience: float,
        stragglers: Stragglers,
        rest: WSGI,
    ) -> None:
        self._routes = tuple(routes)
        self._directory = directory
        self._writer = writer
        self._ringer = ringer
        self._counts = counts
        self._patience = patience
        self._stragglers = stragglers
        self._rest = rest
        self._bodies = Bodies()

    def __call__(self, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        path = str(environ.get("PATH_INFO", ""))
        for route in self._routes:
            found = route.path.match(path)
            if found:
                status = self._receive(route, found.groupdict(), environ)
                headers = [("Content-Length", "0")]
                if status.startswith("405"):
                    headers.append(("Allow", "POST"))
                start_response(status, headers)
                return [b""]
        return self._hand_on(environ, start_response)

    def stop(self) -> None:
        """Store what has arrived and end the threads."""
        self._stragglers.stop()
        self._writer.stop()
        self._directory.stop()
        self._ringer.stop()

    def _receive(self, route: Route, path: Mapping[str, str | None], environ: Environ) -> str:
        if environ.get("REQUEST_METHOD") != "POST":
            return "405 Method Not Allowed"
        try:
            with self._bodies.of(environ) as body:
                deadline = monotonic() + self._patience
                request = Request(environ, path, body, deadline)
                outcome, status = self._store(route.inbox_row(request), deadline), "200 OK"
        except TooLarge:
            outcome, status = "too_large", "413 Content Too Large"
        except NotAuthentic:
            outcome, status = "refused", "401 Unauthorized"
        except UnknownShop:
            outcome, status = "unknown_shop", "200 OK"
        except (NotRead, NotStored, Unreadable):
            outcome, status = "not_stored", route.busy
        except Exception:
            # A defect of ours must not cost the delivery: the sender is told to try again.
            log.error("intake_failed", source=route.source, exc_info=True)
            outcome, status = "not_stored", route.busy
        self._counts.webhook(route.source, outcome)
        return status

    def _hand_on(self, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        """The rest of the web gets its bodies within the same bounds."""
        if not (environ.get("CONTENT_LENGTH") or environ.get("HTTP_TRANSFER_ENCODING")):
            return self._rest(environ, start_response)
        try:
            with self._bodies.of(environ) as body:
                given = {"wsgi.input": BytesIO(body), "CONTENT_LENGTH": str(len(body))}
                return self._rest({**environ, **given}, start_response)
        except TooLarge:
            status = "413 Content Too Large"
        except NotRead:
            status = "503 Service Unavailable"
        start_response(status, [("Content-Length", "0")])
        return [b""]

    def _store(self, row: InboxRow, deadline: float) -> str:
        reach("t1.verified")
        if not self._writer.store(row, deadline):
            return "duplicate"
        if row.state != "new":
            return row.reason
        self._ringer.hand_off("intake", row.shop_id)
        return "stored"


def build(
    settings: Settings,
    *,
    topics: Mapping[tuple[str, str], Topic],
    decrypt: Callable[[int, str], str],
    writer: Writer,
    ringer: Ringer,
    counts: Counts,
    rest: WSGI,
) -> Intake:
    """The intake of one process, its threads running: to be called after the fork.

    ``decrypt(shop_id, token)`` opens a shop's own client secret. ``writer`` and ``ringer`` run already; the intake ends
    them with its own threads.
    """
    patience = settings.intake_timeout_seconds
    directory = Directory(settings.database_url, patience, decrypt)
    directory.start()
    stragglers = Stragglers()
    stragglers.start()
    app_secrets = (settings.shopify_api_secret, settings.shopify_api_secret_old)
    routes = (
        ShopifyRoute(directory, topics, app_secrets, settings.clock),
        BrevoRoute(directory, settings.clock),
    )
    return Intake(routes, directory, writer, ringer, counts, patience, stragglers, rest)
