"""Orders and what becomes of them."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from flows.core.facts import MISSING
from flows.core.signals import SignalSettings
from flows.simulator.telling.baskets import fill_basket
from flows.simulator.telling.told import Tell, Told, each


def _order(told: Told) -> None:
    who = told.shopper
    token = told.props.get("checkout_token", MISSING)
    if token is MISSING:
        token = told.props["checkout_token"] = who.open_checkout
    basket = who.checkouts.get(token or "")
    if basket is not None:
        told.fill(**{field: basket[field] for field in ("items", "total", "currency")})
    fill_basket(told)
    number = 1000 + who.number("order")
    told.fill(
        order_id=who.id * 100_000 + number,
        order_name=f"#{number}",
        discount_codes=[],
        test=False,
        source_name="web",
        financial_status="paid",
        placed_at=told.at.isoformat(),
        orders_before=who.row["orders_count"],
        spent_before=f"{who.row['total_spent']:.2f}",
    )
    told.fill(excluded=_exclusion(told.props, told.settings))
    if basket is not None:
        basket["completed_at"] = told.at.isoformat()
    if not told.happening.stranger:
        _bought(told)
    told.tell("order_placed", f"order:{told.props['order_id']}", token)


def _exclusion(order: Mapping[str, Any], settings: SignalSettings) -> str | None:
    if settings.counts(order):
        return None
    return "test" if order["test"] and not settings.test_orders else "pos" if order["source_name"] == "pos" else "draft"


def _bought(told: Told) -> None:
    who, props = told.shopper, told.props
    who.orders[str(props["order_id"])] = {
        **{field: props.get(field) for field in _ORDER},
        "cancelled_at": None,
        "deleted_at": None,
    }
    if props["excluded"]:
        return
    row = who.row
    row["orders_count"] += 1
    row["total_spent"] += Decimal(props["total"])
    row["first_order_at"] = row["first_order_at"] or told.at
    row["last_order_at"] = max(row["last_order_at"] or told.at, told.at)


_ORDER = (
    *("order_id", "order_name", "checkout_token", "total", "currency", "items", "discount_codes", "test"),
    *("source_name", "financial_status", "placed_at", "excluded"),
)
_ENDS: Mapping[str, Mapping[str, Any]] = {
    "order_paid": {"financial_status": "paid"},
    "order_cancelled": {"cancelled_at": True},
    "order_deleted": {"deleted_at": True},
}
_UNDOES = frozenset({"order_cancelled", "order_deleted"})
"""What is left of such an order counts for nothing."""


def _of_order(told: Told) -> None:
    """Whatever happens to the last order, or to the one that `order_id` names."""
    who, name = told.shopper, told.happening.name
    asked = told.props.get("order_id")
    known = who.orders.get(str(asked)) if asked is not None else next(reversed(who.orders.values()), None)
    if known is None:
        raise ValueError(f"{name}: there is no order that this could be about; tell order_placed before it")
    if name in _UNDOES and _counts(known):
        who.row["orders_count"] -= 1
        who.row["total_spent"] -= Decimal(known["total"])
    for field, value in _ENDS.get(name, {}).items():
        known[field] = told.at.isoformat() if value is True else value
    order_id, more = known["order_id"], _MORE_OF_ORDER.get(name.partition("_")[0], {})
    told.fill(**{field: known[field] for field in _ORDER}, **more)
    told.fill(orders_before=max(who.row["orders_count"] - 1, 0))
    if name == "order_paid":
        unpaid = [one for one in who.orders.values() if one["financial_status"] != "paid" and _counts(one)]
        told.fill(orders_paid=max(who.row["orders_count"] - len(unpaid), 0))
    told.tell(name, f"order:{order_id}", known["checkout_token"])


def _counts(order: Mapping[str, Any]) -> bool:
    return not (order["cancelled_at"] or order["deleted_at"] or order["excluded"])


_PARCEL = {
    "fulfillment_id": 1,
    "tracking_company": "DHL",
    "tracking_number": "00340434161094027318",
    "tracking_url": "https://track.example/00340434161094027318",
}
_MORE_OF_ORDER: Mapping[str, Mapping[str, Any]] = {
    "return": {"return_id": 1, "return_name": "R1", "return_items": 1},
    "shipment": {**_PARCEL, "old": "in_transit", "new": "out_for_delivery"},
    "payment": {"transaction_id": 1, "gateway": "bank transfer", "error_code": None},
}


def _parcel(told: Told) -> None:
    told.fill(**_PARCEL)
    _of_order(told)


def _return(told: Told) -> None:
    told.fill(**_MORE_OF_ORDER["return"])
    _of_order(told)


def _refund(told: Told) -> None:
    told.fill(refund_id=told.shopper.number("refund"), amount="10.00", refunded="10.00")
    _of_order(told)


TELLS: Mapping[str, Tell] = {
    "order_placed": _order,
    **each(("order_paid", "order_cancelled", "order_deleted", "order_edited", "order_fulfilled"), _of_order),
    **each(("order_partially_fulfilled", "payment_pending", "payment_failed"), _of_order),
    **each(("order_shipped", "order_delivered", "shipment_changed"), _parcel),
    **each(("return_requested", "return_approved", "return_declined", "return_cancelled", "order_returned"), _return),
    "order_refunded": _refund,
}
