"""Amounts of money in conditions: ``30 EUR``, held against what a fact says in its own currency."""

from __future__ import annotations

import re
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import Any

from flows.core.facts import MISSING, Facts, lookup

RATES = "rates"
"""What asks for the shop's rates among the needs of a condition. They are facts of the shop, ``shop.rates``:
``{"USD": {"EUR": "0.92"}}``, one unit is worth so much of the other."""
_AMOUNT = re.compile(r"(-?[0-9]{1,12}(?:\.[0-9]{1,4})?) ?([A-Z]{3})")
_KEPT_IN = {"person.total_spent": "shop.currency"}


class NoRate(Exception):
    """The amount cannot be told in the other currency; the text says why."""


@dataclass(frozen=True, slots=True)
class Amount:
    value: Decimal
    currency: str


def parse(value: Any) -> Amount | None:
    """``"30 EUR"`` as an amount; None for anything else."""
    found = _AMOUNT.fullmatch(value) if isinstance(value, str) else None
    return Amount(Decimal(found[1]), found[2]) if found else None


def currency_field(path: str) -> str:
    """The field that says in which currency the field at `path` is: the one beside it, or the shop's."""
    return _KEPT_IN.get(path, f"{path.rpartition('.')[0]}.currency")


def converted(path: str, fact: Any, into: str, facts: Facts) -> Decimal:
    """What the fact at `path` is worth in the currency `into`, by the shop's rates of today. Raises NoRate."""
    told = lookup(facts, currency_field(path))
    if told is MISSING or not isinstance(told, str) or not told:
        raise NoRate("its currency is not known")
    try:
        value = Decimal(str(fact))
    except InvalidOperation:
        raise NoRate("it is no number") from None
    return value if told == into else value * _rate(told, into, facts)


def _rate(currency: str, into: str, facts: Facts) -> Decimal:
    """What one unit is worth in the other currency; a rate serves both ways."""
    there, back = (lookup(facts, f"shop.rates.{one}") for one in (f"{currency}.{into}", f"{into}.{currency}"))
    if there is not MISSING and there is not None:
        return Decimal(str(there))
    if back is not MISSING and back is not None:
        return 1 / Decimal(str(back))
    raise NoRate(f"there is no rate of {currency} in {into}: give one under Settings, Exchange rates")
