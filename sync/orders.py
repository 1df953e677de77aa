"""Orders: the truth about purchases. An order reaches flows by its person and by the checkout it came from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert

from connector import eventlog
from connector.eventlog import Fact
from connector.models.person import persons
from connector.models.store import orders
from connector.scope import Scope
from sync import checkouts, consent, customers, fetch, people

# Deliveries may be a day late; an order first heard of later than this is none of a delivery's doing.
HISTORY = timedelta(days=3)


def exclusion(payload: Mapping[str, Any], settings: Mapping[str, Any]) -> str | None:
    """Why this order starts no flow and counts as no revenue, if so: it still ends what it should end."""
    if payload["test"] and not settings["include_test_orders"]:
        return "test"
    if payload["source_name"] == "pos" and not settings["include_pos_orders"]:
        return "pos"
    if payload["source_name"] == "shopify_draft_order" and not settings["include_draft_orders"]:
        return "draft"
    return None


def project(scope: Scope, payload: Mapping[str, Any], items: Sequence[Mapping[str, Any]]) -> None:
    """Apply an order payload and say what happened to the order."""
    order_id = payload["id"]
    customer = payload["customer"]
    email = payload["email"] or payload["contact_email"] or (customer or {}).get("email")
    found = people.identify(scope, customer_id=customer["id"] if customer else None, email=email)
    person_id = found.person_id if found else None
    if found and found.created:
        if customer:
            customers.project(scope, {**customer, "email": customer["email"] or email})
        people.touch(scope, found.person_id)
    checkout = checkouts.of_order(scope, payload["checkout_token"], payload["cart_token"])
    if person_id is None and checkout is not None:
        person_id = checkout["person_id"]
    held = (
        scope.connection.execute(select(orders).where(orders.c.shop_id == scope.shop_id, orders.c.id == order_id))
        .mappings()
        .first()
    )
    created_at = payload["created_at"] or scope.now
    updated_at = payload["updated_at"] or created_at
    values = {
        "name": payload["name"],
        "person_id": person_id,
        "email": people.normal_email(email),
        "checkout_token": payload["checkout_token"],
        "cart_token": payload["cart_token"],
        "currency": payload["currency"],
        "total": payload["current_total_price"] or payload["total_price"] or Decimal(0),
        "financial_status": payload["financial_status"],
        "fulfillment_status": payload["fulfillment_status"],
        "items": list(items),
        "discount_codes": [entry["code"] for entry in payload["discount_codes"] if entry["code"]],
        "test": bool(payload["test"]),
        "source_name": payload["source_name"],
        "created_at": created_at,
        "source_updated_at": updated_at,
        "cancelled_at": payload["cancelled_at"],
    }
    if held is None or updated_at >= held["source_updated_at"]:
        if held and held["cancelled_at"]:
            values["cancelled_at"] = held["cancelled_at"]
        statement = insert(orders).values(shop_id=scope.shop_id, id=order_id, **values)
        scope.connection.execute(statement.on_conflict_do_update(index_elements=["shop_id", "id"], set_=values))
    if checkout is not None:
        checkouts.complete(scope, checkout["token"], created_at)
    if person_id is not None:
        people.attach(scope, person_id, [("order", str(order_id))])
    _tell(scope, payload, values, person_id, checkout)
    if customer:
        fetch.wish(scope, "Customer", customer["id"], urgent=bool(found and found.created))
    if person_id is not None and payload["buyer_accepts_marketing"] and email:
        consent.record(
            scope,
            person_id,
            "email",
            consent.SUBSCRIBED,
            source="order",
            evidence_at=created_at,
            implied=True,
        )


def _tell(
    scope: Scope,
    payload: Mapping[str, Any],
    values: Mapping[str, Any],
    person_id: int | None,
    checkout: Mapping[str, Any] | None,
) -> None:
    subject = f"order:{payload['id']}"
    excluded = exclusion(payload, scope.shop.settings)
    key = values["checkout_token"] or (checkout["token"] if checkout else None)
    props = {
        "order_id": payload["id"],
        "order_name": values["name"],
        "checkout_token": key,
        "total": str(values["total"]),
        "currency": values["currency"],
        "items": values["items"],
        "discount_codes": values["discount_codes"],
        "test": values["test"],
        "source_name": values["source_name"],
        "excluded": excluded,
        "orders_before": _orders_before(scope, person_id),
    }
    buyer = checkout["person_id"] if checkout else None
    reaches = (buyer,) if buyer is not None and buyer != person_id else ()

    def fact(name: str, identity: str, at: datetime) -> Fact:
        return Fact(name, f"{subject}{identity}", at, subject, person_id, key, props, reaches=reaches)

    placed = fact("order_placed", "", values["created_at"])
    if checkout is None and values["created_at"] < scope.now - HISTORY:
        # First heard of long after it was placed (an old order is edited): history, which starts and ends nothing.
        placed = replace(placed, historical=True)
    facts = [placed]
    if values["financial_status"] == "paid":
        facts.append(fact("order_paid", ":paid", values["source_updated_at"]))
    if payload["cancelled_at"]:
        facts.append(fact("order_cancelled", ":cancelled", payload["cancelled_at"]))
    new = {found.name for found in eventlog.append(scope, facts).values()}
    if excluded is not None or person_id is None:
        return
    if "order_placed" in new:
        customers.count_order(scope, person_id, values["total"], values["created_at"])
    if "order_cancelled" in new:
        customers.forget_order(scope, person_id, values["total"])


def _orders_before(scope: Scope, person_id: int | None) -> int | None:
    if person_id is None:
        return None
    query = select(persons.c.orders_count).where(persons.c.shop_id == scope.shop_id, persons.c.id == person_id)
    return int(scope.connection.execute(query).scalar_one())
