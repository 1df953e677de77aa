"""One person for a simulation, made up in a few words."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from flows.core.permission import OWN, Consent
from flows.simulator.shopper import Shopper
from flows.simulator.telling.told import LEVEL

SOMEBODY: Mapping[str, Any] = {
    "email": "ada@mail.example",
    "first_name": "Ada",
    "country": "GB",
    "timezone": "Europe/London",
    "locale": "en",
}
"""Who it is when nothing else is said."""
NUMBER = "+447700900123"
KNOWN_FOR = timedelta(days=200)
ORDERED_AGO = timedelta(days=30)


def persona(
    start: datetime,
    *,
    consent: Mapping[str, str],
    known_for: timedelta = KNOWN_FOR,
    first_order_ago: timedelta | None = None,
    last_order_ago: timedelta | None = None,
    birthday: str | None = None,
    loyalty: Mapping[str, Any] | None = None,
    answers: Mapping[str, Any] | None = None,
    seed: str = "seed-1",
    **row: Any,
) -> Shopper:
    """The person as they are at ``start``. ``consent``: the state by channel; nothing is on record of the others.
    ``row``: by the names of ``flows.simulator.shopper.BLANK``; whoever agreed to texts has a number. Raises ValueError
    for a name or a channel that nobody knows."""
    person = Shopper(1, seed, start - known_for)
    if strange := sorted(set(row) - set(person.row)) + sorted(set(consent) - set(OWN)):
        raise ValueError(f"“{strange[0]}” is nothing that is known of people here")
    spent = row.pop("total_spent", "0")
    person.row |= {**SOMEBODY, **row, "total_spent": Decimal(str(spent))}
    if {"sms", "whatsapp"} & set(consent) and "phone" not in row:
        person.row["phone"] = NUMBER
    if person.row["orders_count"]:
        last = last_order_ago or ORDERED_AGO
        person.row["last_order_at"] = start - last
        person.row["first_order_at"] = start - (first_order_ago or last)
    for channel, state in consent.items():
        person.consents[channel, OWN[channel]] = Consent(state, LEVEL, start - min(known_for, timedelta(days=60)))
    person.birthday = birthday
    person.loyalty |= loyalty or {}
    person.answers |= answers or {}
    return person
