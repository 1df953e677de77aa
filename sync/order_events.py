"""What happened to an order, told to the event log. An order reaches flows by its person and by its checkout."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from sqlalchemy import text

from connector import eventlog
from connector.eventlog import Fact
from connector.scope import Scope
from sync import figures, people
from sync.mapping.order import worth

# Deliveries may be a day late; an order first heard of later than this is none of a delivery's doing.
HISTORY = timedelta(days=3)


def is_history(scope: Scope, placed_at: datetime, *, begun_here: bool) -> bool:
    """Whether an order that is first heard of now is one of long ago. ``begun_here``: we know its checkout. Of a shop
    of which we know since when its webhooks are in place, that decides alone."""
    live_since = scope.shop.live_since
    if live_since is not None:
        return placed_at < live_since
    return not begun_here and placed_at < scope.now - HISTORY


@dataclass(frozen=True)
class Refund:
    """Money given back for an order. ``amount`` and ``at`` are None when the store did not say."""

    id: int
    amount: Decimal | None
    at: datetime | None


def exclusion(order: Mapping[str, Any], settings: Mapping[str, Any]) -> str | None:
    """Why this order starts no flow and counts as no revenue, if so: it still ends what it should end."""
    if order["test"] and not settings["include_test_orders"]:
        return "test"
    if order["source_name"] == "pos" and not settings["include_pos_orders"]:
        return "pos"
    if order["source_name"] == "shopify_draft_order" and not settings["include_draft_orders"]:
        return "draft"
    return None


def about(scope: Scope, order: Mapping[str, Any]) -> dict[str, Any]:
    """What each event about this order carries."""
    return {
        "order_id": order["id"],
        "order_name": order["name"],
        "checkout_token": order["checkout_token"],
        "total": str(order["total"]),
        "currency": order["currency"],
        "items": order["items"],
        "discount_codes": order["discount_codes"],
        "test": order["test"],
        "source_name": order["source_name"],
        "financial_status": order["financial_status"],
        "placed_at": order["created_at"].isoformat(),
        "excluded": exclusion(order, scope.shop.settings),
    }


def fact(
    scope: Scope, order: Mapping[str, Any] | None, order_id: int, name: str, part: str, at: datetime, **more: Any
) -> Fact:
    """Something that happened to an order. ``part`` names it within the order, e.g. "paid" or "refund:17".

    Of an order that is not known yet (None) it becomes the buyer's as soon as that is.
    """
    subject = f"order:{order_id}"
    identity = f"{subject}:{part}" if part else subject
    if order is None:
        return Fact(name, identity, at, subject, props={"order_id": order_id, **more})
    props = {**about(scope, order), **more}
    return Fact(name, identity, at, subject, order["person_id"], order["checkout_token"], props)


def of_state(
    scope: Scope,
    order: Mapping[str, Any],
    payload: Mapping[str, Any],
    buyer: int | None,
    *,
    first: bool,
    newly_paid: bool,
) -> None:
    """Tell what this state of the order says: whichever state arrives first tells what it knows.

    ``order`` is the projection, ``payload`` the state; ``buyer`` is who began its checkout, ``first`` whether it is
    the first that we hear of the order, ``newly_paid`` whether it was not paid as far as we knew.
    """
    updated_at = payload["updated_at"] or order["source_updated_at"]
    told = _before(scope, order)
    if delivery := payload.get("delivery_method"):
        told["delivery_method"] = delivery

    def of(name: str, part: str, at: datetime) -> Fact:
        return fact(scope, order, order["id"], name, part, at, **told)

    facts = [of("order_placed", "", order["created_at"])]
    if payload["financial_status"] == "paid":
        paid = of("order_paid", "paid", updated_at)
        if newly_paid and not order["historical"]:
            paid = replace(paid, props={**paid.props, "orders_paid": _paid(scope, order, told["orders_before"])})
        facts.append(paid)
    if payload.get("fulfillment_status") == "partial":
        facts.append(of("order_partially_fulfilled", "partial", updated_at))
    if payload.get("fulfillment_status") == "fulfilled":
        facts.append(of("order_fulfilled", "fulfilled", updated_at))
    if first and order["historical"]:
        # First heard of long after it was placed (an old order is edited): what it has been through starts nothing.
        facts = [replace(one, historical=True) for one in facts]
    if payload["cancelled_at"]:
        facts.append(of("order_cancelled", "cancelled", payload["cancelled_at"]))
    facts += [refund(scope, order, order["id"], one, one.at or updated_at) for one in payload["refunds"] if one.amount]
    reaches = (buyer,) if buyer is not None and buyer != order["person_id"] else ()
    eventlog.append(scope, [_dated(scope, replace(one, reaches=reaches)) for one in facts])


def refund(scope: Scope, order: Mapping[str, Any] | None, order_id: int, given: Refund, at: datetime) -> Fact:
    refunded = None if order is None else str(order["refunded"])
    more = {"refund_id": given.id, "amount": str(given.amount), "refunded": refunded}
    return fact(scope, order, order_id, "order_refunded", f"refund:{given.id}", at, **more)


def _dated(scope: Scope, one: Fact) -> Fact:
    """A cancellation or refund of long ago is history, whenever we hear of it."""
    if one.name in ("order_cancelled", "order_refunded") and is_history(scope, one.occurred_at, begun_here=False):
        return replace(one, historical=True)
    return one


def _paid(scope: Scope, order: Mapping[str, Any], others: int | None) -> int | None:
    """How many paid orders the person has with this one, who has so many ``others``; None when that cannot be told, or
    this one does not count. One of which nothing is known but that the store counts it was paid long ago."""
    if others is None or order["cancelled_at"] or order["deleted_at"]:
        return None
    ahead = {held["id"]: held for held in scope.ahead.orders.values() if held is not None}
    given = {"shop_id": scope.shop_id, "person_id": order["person_id"], "known": [order["id"], *ahead]}
    unpaid: int = scope.connection.scalar(_UNPAID, given) or 0
    unpaid += sum(
        held["person_id"] == order["person_id"]
        and held["id"] != order["id"]
        and held["financial_status"] not in _PAID
        and (held["counted"] is not None or held["historical"])
        and not (held["cancelled_at"] or held["deleted_at"])
        for held in ahead.values()
    )
    return max(others - unpaid, 0) + 1


# Given back is paid all the same.
_PAID = ("paid", "partially_refunded", "refunded")
_UNPAID = text(
    """
SELECT count(*) FROM orders
WHERE shop_id = :shop_id AND person_id = :person_id AND NOT id = ANY (CAST(:known AS bigint[]))
    AND coalesce(financial_status, '') NOT IN ('paid', 'partially_refunded', 'refunded')
    AND (counted IS NOT NULL OR historical) AND cancelled_at IS NULL AND deleted_at IS NULL
"""
)


def _before(scope: Scope, order: Mapping[str, Any]) -> dict[str, Any]:
    """How many orders the person had before this one, and for how much they had bought."""
    if order["person_id"] is None:
        return {"orders_before": None}
    buyer = people.held_profile(scope, order["person_id"])
    count, spent = int(buyer["orders_count"]), Decimal(buyer["total_spent"])
    within = figures.within(buyer["figures_hold"], order)
    if within or order["counted"] is not None:
        count, spent = count - 1, spent - (worth(order) if order["counted"] is None else order["counted"])
    if within:
        more, amount = figures.behind(scope, buyer, order)
        count, spent = count - more, spent - amount
    return {"orders_before": max(count, 0), "spent_before": f"{max(spent, Decimal(0)):.2f}"}
