"""Orders tell which of our codes were used."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy import bindparam, select, update

from connector import coupon_codes, eventlog
from connector.db.rows import among
from connector.eventlog import Fact
from connector.locks import lock_persons
from connector.models.coupon import coupons
from connector.scope import Scope
from sync.order_events import exclusion


def note(scope: Scope, order: Mapping[str, Any]) -> None:
    """Of those of the order's codes that were made here and not used yet (each is good for one order): this order has
    used them. Found out at the end of the transaction, for all of its orders at once.

    It is told as the doing of whoever was given the code, whose flow it may end; a code that nobody was given counts
    for the buyer. An order of long ago is no news.
    """
    for code in order["discount_codes"]:
        # Of two orders with one code in one transaction the first has used it.
        scope.owed(_redeem, first=True).setdefault(coupon_codes.normal(code), order)


def _redeem(scope: Scope, orders: dict[str, Mapping[str, Any]]) -> None:
    """{code: the order that came with it}."""
    asked = {"shop_id": scope.shop_id, "codes": sorted(orders)}
    used = [(row, orders[row["code"]]) for row in scope.connection.execute(_UNUSED, asked).mappings()]
    # Persons before everything else.
    lock_persons(scope, {one for row, order in used if (one := row["person_id"] or order["person_id"]) is not None})
    for row, order in used:
        given = {"shop": scope.shop_id, "its_id": row["id"], "used_for": order["id"], "at": order["created_at"]}
        if scope.connection.execute(_USED, given).rowcount and not order["historical"]:
            eventlog.append(scope, [_fact(scope, dict(row), order, row["person_id"] or order["person_id"])])


_UNUSED = select(coupons).where(
    coupons.c.shop_id == bindparam("shop_id"), among(coupons.c.code, "codes"), coupons.c.redeemed_at.is_(None)
)
_USED = (
    update(coupons)
    .where(coupons.c.shop_id == bindparam("shop"), coupons.c.id == bindparam("its_id"), coupons.c.redeemed_at.is_(None))
    .values(redeemed_at=bindparam("at"), order_id=bindparam("used_for"))
)


def _fact(scope: Scope, row: Mapping[str, Any], order: Mapping[str, Any], person_id: int | None) -> Fact:
    props = {
        "code": row["code"],
        "coupon": row["name"],
        "flow": row["flow"],
        "pool": row["pool"],
        "order_id": order["id"],
        "order_name": order["name"],
        "total": str(order["total"]),
        "currency": order["currency"],
        "excluded": exclusion(order, scope.shop.settings),
    }
    identity = f"coupon:{row['id']}:redeemed"
    subject, key = f"order:{order['id']}", order["checkout_token"]
    return Fact("coupon_redeemed", identity, order["created_at"], subject, person_id, key, props)
