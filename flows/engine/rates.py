"""The merchant's rates between currencies, as facts: only for shops whose flows compare amounts."""

from __future__ import annotations

from collections import defaultdict

from sqlalchemy import bindparam, select
from sqlalchemy.dialects.postgresql import distinct_on

from connector.models.currency import currency_rates
from connector.scope import Scope


def rates(scope: Scope) -> dict[str, dict[str, str]]:
    """What one unit of a currency is worth today in each other that the merchant gave a rate for."""
    found: dict[str, dict[str, str]] = defaultdict(dict)
    for row in scope.connection.execute(_NEWEST, {"shop_id": scope.shop_id, "today": scope.now.date()}):
        found[row.currency][row.counted_in] = str(row.rate)
    return dict(found)


_rate = currency_rates.c
_NEWEST = (
    select(_rate.currency, _rate.counted_in, _rate.rate)
    .ext(distinct_on(_rate.currency, _rate.counted_in))
    .where(_rate.shop_id == bindparam("shop_id"), _rate.since <= bindparam("today"))
    .order_by(_rate.currency, _rate.counted_in, _rate.since.desc())
)
