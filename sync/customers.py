"""Customers of the store: from their payloads (thin) and from the store itself (whole)."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import select, update

from connector import eventlog
from connector.models.person import persons
from connector.scope import Scope
from sync import consent, fetch, people

# The store's states, in webhooks lower case and in GraphQL upper case.
_STATES = {
    "subscribed": "subscribed",
    "pending": "pending",
    "not_subscribed": "not_subscribed",
    "never_subscribed": "not_subscribed",
    "unsubscribed": "unsubscribed",
    "redacted": "unsubscribed",
    "invalid": "undeliverable",
}


def consent_state(told: str) -> str:
    """Our consent state for the store's; a state that is new to us counts as an opt-out, the safe side."""
    return _STATES.get(told.lower(), "unsubscribed")


def known(scope: Scope, customer_id: int, email: str | None) -> int:
    """The person of a customer, created when this is the first that we hear of it."""
    found = people.identify(scope, customer_id=customer_id, email=email)
    assert found is not None
    if found.created:
        values = {"customer_id": customer_id, "email": people.normal_email(email)}
        people.update_profile(scope, found.person_id, values, wish=bool(email))
        fetch.wish(scope, "Customer", customer_id)
        if email:
            people.touch(scope, found.person_id)
    return found.person_id


def project(scope: Scope, payload: Mapping[str, Any], *, created: bool = False) -> int:
    """Apply a customer payload; returns the person's id.

    The store's updated_at has whole seconds and is shared by several changes, so a payload with the time of the
    state that we hold is applied too, and the object is read again in any case: the payload is thin.
    """
    found = people.identify(scope, customer_id=payload["id"], email=payload["email"])
    assert found is not None
    person_id = found.person_id
    held: datetime | None = scope.connection.execute(
        select(persons.c.source_updated_at).where(persons.c.shop_id == scope.shop_id, persons.c.id == person_id)
    ).scalar_one()
    told, changed = payload["updated_at"], {}
    if held is None or (told is not None and told >= held):
        address = payload["default_address"] or {}
        values = {
            "customer_id": payload["id"],
            "email": people.normal_email(payload["email"]),
            "phone": payload["phone"] or address.get("phone"),
            "first_name": payload["first_name"],
            "last_name": payload["last_name"],
            "country": address.get("country_code"),
            "city": address.get("city"),
            "source_updated_at": told or held,
        }
        if not payload["email"]:
            del values["email"]
        changed = people.update_profile(scope, person_id, values)
    if found.created and not changed:
        # What is fed of this person waits for word of the contact, even when there is no address to make one of.
        people.touch(scope, person_id)
    if created:
        eventlog.append(
            scope,
            [
                eventlog.Fact(
                    "customer_created",
                    f"customer:{payload['id']}",
                    payload["created_at"] or scope.now,
                    f"customer:{payload['id']}",
                    person_id,
                    props={"customer_id": payload["id"]},
                )
            ],
        )
    fetch.wish(scope, "Customer", payload["id"], urgent=found.created)
    return person_id


def refresh(scope: Scope, node: Mapping[str, Any]) -> None:
    """Apply a customer as the store's GraphQL tells it (the Customer fields of queries/customers.graphql)."""
    customer_id = int(str(node["id"]).rsplit("/", 1)[-1])
    email = node.get("defaultEmailAddress") or {}
    found = people.identify(scope, customer_id=customer_id, email=email.get("emailAddress"))
    assert found is not None
    address = node.get("defaultAddress") or {}
    phone = node.get("defaultPhoneNumber") or {}
    values: dict[str, Any] = {
        "customer_id": customer_id,
        "email": people.normal_email(email.get("emailAddress")),
        "phone": phone.get("phoneNumber"),
        "first_name": node.get("firstName"),
        "last_name": node.get("lastName"),
        "locale": node.get("locale"),
        "country": address.get("countryCodeV2"),
        "city": address.get("city"),
        "tags": node.get("tags"),
        "orders_count": _whole(node.get("numberOfOrders")),
        "total_spent": _amount(node.get("amountSpent")),
    }
    # What the answer left out is not known to be empty.
    people.update_profile(scope, found.person_id, {k: v for k, v in values.items() if v is not None})
    if email.get("marketingState"):
        consent.record(
            scope,
            found.person_id,
            "email",
            consent_state(email["marketingState"]),
            source="shopify",
            evidence_at=_moment(email.get("marketingUpdatedAt")),
            level=email.get("marketingOptInLevel"),
        )


def count_order(scope: Scope, person_id: int, total: Decimal, placed_at: datetime) -> int:
    """One more order of this person; returns how many there are now. The store's own figure follows by fetch."""
    row = (
        scope.connection.execute(select(persons).where(persons.c.shop_id == scope.shop_id, persons.c.id == person_id))
        .mappings()
        .one()
    )
    people.update_profile(
        scope,
        person_id,
        {
            "orders_count": row["orders_count"] + 1,
            "total_spent": row["total_spent"] + total,
            "first_order_at": min(row["first_order_at"] or placed_at, placed_at),
            "last_order_at": max(row["last_order_at"] or placed_at, placed_at),
        },
    )
    return int(row["orders_count"]) + 1


def forget_order(scope: Scope, person_id: int, total: Decimal) -> None:
    """An order was cancelled: it counts no longer."""
    scope.connection.execute(
        update(persons)
        .where(persons.c.shop_id == scope.shop_id, persons.c.id == person_id, persons.c.orders_count > 0)
        .values(orders_count=persons.c.orders_count - 1, total_spent=persons.c.total_spent - total)
    )
    people.touch(scope, person_id)


def _whole(value: Any) -> int | None:
    return None if value is None else int(value)


def _amount(value: Mapping[str, Any] | None) -> Decimal | None:
    return None if not value else Decimal(str(value["amount"])).quantize(Decimal("0.01"))


def _moment(value: str | None) -> datetime | None:
    return None if not value else datetime.fromisoformat(value)
