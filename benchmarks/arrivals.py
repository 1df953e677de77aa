"""Webhooks that arrive at a steady pace, whatever the receiver does, and what the provider made of them."""

from __future__ import annotations

import http.client
import math
import threading
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from benchmarks.shoppers import Delivery
from connector.clock import pause

_SENDERS = 24
_TIMEOUT = 10.0
PATH = "/webhooks/shopify"


@dataclass(frozen=True, slots=True)
class Arrival:
    """One delivery. Times are real unix seconds: when it was to leave, when its answer was there."""

    delivery: Delivery
    due: float
    answered: float
    status: int

    @property
    def acknowledged(self) -> bool:
        return 200 <= self.status < 300


def send(url: str, deliveries: Sequence[Delivery], rate: float, secret: str) -> list[Arrival]:
    """Post the deliveries to ``url``, ``rate`` a second, in this order; returns when all are answered.

    An arrival is due when its turn has come, not when a sender is free: a receiver that stalls is not spared.
    """
    # Signed before, so that the pace does not depend on it.
    signed = [one.headers(secret) for one in deliveries]
    begin = time.time() + 0.2
    turns = iter(range(len(deliveries)))
    guard = threading.Lock()
    found: list[Arrival] = []

    def work() -> None:
        connection = http.client.HTTPConnection(urlsplit(url).netloc, timeout=_TIMEOUT)
        while True:
            with guard:
                turn = next(turns, None)
            if turn is None:
                connection.close()
                return
            due = begin + turn / rate
            pause(due - time.time())
            try:
                connection.request("POST", PATH, deliveries[turn].body, signed[turn])
                answer = connection.getresponse()
                answer.read()
                status = answer.status
            except (OSError, http.client.HTTPException):
                connection.close()
                status = 0
            found.append(Arrival(deliveries[turn], due, time.time(), status))

    threads = [threading.Thread(target=work, daemon=True) for _ in range(_SENDERS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return found


class Effects:
    """When the provider had accepted the first call that carries what a delivery is about.

    A customer and a checkout: the contact. An order: the order itself, or the event that tells it. ``requests`` is
    the provider's log; a call counts once its answer left.
    """

    def __init__(self) -> None:
        self._first: dict[tuple[str, str, str], float] = {}

    def add(self, requests: Iterable[Mapping[str, Any]]) -> None:
        """Take in some more of the provider's log."""
        for call in requests:
            if not call["accepted"]:
                continue
            about = call.get("remark") or {}
            named = [("order", order) for order in about.get("orders", ())]
            named += [(name, email) for name, email in about.get("events", ())]
            if "email" in about:
                named.append(("contact", about["email"]))
            for kind, name in named:
                key = (call["account"], kind, str(name))
                self._first[key] = min(call["answered_at"], self._first.get(key, math.inf))

    def of(self, delivery: Delivery, account: str) -> float | None:
        """Real unix seconds, None while there is none."""
        if delivery.order_id is None:
            return self._first.get((account, "contact", delivery.email))
        told = (
            self._first.get((account, "order", delivery.order_id)),
            self._first.get((account, "order_placed", delivery.email)),
        )
        return min((at for at in told if at is not None), default=None)


def spread(seconds: Sequence[float]) -> dict[str, float | int]:
    """Count and percentiles; an empty sequence has only its count."""
    ordered = sorted(seconds)
    if not ordered:
        return {"count": 0}

    def at(share: float) -> float:
        return round(ordered[max(0, math.ceil(share * len(ordered)) - 1)], 4)

    return {"count": len(ordered), "p50": at(0.5), "p95": at(0.95), "p99": at(0.99), "max": round(ordered[-1], 4)}
