"""Delivering webhooks: signed, over kept-alive connections, in order per object, retried with back-off.

The platform gives 1 s to connect and 5 s for the whole answer, counts any 2xx as success and tries 8 times more; its
four hours of retries are seconds here, or hours of the business clock where that is asked for. First attempts of one
shop's object leave in order; a retry waits by itself and does not hold back what comes after it, for the platform
promises no order either.
"""

from __future__ import annotations

import base64
import hashlib
import heapq
import hmac
import itertools
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import urllib3

from sandbox.clock import Clock
from sandbox.store.journal import Journal
from sandbox.store.settings import DeliverySettings


@dataclass(eq=False)
class Webhook:
    """One delivery to one address. `state`: waiting, held, acknowledged, given_up or dropped."""

    id: str
    event_id: str
    topic: str
    shop: str
    object_id: str
    uri: str
    api_version: str
    secret: str
    body: bytes
    triggered_at: float
    subscription_id: int
    name: str | None = None
    copy: int = 1
    forged: bool = False
    in_order: bool = True
    wait_seconds: float = 0.0
    late_until: float | None = None
    state: str = "waiting"
    attempts: list[dict[str, Any]] = field(default_factory=list)
    acknowledged_real: float | None = None
    acknowledged_at: float | None = None
    answered: threading.Event = field(default_factory=threading.Event, repr=False)

    @property
    def lane(self) -> tuple[str, str]:
        return self.shop, self.object_id


class Deliveries:
    """A small pool of senders. `given_up(webhook)` is called when the webhook's subscription has failed too often."""

    def __init__(
        self,
        settings: DeliverySettings,
        clock: Clock,
        journal: Journal,
        given_up: Callable[[Webhook], None] = lambda webhook: None,
    ) -> None:
        self.settings = settings
        self._clock = clock
        self._journal = journal
        self._given_up = given_up
        self._changed = threading.Condition()
        self._lanes: dict[tuple[str, str], deque[Webhook]] = {}
        self._ready: deque[tuple[str, str]] = deque()
        self._timed: list[tuple[float, int, Webhook]] = []
        self._held: list[tuple[float, int, Webhook]] = []
        self._order = itertools.count()
        self._pending = 0
        # Subscription -> how many attempts of it have failed in a row.
        self._failed: dict[int, int] = {}
        self._all: list[Webhook] = []
        self._http = urllib3.PoolManager(
            num_pools=16,
            maxsize=settings.workers,
            retries=False,
            timeout=urllib3.Timeout(connect=settings.connect_seconds, total=settings.total_seconds),
        )
        for n in range(settings.workers):
            threading.Thread(target=self._work, name=f"delivery-{n}", daemon=True).start()

    def send(self, webhooks: Iterable[Webhook]) -> None:
        """Take webhooks over for delivery."""
        with self._changed:
            for webhook in webhooks:
                self._all.append(webhook)
                if webhook.late_until is not None:
                    self._hold(webhook, webhook.late_until)
                else:
                    self._enqueue(webhook)
            self._changed.notify_all()

    def release_due(self, now: float) -> list[Webhook]:
        """Send what was held until business time `now`."""
        released = []
        with self._changed:
            while self._held and self._held[0][0] <= now:
                webhook = heapq.heappop(self._held)[2]
                webhook.state = "waiting"
                webhook.answered.clear()
                self._enqueue(webhook)
                released.append(webhook)
            self._changed.notify_all()
        return released

    def next_due(self) -> float | None:
        """Business time at which the next held webhook wants to leave."""
        with self._changed:
            return self._held[0][0] if self._held else None

    def counts(self) -> dict[str, int]:
        """`pending_deliveries` still to be sent or retried, `held` waiting for the business clock."""
        with self._changed:
            return {"pending_deliveries": self._pending, "held": len(self._held)}

    def all(self) -> list[Webhook]:
        with self._changed:
            return list(self._all)

    def wait_answered(self, webhooks: Iterable[Webhook], timeout: float) -> bool:
        """Wait until each has had its first answer or failure; False after `timeout` real seconds."""
        end = time.monotonic() + timeout  # machine time: a bound on waiting for another process
        return all(webhook.answered.wait(max(0.0, end - time.monotonic())) for webhook in webhooks)

    # Called with the condition held.
    def _enqueue(self, webhook: Webhook) -> None:
        self._pending += 1
        if webhook.wait_seconds or not webhook.in_order:
            self._schedule(webhook, webhook.wait_seconds)
            return
        lane = self._lanes.get(webhook.lane)
        if lane is None:
            self._lanes[webhook.lane] = deque([webhook])
            self._ready.append(webhook.lane)
        else:
            lane.append(webhook)

    def _hold(self, webhook: Webhook, until: float) -> None:
        webhook.state = "held"
        heapq.heappush(self._held, (until, next(self._order), webhook))

    def _schedule(self, webhook: Webhook, seconds: float) -> None:
        # Machine time: back-off and injected delays are real, whatever the business clock does.
        heapq.heappush(self._timed, (time.monotonic() + seconds, next(self._order), webhook))

    def _take(self) -> tuple[Webhook, bool]:
        """The next webhook to send, and whether it occupies its lane."""
        with self._changed:
            while True:
                now = time.monotonic()
                if self._timed and self._timed[0][0] <= now:
                    return heapq.heappop(self._timed)[2], False
                if self._ready:
                    return self._lanes[self._ready.popleft()][0], True
                self._changed.wait(self._timed[0][0] - now if self._timed else None)

    def _work(self) -> None:
        while True:
            webhook, in_lane = self._take()
            accepted = self._attempt(webhook)
            finished = accepted or webhook.forged or len(webhook.attempts) > self.settings.retries
            if finished:
                webhook.state = "acknowledged" if accepted else "given_up"
                if not accepted:
                    self._journal.append("given_up", **_identity(webhook))
            if self._is_too_much(webhook, accepted, finished):
                self._given_up(webhook)
            with self._changed:
                if in_lane:
                    lane = self._lanes[webhook.lane]
                    lane.popleft()
                    if lane:
                        self._ready.append(webhook.lane)
                    else:
                        del self._lanes[webhook.lane]
                if finished:
                    self._pending -= 1
                else:
                    self._try_later(webhook)
                webhook.answered.set()
                self._changed.notify_all()

    def _try_later(self, webhook: Webhook) -> None:
        tried, settings = len(webhook.attempts), self.settings
        if settings.retries_over_seconds:
            # Doubling, and all of them together as long as the platform goes on.
            wait = settings.retries_over_seconds * 2 ** (tried - 1) / (2**settings.retries - 1)
            self._pending -= 1
            self._hold(webhook, self._clock.now() + wait)
        else:
            wait = settings.first_retry_seconds * 2 ** (tried - 1)
            self._schedule(webhook, min(settings.longest_retry_seconds, wait))

    def _is_too_much(self, webhook: Webhook, accepted: bool, finished: bool) -> bool:
        """Whether its subscription ends with this attempt."""
        if webhook.forged:
            return False
        if not self.settings.straight_failures:
            return finished and not accepted
        with self._changed:
            failed = 0 if accepted else self._failed.get(webhook.subscription_id, 0) + 1
            self._failed[webhook.subscription_id] = failed
        return failed == self.settings.straight_failures

    def _attempt(self, webhook: Webhook) -> bool:
        began = self._clock.real()
        status: int | None = None
        error: str | None = None
        try:
            answer = self._http.request(
                "POST", webhook.uri, body=webhook.body, headers=headers(webhook), redirect=False
            )
            status = answer.status
        except urllib3.exceptions.HTTPError as failure:
            error = type(failure).__name__
        answered, at = self._clock.real(), self._clock.now()
        attempt: dict[str, Any] = {
            "n": len(webhook.attempts) + 1,
            "began": began,
            "status": status,
            "error": error,
        }
        webhook.attempts.append(attempt | {"answered": answered})
        self._journal.append("attempt", real=answered, at=at, **attempt, **_identity(webhook))
        accepted = status is not None and 200 <= status < 300
        if accepted:
            webhook.acknowledged_real, webhook.acknowledged_at = answered, at
            self._journal.append("acknowledged", real=answered, at=at, **_identity(webhook))
        return accepted


def headers(webhook: Webhook) -> dict[str, str]:
    """The platform's headers; the digest covers the body's bytes only."""
    secret = webhook.secret + ("-forged" if webhook.forged else "")
    digest = hmac.new(secret.encode(), webhook.body, hashlib.sha256).digest()
    found = {
        "Content-Type": "application/json",
        "Accept": "*/*",
        "User-Agent": "Shopify-Captain-Hook",
        "X-Shopify-Topic": webhook.topic,
        "X-Shopify-Hmac-Sha256": base64.b64encode(digest).decode(),
        "X-Shopify-Shop-Domain": webhook.shop,
        "X-Shopify-API-Version": webhook.api_version,
        "X-Shopify-Webhook-Id": webhook.id,
        "X-Shopify-Event-Id": webhook.event_id,
        "X-Shopify-Triggered-At": triggered_at(webhook.triggered_at),
    }
    if webhook.name:
        found["X-Shopify-Name"] = webhook.name
    return found


def triggered_at(at: float) -> str:
    """UTC with nine digits of a second, as the platform writes it."""
    moment = datetime.fromtimestamp(at, UTC)
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{moment.microsecond:06d}000Z"


def summary(webhook: Webhook) -> dict[str, Any]:
    """Everything about one delivery, for the log."""
    return {
        **_identity(webhook),
        "uri": webhook.uri,
        "triggered_at": webhook.triggered_at,
        "state": webhook.state,
        "attempts": list(webhook.attempts),
        "acknowledged_real": webhook.acknowledged_real,
        "acknowledged_at": webhook.acknowledged_at,
    }


def _identity(webhook: Webhook) -> dict[str, Any]:
    return {
        "webhook_id": webhook.id,
        "event_id": webhook.event_id,
        "topic": webhook.topic,
        "shop": webhook.shop,
        "object_id": webhook.object_id,
        "copy": webhook.copy,
        "forged": webhook.forged,
    }
