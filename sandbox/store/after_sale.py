"""What becomes of an order after it was placed: parcels, refunds, edits, returns."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal

from sandbox.store.records import Fulfillment, Line, Order, Refund, Return, Variant
from sandbox.store.shop import Shop, Unknown

_DECISIONS = {"approve": "open", "decline": "declined", "cancel": "canceled", "close": "closed"}


def fulfil(
    shop: Shop, now: float, order: Order, lines: int | None, number: str | None, company: str | None
) -> Fulfillment:
    """Put what is unsent of the order (or of its first `lines` unsent lines) into a parcel. Raises ValueError."""
    unsent = [(line, order.unsent(line)) for line in order.lines if order.unsent(line)][:lines]
    if not unsent or order.cancelled_at is not None:
        raise ValueError(f"order {order.id} has nothing to send")
    parcel = Fulfillment(
        id=shop.next_id("fulfillment", 5_000_000_000_000),
        order=order,
        place=len(order.fulfillments) + 1,
        created_at=now,
        updated_at=now,
        lines=unsent,
        tracking_number=number,
        tracking_company=company,
        tracking_url=f"{shop.base_url}/tracking/{number}" if number else None,
    )
    order.fulfillments = [*order.fulfillments, parcel]
    order.updated_at = now
    return parcel


def move(shop: Shop, now: float, parcel: Fulfillment, status: str) -> int:
    """The carrier's word on a parcel; returns the id of its report."""
    parcel.shipment_status = status
    parcel.updated_at = now
    if status == "delivered":
        parcel.delivered_at = now
    return shop.next_id("fulfillment event", 5_500_000_000_000)


def refund(shop: Shop, now: float, order: Order, amount: Decimal | None, lines: int | None) -> Refund:
    """Give back an amount, or what is left of the first `lines` lines (all when None). Raises ValueError."""
    back: list[tuple[Line, int]] = []
    if amount is None:
        back = [(line, order.left(line)) for line in order.lines if order.left(line)][:lines]
        amount = sum((line.variant.price * count for line, count in back), Decimal(0))
    if not 0 < amount <= order.subtotal - order.refunded:
        raise ValueError(f"order {order.id} has not so much to give back")
    order.given_back = _added(order.given_back, {line.id: count for line, count in back})
    given = Refund(shop.next_id("refund", 4_000_000_000_000), order, now, amount, back)
    order.refunds = [*order.refunds, given]
    order.updated_at = now
    order.financial_status = "refunded" if order.refunded == order.subtotal else "partially_refunded"
    return given


def edit(
    shop: Shop, now: float, order: Order, add: list[tuple[Variant, int]], remove: int
) -> tuple[int, dict[int, int], dict[int, int]]:
    """Add items and take out one of each of the first `remove` lines: the edit's id, {line id: count} of both."""
    removed = {line.id: 1 for line in [line for line in order.lines if order.left(line)][:remove]}
    order.taken_out = _added(order.taken_out, removed)
    lines = [Line(shop.next_id("order line", 15_000_000_000_000), variant, count) for variant, count in add]
    order.lines = [*order.lines, *lines]
    order.updated_at = now
    return shop.next_id("edit", 3_000_000_000_000), {line.id: line.quantity for line in lines}, removed


def delete(shop: Shop, order: Order) -> None:
    del shop.orders[order.id]
    order.customer.orders.remove(order)


def transaction_id(shop: Shop) -> int:
    return shop.next_id("transaction", 3_500_000_000_000)


def ask_return(shop: Shop, order: Order, items: int) -> Return:
    place = sum(one.order is order for one in shop.returns.values()) + 1
    asked = Return(shop.next_id("return", 2_000_000_000_000), order, place, items)
    shop.returns[asked.id] = asked
    return asked


def decide_return(shop: Shop, return_id: int, decision: str) -> Return:
    """Raises Unknown, ValueError."""
    if decision not in _DECISIONS:
        raise ValueError(f"unknown decision {decision!r}, one of {', '.join(_DECISIONS)}")
    found = shop.returns.get(int(return_id))
    if found is None:
        raise Unknown(f"no return {return_id}")
    found.status = _DECISIONS[decision]
    return found


def _added(before: Mapping[int, int], more: Mapping[int, int]) -> dict[int, int]:
    return {**before, **{line_id: before.get(line_id, 0) + count for line_id, count in more.items()}}
