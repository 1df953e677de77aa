"""Orders: the truth about purchases, projected from the newest state that the store told.

What a state leaves out is not known to be empty and stays as it was. A state with the time of the one we hold
(``updated_at`` has whole seconds) is applied too, and the order is read again from the store.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import bindparam, select, update
from sqlalchemy.dialects.postgresql import insert

from connector.locks import lock_persons
from connector.models.store import orders
from connector.scope import Scope
from sync import checkouts, consent, customers, fetch, order_events, people, profile_sources, wishes
from sync.coupons import redemption
from sync.mapping.order import worth
from sync.order_events import exclusion

# What changes without Brevo's copy of the order showing it.
_UNSEEN = frozenset({"source_updated_at", "checkout_token", "cart_token", "closed_at", "gross", "status_url"})

# What the buyer's contact may be told of, beside the totals.
_OF_BUYER = frozenset(
    {"person_id", "total", "items", "discount_codes", "test", "source_name", "created_at", "cancelled_at", "deleted_at"}
)

# The time of a state when none was told: of an order of which we heard nothing but that it was deleted.
UNTOLD = datetime(1970, 1, 1, tzinfo=UTC)


def held_order(scope: Scope, order_id: int) -> dict[str, Any] | None:
    """The order as we hold it."""
    if order_id in scope.ahead.orders:
        return scope.ahead.orders[order_id]
    row = scope.connection.execute(_HELD, {"shop_id": scope.shop_id, "id": order_id}).mappings().first()
    return None if row is None else dict(row)


_HELD = select(orders).where(orders.c.shop_id == bindparam("shop_id"), orders.c.id == bindparam("id"))


def project(
    scope: Scope, payload: Mapping[str, Any], items: Sequence[Mapping[str, Any]] | None, *, read: bool = False
) -> None:
    """Apply an order payload (``refunds``: of ``order_events.Refund``) and say what happened to the order.

    ``read``: it was read from the store, which has no newer word.
    """
    customer = payload["customer"]
    email = payload["email"] or payload["contact_email"] or (customer or {}).get("email")
    found = customers.buyer(scope, customer, email)
    held = held_order(scope, payload["id"])
    checkout = checkouts.of_order(scope, payload["checkout_token"], payload["cart_token"])
    if found:
        person_id: int | None = found.person_id
    else:
        person_id = next((one["person_id"] for one in (held, checkout) if one and one["person_id"]), None)
    told = _told(scope, payload, items, person_id)
    new = held is None or held["source_updated_at"] == UNTOLD
    if new:
        created_at = told["created_at"] = told.get("created_at") or scope.now
        told["historical"] = order_events.is_history(scope, created_at, begun_here=checkout is not None)
    elif held is not None and held["status_url"]:
        # Webhooks and the store's GraphQL write the same page in two ways.
        told.pop("status_url", None)
    row, changed = _merged(scope, held, told)
    if held is not None and changed and not read and told["source_updated_at"] == held["source_updated_at"]:
        fetch.wish(scope, "Order", row["id"], urgent=False)
    if checkout is not None and checkout["completed_at"] is None:
        checkouts.complete(scope, checkout["token"], row["created_at"])
    if person_id is not None and (held is None or held["person_id"] is None):
        people.attach(scope, person_id, [("order", str(row["id"]))])
    if changed or held is None or told["source_updated_at"] != held["source_updated_at"]:
        buyer = checkout["person_id"] if checkout else None
        key = row["checkout_token"] or (checkout["token"] if checkout else None)
        newly_paid = held is None or held["financial_status"] != "paid"
        told_of = {**row, "checkout_token": key}
        order_events.of_state(scope, told_of, payload, buyer, first=new, newly_paid=newly_paid)
    keep(scope, held, row, changed)
    if changed.get("discount_codes"):
        redemption.note(scope, row)
    first_heard = bool(found and found.created)
    # Who reads the whole store has read its customers before; of an order of long ago their sums tell already.
    if customer and changed and (first_heard or not (scope.found_by == "backfill" and row["historical"])):
        fetch.wish(scope, "Customer", customer["id"], urgent=first_heard)
    if person_id is not None and payload["buyer_accepts_marketing"] and people.known_by(scope, person_id, email):
        consent.record(
            scope,
            person_id,
            "email",
            consent.SUBSCRIBED,
            source="order",
            evidence_at=row["created_at"],
            implied=True,
            evidence={"order_id": row["id"]},
        )


def _told(
    scope: Scope,
    payload: Mapping[str, Any],
    items: Sequence[Mapping[str, Any]] | None,
    person_id: int | None,
) -> dict[str, Any]:
    """What this payload says, by column; what it does not speak of is left out."""
    customer, codes, gateways = payload["customer"], payload["discount_codes"], payload["payment_gateway_names"]
    values = {
        "id": payload["id"],
        "name": payload["name"],
        "person_id": person_id,
        "customer_id": customer["id"] if customer else None,
        "email": people.normal_email(payload["email"] or payload["contact_email"] or (customer or {}).get("email")),
        "checkout_token": payload["checkout_token"],
        "cart_token": payload["cart_token"],
        "currency": payload["currency"],
        "total": payload["current_total_price"]
        if payload["current_total_price"] is not None
        else payload["total_price"],
        "gross": payload["total_price"],
        "refunds": {str(one.id): str(one.amount) for one in payload["refunds"] if one.amount is not None} or None,
        "financial_status": payload["financial_status"],
        "items": None if items is None else list(items),
        "discount_codes": None if codes is None else [entry["code"] for entry in codes if entry["code"]],
        "billing": billing(payload["billing_address"]),
        "payment_method": next((name for name in gateways or () if name), None),
        "status_url": payload.get("order_status_url"),
        "test": payload["test"],
        "source_name": payload["source_name"],
        "created_at": payload["created_at"],
        "source_updated_at": payload["updated_at"] or payload["created_at"] or scope.now,
        "cancelled_at": payload["cancelled_at"],
    }
    told = {name: value for name, value in values.items() if value is not None}
    # Of these two null is an answer.
    told |= {name: payload[name] for name in ("fulfillment_status", "closed_at") if name in payload}
    return told


def billing(address: Mapping[str, Any] | None) -> dict[str, str] | None:
    """A postal address as ``orders.billing`` keeps it; None when it says nothing."""
    if not address:
        return None
    name = address["name"] or " ".join(part for part in (address["first_name"], address["last_name"]) if part)
    values = {
        "name": name,
        "address": ", ".join(part for part in (address["address1"], address["address2"]) if part),
        "city": address["city"],
        "region": address["province"],
        "postcode": address["zip"],
        "country": address["country"],
        "country_code": address["country_code"],
        "phone": address["phone"],
    }
    return {name: value for name, value in values.items() if value} or None


_EMPTY: Mapping[str, Any] = {
    **dict.fromkeys(column.name for column in orders.c),
    "source_updated_at": UNTOLD,
    "total": Decimal(0),
    "refunds": {},
    "refunded": Decimal(0),
    "items": [],
    "discount_codes": [],
    "test": False,
    "historical": False,
    "version": 0,
}


def _merged(
    scope: Scope, held: Mapping[str, Any] | None, told: Mapping[str, Any]
) -> tuple[dict[str, Any], dict[str, Any]]:
    """The order as it is now, and which columns that changes."""
    before = held if held is not None else {**_EMPTY, "shop_id": scope.shop_id}
    older = held is not None and told["source_updated_at"] < held["source_updated_at"]
    # Money given back, an order cancelled and what it is connected with are true whichever state arrives first.
    lasting = ("person_id", "customer_id", "checkout_token", "cart_token")
    values = dict(told) if not older else {name: told[name] for name in lasting if name in told and not before[name]}
    if before["cancelled_at"] or told.get("cancelled_at"):
        values["cancelled_at"] = before["cancelled_at"] or told["cancelled_at"]
    values["refunds"] = {**before["refunds"], **told.get("refunds", {})}
    values["refunded"] = sum((Decimal(amount) for amount in values["refunds"].values()), Decimal(0))
    changed = {name: value for name, value in values.items() if before[name] != value}
    return {**before, **values}, changed


def bury(scope: Scope, order_id: int, at: datetime) -> None:
    """Keep of an order that we never heard of that it is deleted: word of it may be under way."""
    gone = {**_EMPTY, "shop_id": scope.shop_id, "id": order_id, "created_at": at, "deleted_at": at}
    scope.connection.execute(insert(orders).values(gone))


def keep(scope: Scope, held: Mapping[str, Any] | None, row: Mapping[str, Any], changed: Mapping[str, Any]) -> None:
    """Write what changed of this order, with the person's totals and the wish for Brevo's copy."""
    excluded = row["historical"] or exclusion(row, scope.shop.settings) is not None
    values = {**changed, "counted": _count(scope, held, row, excluded=excluded)}
    seen = held is None or bool(changed.keys() - _UNSEEN)
    if seen:
        values["version"] = row["version"] + 1
    if held is None or changed.keys() & _OF_BUYER:
        _show_buyer(scope, {row["person_id"], held["person_id"] if held else None} - {None})
    if held is None or any(held[name] != value for name, value in values.items()):
        _write(scope, held, row, values)
    if seen and (not excluded or (scope.quiet and scope.found_by and exclusion(row, scope.shop.settings) is None)):
        # An order of long ago too, when the whole store is read: quietly, by the call that starts nothing.
        wishes.wish(scope, "order", row["id"], values["version"])
    elif seen and row["historical"] and held is not None:
        # Brevo has it only when such a reading or a sync that staff asked for has told it.
        wishes.follow(scope, "order", row["id"], values["version"])


def _write(scope: Scope, held: Mapping[str, Any] | None, row: Mapping[str, Any], values: Mapping[str, Any]) -> None:
    order_id = row["id"]
    if order_id in scope.ahead.orders:
        scope.ahead.orders[order_id] = {**row, **values}
        scope.write(orders, {**row, **values})
    elif held is None:
        scope.connection.execute(_FIRST, {**row, **values})
    else:
        mine = (orders.c.shop_id == scope.shop_id) & (orders.c.id == order_id)
        scope.connection.execute(update(orders).where(mine).values(values))


_FIRST = insert(orders)


def _show_buyer(scope: Scope, person_ids: set[int]) -> None:
    """Their contacts show something that is computed from orders, if the shop's mapping does."""
    if profile_sources.look_at_orders(scope.shop):
        lock_persons(scope, person_ids)
        for person_id in sorted(person_ids):
            people.touch(scope, person_id)


def _count(scope: Scope, held: Mapping[str, Any] | None, row: Mapping[str, Any], *, excluded: bool) -> Decimal | None:
    """Bring the person's totals in line with this order; returns what of them is this order.

    An order is worth what is left of it after returns and refunds; one that is cancelled, deleted or kept out by the
    shop's settings is none of the person's orders. Of an imported one the store's own figures tell.
    """
    before: Decimal | None = held["counted"] if held else None
    after: Decimal | None = None
    if not (excluded or row["cancelled_at"] or row["deleted_at"] or row["person_id"] is None):
        after = worth(row)
    before_id: int | None = held["person_id"] if held else None
    lock_persons(scope, {one for one in (before_id, row["person_id"]) if one is not None})
    if before is not None and before_id is not None and (after is None or before_id != row["person_id"]):
        customers.forget_order(scope, before_id, before, row["id"])
        before = None
    if after is not None:
        if before is None:
            moved = before_id not in (None, row["person_id"])
            customers.count_order(scope, row["person_id"], after, row, moved=moved)
        elif after != before:
            customers.correct_order(scope, row["person_id"], after - before)
    elif row["person_id"] is not None and row["person_id"] != before_id and not exclusion(row, scope.shop.settings):
        # It was placed all the same.
        customers.date_order(scope, row["person_id"], row["created_at"])
    return after
