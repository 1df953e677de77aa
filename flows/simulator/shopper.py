"""One invented person: what the store and the connector would know of them, and what they have done."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from flows.core.activity import NOTHING, Activity
from flows.core.permission import ANY, OWN, PROFILING, Consent, Policy, shown_state

BLANK: Mapping[str, Any] = {
    "email": None,
    "phone": None,
    "first_name": None,
    "last_name": None,
    "locale": None,
    "country": None,
    "region": None,
    "city": None,
    "timezone": None,
    "tags": (),
    "orders_count": 0,
    "total_spent": Decimal(0),
    "first_order_at": None,
    "last_order_at": None,
    "erased_at": None,
}
"""Somebody of whom nothing is known."""


@dataclass
class Shopper:
    """``row``: by the names of BLANK. ``since``: when they became known. ``orders``, ``checkouts``, ``carts`` and
    ``subscriptions``: by their number or token as text, each as signals look at it. ``loyalty``: what was told of it.
    ``suppressed``: why nothing may be sent, by channel. ``tickets``: {number: when it was opened}, of open ones.
    """

    id: int
    seed: str
    since: datetime
    row: dict[str, Any] = field(default_factory=lambda: dict(BLANK))
    consents: dict[tuple[str, str], Consent] = field(default_factory=dict)
    answers: dict[str, Any] = field(default_factory=dict)
    store_segments: dict[str, bool] = field(default_factory=dict)
    loyalty: dict[str, Any] = field(default_factory=dict)
    birthday: str | None = None
    subscriptions: dict[str, dict[str, Any]] = field(default_factory=dict)
    tickets: dict[str, datetime] = field(default_factory=dict)
    orders: dict[str, dict[str, Any]] = field(default_factory=dict)
    checkouts: dict[str, dict[str, Any]] = field(default_factory=dict)
    carts: dict[str, dict[str, Any]] = field(default_factory=dict)
    products: dict[str, dict[str, Any]] = field(default_factory=dict)
    suppressed: dict[str, str] = field(default_factory=dict)
    activity: Activity = NOTHING
    counted: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    """How many there are of each thing that gets a number here."""

    def number(self, what: str) -> int:
        """The next number of such a thing, for this person."""
        self.counted[what] += 1
        return self.counted[what]

    @property
    def open_checkout(self) -> str | None:
        """The token of the newest checkout that is neither an order nor thrown away."""
        return next(
            (
                token
                for token, one in reversed(self.checkouts.items())
                if not one["completed_at"] and not one["deleted_at"]
            ),
            None,
        )

    @property
    def profiled(self) -> bool:
        """Whether they have not objected to being put into groups by what they do."""
        told = self.consents.get((ANY, PROFILING))
        return told is None or told.state != "unsubscribed"

    def awaits_help(self, now: datetime, days: int) -> bool:
        """Whether a support ticket of theirs is open; one that nobody ever closed holds nobody for good."""
        return any(opened > now - timedelta(days=days) for opened in self.tickets.values())

    def shown_consents(self, country: str | None, policy: Policy) -> dict[str, str]:
        """The state by channel, as flows see it."""
        found = {
            channel: shown_state(self.consents.get((channel, purpose)), country, channel, purpose, policy)
            for channel, purpose in OWN.items()
        }
        return {channel: state for channel, state in found.items() if state is not None}
