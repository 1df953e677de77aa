"""What is told of an order without the order itself: edits, deletions, refunds, payments, returns.

When the order is not known yet it is read from the store; what was told becomes its buyer's as soon as that is done.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any

from connector import eventlog
from connector.scope import Scope
from sync import fetch, order_events, orders

# A payment's own states; a refund is told by the refund.
_PAYMENTS = frozenset({"authorization", "sale", "capture"})
_PAYMENT_EVENTS: Mapping[str, str] = {
    "pending": "payment_pending",
    "failure": "payment_failed",
    "error": "payment_failed",
}


def edited(scope: Scope, order_id: int, edit_id: int, at: datetime) -> None:
    """Staff changed what is in an order. The edit tells line ids only, so the order is read again."""
    order = orders.held_order(scope, order_id)
    eventlog.append(
        scope, [order_events.fact(scope, order, order_id, "order_edited", f"edit:{edit_id}", at, edit_id=edit_id)]
    )
    fetch.wish(scope, "Order", order_id)


def deleted(scope: Scope, order_id: int, at: datetime) -> None:
    """The order is gone from the store: it counts for nothing."""
    order = orders.held_order(scope, order_id)
    eventlog.append(scope, [order_events.fact(scope, order, order_id, "order_deleted", "deleted", at)])
    if order is None:
        orders.bury(scope, order_id, at)
    elif not order["deleted_at"]:
        changed = {"deleted_at": at}
        orders.keep(scope, order, {**order, **changed}, changed)


def refunded(scope: Scope, order_id: int, refund: order_events.Refund, at: datetime) -> None:
    """Money was given back. A refund of nothing (items taken back unpaid, a transfer that failed) is no event."""
    order = orders.held_order(scope, order_id)
    if order is None or refund.amount is None:
        fetch.wish(scope, "Order", order_id)
    elif str(refund.id) not in order["refunds"]:
        refunds = {**order["refunds"], str(refund.id): str(refund.amount)}
        changed = {"refunds": refunds, "refunded": sum((Decimal(one) for one in refunds.values()), Decimal(0))}
        row = {**order, **changed}
        orders.keep(scope, order, row, changed)
        order = orders.held_order(scope, order_id)
    if refund.amount:
        eventlog.append(scope, [order_events.refund(scope, order, order_id, refund, refund.at or at)])


def transacted(scope: Scope, order_id: int, transaction: Mapping[str, Any], at: datetime) -> None:
    """A payment was tried. Only what is wanting is an event; that an order is paid, the order itself tells."""
    name = _PAYMENT_EVENTS.get(transaction["status"] or "")
    if name is None or transaction["kind"] not in _PAYMENTS:
        return
    order = _known(scope, order_id)
    amount = transaction["amount"]
    more = {
        "transaction_id": transaction["id"],
        "amount": None if amount is None else str(amount),
        "gateway": transaction["gateway"],
        "error_code": transaction["error_code"],
    }
    part = f"transaction:{transaction['id']}"
    eventlog.append(scope, [order_events.fact(scope, order, order_id, name, part, at, **more)])


def returned(scope: Scope, order_id: int, event: str, told: Mapping[str, Any], at: datetime) -> None:
    """A return was asked for, decided, or is complete."""
    order = _known(scope, order_id)
    part = f"return:{told['return_id']}"
    eventlog.append(scope, [order_events.fact(scope, order, order_id, event, part, at, **told)])


def _known(scope: Scope, order_id: int) -> Mapping[str, Any] | None:
    """The order, asked for at the store when it is not known."""
    order = orders.held_order(scope, order_id)
    if order is None:
        fetch.wish(scope, "Order", order_id)
    return order
