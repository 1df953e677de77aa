"""What staff, carriers and buyers do with an order after it was placed."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any

from sandbox.store import after_sale, order_payloads
from sandbox.store.deed import Deed, lines_of, order_of
from sandbox.store.records import Order
from sandbox.store.shop import Unknown


def fulfil_order(
    deed: Deed,
    order: int | None = None,
    checkout: str | None = None,
    lines: int | None = None,
    tracking_number: str | None = None,
    tracking_company: str | None = None,
) -> None:
    """Send what is still to be sent, or only so many of its lines."""
    sale = order_of(deed.shop, order, checkout)
    parcel = after_sale.fulfil(deed.shop, deed.now, sale, lines, tracking_number, tracking_company)
    deed.parcel("fulfillments/create", parcel)
    whole = sale.fulfillment_status == "fulfilled"
    deed.order("orders/fulfilled" if whole else "orders/partially_fulfilled", sale)
    deed.order("orders/updated", sale)


def move_parcel(
    deed: Deed, status: str, order: int | None = None, checkout: str | None = None, parcel: int = 1
) -> None:
    """The carrier reports where a parcel (by its place, from 1) is: in_transit, out_for_delivery, delivered ..."""
    sale = order_of(deed.shop, order, checkout)
    if not 1 <= parcel <= len(sale.fulfillments):
        raise Unknown(f"order {sale.id} has no parcel {parcel}")
    moved = sale.fulfillments[parcel - 1]
    event_id = after_sale.move(deed.shop, deed.now, moved, status)
    body = order_payloads.fulfillment_event(deed.shop, moved, event_id, status)
    deed.news.append(("fulfillment_events/create", f"order/{sale.id}", body))
    deed.parcel("fulfillments/update", moved)


def refund_order(
    deed: Deed,
    order: int | None = None,
    checkout: str | None = None,
    amount: str | None = None,
    lines: int | None = None,
) -> None:
    """Give back an amount, or so many whole lines; all that is left when neither is said."""
    sale = order_of(deed.shop, order, checkout)
    given = after_sale.refund(deed.shop, deed.now, sale, Decimal(amount) if amount else None, lines)
    deed.touched |= {"refund_id": given.id, "amount": str(given.amount)}
    deed.news.append(("refunds/create", f"order/{sale.id}", order_payloads.refund(deed.shop, given)))
    _transaction(deed, sale, "refund", "success", given.amount)
    deed.order("orders/updated", sale)
    deed.customer("customers/update", sale.customer)
    deed.purchases(sale.customer)


def edit_order(
    deed: Deed,
    order: int | None = None,
    checkout: str | None = None,
    add: list[dict[str, Any]] | None = None,
    remove: int = 0,
) -> None:
    """Staff add items, and take out one of each of so many lines."""
    sale = order_of(deed.shop, order, checkout)
    edit_id, added, removed = after_sale.edit(
        deed.shop, deed.now, sale, lines_of(deed.shop, add) if add else [], remove
    )
    body = order_payloads.edit(deed.shop, sale, edit_id, added, removed, deed.now)
    deed.news.append(("orders/edited", f"order/{sale.id}", body))
    deed.order("orders/updated", sale)


def delete_order(deed: Deed, order: int | None = None, checkout: str | None = None) -> None:
    sale = order_of(deed.shop, order, checkout)
    after_sale.delete(deed.shop, sale)
    deed.touched |= {"order_id": sale.id}
    deed.news.append(("orders/delete", f"order/{sale.id}", {"id": sale.id}))
    deed.customer("customers/update", sale.customer)
    deed.purchases(sale.customer)


def try_payment(deed: Deed, status: str, order: int | None = None, checkout: str | None = None) -> None:
    """A further payment of an order is tried: success, pending, failure or error."""
    sale = order_of(deed.shop, order, checkout)
    _transaction(deed, sale, "sale", status, sale.worth)


def request_return(deed: Deed, order: int | None = None, checkout: str | None = None, items: int = 1) -> None:
    sale = order_of(deed.shop, order, checkout)
    asked = after_sale.ask_return(deed.shop, sale, items)
    deed.touched |= {"order_id": sale.id, "return_id": asked.id}
    deed.news.append(("returns/request", f"order/{sale.id}", order_payloads.returned(asked)))


def decide_return(deed: Deed, return_id: int, decision: str) -> None:
    """approve, decline, cancel or close."""
    decided = after_sale.decide_return(deed.shop, return_id, decision)
    deed.touched |= {"order_id": decided.order.id, "return_id": decided.id}
    deed.news.append((f"returns/{decision}", f"order/{decided.order.id}", order_payloads.returned(decided)))


def _transaction(deed: Deed, sale: Order, kind: str, status: str, value: Decimal) -> None:
    number = after_sale.transaction_id(deed.shop)
    body = order_payloads.transaction(deed.shop, sale, number, kind, status, value, deed.now)
    deed.touched |= {"order_id": sale.id, "transaction_id": number}
    deed.news.append(("order_transactions/create", f"order/{sale.id}", body))


DEEDS: tuple[Callable[..., None], ...] = (
    fulfil_order,
    move_parcel,
    refund_order,
    edit_order,
    delete_order,
    try_payment,
    request_return,
    decide_return,
)
