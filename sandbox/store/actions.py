"""Doing deeds in shops: under the shop's lock, logged, with their webhooks handed over for delivery in order.

The webhooks of one deed share an event id, as on the platform.
"""

from __future__ import annotations

import json
import threading
import uuid
from collections.abc import Callable
from typing import Any

from sandbox.clock import Clock
from sandbox.store.deed import Deed
from sandbox.store.deeds import DEEDS
from sandbox.store.deliveries import Deliveries, Webhook
from sandbox.store.faults import Copy, Faults
from sandbox.store.journal import Journal
from sandbox.store.records import Subscription
from sandbox.store.shop import Shop, Unknown
from sandbox.store.subscriptions import body_for, listeners

_NAMESPACE = uuid.uuid5(uuid.NAMESPACE_URL, "urn:sandbox:store")


class BadAction(ValueError):
    """The action cannot be done: unknown name, unknown record, or a record in the wrong state."""


class Actions:
    """Does things in shops and hands their webhooks to `deliveries`."""

    def __init__(
        self, shops: dict[str, Shop], clock: Clock, journal: Journal, deliveries: Deliveries, faults: Faults
    ) -> None:
        self._shops = shops
        self._clock = clock
        self._journal = journal
        self._deliveries = deliveries
        self._faults = faults
        self._lock = threading.Lock()
        self._made = 0
        # Set once the schedule is there: takes what follows from a deed by itself.
        self.plan: Callable[[float, str, str, dict[str, Any]], None] = lambda at, shop, action, arguments: None
        # A second run with the same seed must not repeat the ids of the first: receivers remember them.
        self._run = f"{clock.real():.6f}"

    def perform(self, action: str, arguments: dict[str, Any]) -> tuple[dict[str, Any], list[Webhook]]:
        """Do `action` now. Returns what it touched (ids, tokens) and its webhooks. Raises BadAction."""
        arguments = dict(arguments)
        shop = self._shops.get(arguments.pop("shop", None) or next(iter(self._shops)))
        if shop is None:
            raise BadAction("no such shop")
        if action not in DEEDS:
            raise BadAction(f"unknown action {action!r}, one of {', '.join(sorted(DEEDS))}")
        with shop.lock:
            deed = Deed(shop, self._clock.now())
            try:
                DEEDS[action](deed, **arguments)
            except (Unknown, ValueError, TypeError) as problem:
                raise BadAction(f"{action}: {problem}") from problem
            return deed.touched, self.announce(deed, action)

    def now(self) -> float:
        """Business time."""
        return self._clock.now()

    def announce(self, deed: Deed, action: str) -> list[Webhook]:
        """Log a deed and send its news; the caller holds the shop's lock, so that news leave in order."""
        event_id = self._new_id("event")
        facts: dict[str, Any] = {"action": action, "shop": deed.shop.domain, "event_id": event_id}
        self._journal.append("action", at=deed.now, **facts, **deed.touched)
        for mail in deed.mails:
            self._journal.append("welcome_mail", at=deed.now, shop=deed.shop.domain, **mail)
        webhooks = []
        for topic, object_id, payload in deed.news:
            for subscription in listeners(deed.shop, topic, payload):
                webhooks += self._webhooks(deed, subscription, event_id, object_id, payload)
        self._deliveries.send(webhooks)
        for at, then, arguments in deed.later:
            self.plan(at, deed.shop.domain, then, arguments)
        return webhooks

    def _webhooks(
        self, deed: Deed, subscription: Subscription, event_id: str, object_id: str, payload: dict[str, Any]
    ) -> list[Webhook]:
        shop, topic = deed.shop, subscription.topic
        body = json.dumps(body_for(subscription, payload), ensure_ascii=False, separators=(",", ":")).encode()
        webhook_id = self._new_id("webhook")

        def webhook(copy: Copy, n: int) -> Webhook:
            return Webhook(
                id=self._new_id("webhook") if copy.new_id or copy.forged else webhook_id,
                event_id=event_id,
                topic=topic,
                shop=shop.domain,
                object_id=object_id,
                uri=subscription.uri,
                api_version=subscription.api_version,
                secret=shop.installation.app.signing_secret,
                body=body,
                triggered_at=deed.now,
                subscription_id=subscription.id,
                name=subscription.name,
                copy=n,
                forged=copy.forged,
                in_order=copy.in_order,
                wait_seconds=copy.wait_seconds,
                late_until=deed.now + copy.late_seconds if copy.late_seconds else None,
            )

        made = [webhook(copy, n) for n, copy in enumerate(self._faults.copies(shop.domain, topic), start=1)]
        facts: dict[str, Any] = {
            "topic": topic,
            "shop": shop.domain,
            "object_id": object_id,
            "event_id": event_id,
        }
        if all(one.forged for one in made):
            self._journal.append("dropped", at=deed.now, webhook_id=webhook_id, **facts)
        for one in made:
            extra: dict[str, Any] = {
                "webhook_id": one.id,
                "copy": one.copy,
                "forged": one.forged,
                "uri": one.uri,
            }
            self._journal.append("webhook", at=deed.now, **extra, **facts)
        return made

    def _new_id(self, kind: str) -> str:
        with self._lock:
            self._made += 1
            return str(uuid.uuid5(_NAMESPACE, f"{self._run}:{kind}:{self._made}"))
