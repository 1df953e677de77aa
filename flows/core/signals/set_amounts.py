"""Amounts of money as a shop sets them, for the signals that compare with them."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from marshmallow import fields, validate


def listed(default: str, about: str) -> fields.List[Any]:
    """Some amounts in the shop's currency; `default` is the one that counts when none is set."""
    one = fields.Decimal(places=2, validate=validate.Range(min=Decimal("0.01"), max=Decimal(10) ** 12))
    return fields.List(
        one,
        load_default=lambda: [Decimal(default)],
        validate=validate.Length(max=50),
        metadata={"description": about},
    )


def said(amount: Decimal) -> str:
    """As events carry it, with the cents that it has: 100, 99.50."""
    return str(amount.quantize(Decimal(1))) if amount == amount.to_integral_value() else str(amount)
