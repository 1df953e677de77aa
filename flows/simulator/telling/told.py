"""A happening that is being told: what it says, filled in as it is asked for, and the events that come of it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID, uuid5

from flows.core.model import Event
from flows.core.permission import Policy
from flows.core.signals import SignalSettings
from flows.simulator.happening import Happening
from flows.simulator.record import Sent
from flows.simulator.shopper import Shopper

NAMESPACE = UUID("3d7d9a52-8a1f-5d0e-9c55-b0a6b3a3d9f1")
LEVEL = "confirmed_opt_in"
"""How somebody in a simulation agrees, if nothing else is said: in every country that counts."""
ITEM: Mapping[str, Any] = {
    "product_id": 11,
    "variant_id": 111,
    "title": "Linen apron",
    "variant_title": "Moss green",
    "sku": "APRON-M",
    "quantity": 1,
    "price": "86.00",
    "line_price": "86.00",
    "url": "https://shop.example/products/apron",
    "image_url": "https://cdn.shop.example/apron.jpg",
}
"""What is bought and looked at when nothing else is said."""


class Told:
    """Telling one happening: what it says, filled in as it is asked for, and the events that come of it."""

    def __init__(
        self,
        shopper: Shopper,
        happening: Happening,
        sent: list[Sent],
        settings: SignalSettings,
        policy: Policy,
        country: str | None,
        currency: str,
    ) -> None:
        self.shopper, self.happening, self.sent = shopper, happening, sent
        self.settings, self.policy, self.country, self.currency = settings, policy, country, currency
        self.at = happening.at
        self.props: dict[str, Any] = {name: _moment(value, self.at) for name, value in happening.props.items()}
        self.events: list[Event] = []

    def fill(self, **values: Any) -> None:
        """Say this where nothing is said."""
        for name, value in values.items():
            self.props.setdefault(name, value)

    def tell(self, name: str, subject: str | None = None, key: str | None = None, **props: Any) -> None:
        who = self.shopper
        told = {**self.props, **props} if props else self.props
        self.events.append(
            Event(
                uuid5(NAMESPACE, f"{who.seed}:{name}:{who.number('event')}"),
                name,
                self.at,
                subject or f"person:{who.id}",
                key,
                None if self.happening.stranger else who.id,
                told,
                self.happening.historical,
            )
        )


def _moment(value: Any, at: datetime) -> Any:
    return (at + value).isoformat() if isinstance(value, timedelta) else value


Tell = Callable[[Told], None]


def each(names: Iterable[str], tell: Tell) -> dict[str, Tell]:
    """All of these are told in the same way."""
    return dict.fromkeys(names, tell)
