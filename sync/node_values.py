"""Values as the store's GraphQL writes them: ids, moments, amounts."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any


def number(gid: str) -> int:
    """The number in a global id, gid://shopify/Product/17."""
    return int(gid.rsplit("/", 1)[-1])


def moment(told: str | None) -> datetime | None:
    """A DateTime with its zone."""
    return datetime.fromisoformat(told) if told else None


def decimal(told: Any) -> Decimal | None:
    """An amount of money, written as text with as many digits as needed, to the cent."""
    return None if told is None else Decimal(str(told)).quantize(Decimal("0.01"))


def shop_money(told: Mapping[str, Any] | None) -> Decimal | None:
    """The amount of a MoneyBag in the shop's currency."""
    return decimal(((told or {}).get("shopMoney") or {}).get("amount"))
