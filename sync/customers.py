"""Customers of the store: from their payloads (thin) and from the store itself (whole)."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any

from connector import eventlog
from connector.scope import Scope
from sync import consent, fetch, people
from sync.node_values import decimal, moment, number

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
        fetch.wish(scope, "Customer", customer_id)
    return found.person_id


def buyer(scope: Scope, customer: Mapping[str, Any] | None, email: str | None) -> people.Identified | None:
    """Who buys: by the customer embedded in a checkout or an order and the address given there; None when neither
    names anyone."""
    values = _profile(customer, email) if customer else {}
    return people.identify(scope, customer_id=customer["id"] if customer else None, email=email, profile=values)


def project(scope: Scope, payload: Mapping[str, Any], *, created: bool = False) -> int:
    """Apply a customer payload; returns the person's id.

    The store's updated_at has whole seconds and is shared by several changes, so a payload with the time of the
    state that we hold is applied too, and the object is read again in any case: the payload is thin.
    """
    values = _profile(payload, payload["email"])
    found = people.identify(scope, customer_id=payload["id"], email=payload["email"], profile=values)
    assert found is not None
    person_id, told = found.person_id, payload["updated_at"]
    held: datetime | None = people.held_profile(scope, person_id)["source_updated_at"]
    if not found.created and (held is None or (told is not None and told >= held)):
        if not payload["email"]:
            del values["email"]
        people.update_profile(scope, person_id, {**values, "source_updated_at": told or held})
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


def _profile(customer: Mapping[str, Any], email: str | None) -> dict[str, Any]:
    address = customer["default_address"] or {}
    return {
        "customer_id": customer["id"],
        "email": people.normal_email(email),
        "phone": customer["phone"] or address.get("phone"),
        "first_name": customer["first_name"],
        "last_name": customer["last_name"],
        "country": address.get("country_code"),
        "city": address.get("city"),
        "source_updated_at": customer["updated_at"],
    }


def refresh(scope: Scope, node: Mapping[str, Any]) -> None:
    """Apply a customer as the store's GraphQL tells it (the Customer fields of queries/customers.graphql)."""
    customer_id = number(node["id"])
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
        "total_spent": decimal((node.get("amountSpent") or {}).get("amount")),
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
            evidence_at=moment(email.get("marketingUpdatedAt")),
            level=email.get("marketingOptInLevel"),
        )


def count_order(scope: Scope, person_id: int, total: Decimal, placed_at: datetime) -> None:
    """One more order of this person. The store's own figure follows by fetch."""
    row = people.held_profile(scope, person_id)
    values = {"orders_count": row["orders_count"] + 1, "total_spent": row["total_spent"] + total}
    people.update_profile(scope, person_id, {**values, **_order_dates(row, placed_at)})


def correct_order(scope: Scope, person_id: int, difference: Decimal) -> None:
    """An order that counts comes to more or less than it did."""
    row = people.held_profile(scope, person_id)
    people.update_profile(scope, person_id, {"total_spent": max(row["total_spent"] + difference, Decimal(0))})


def forget_order(scope: Scope, person_id: int, total: Decimal) -> None:
    """An order that counted for ``total`` counts no longer: it was cancelled, deleted, or is somebody else's."""
    row = people.held_profile(scope, person_id)
    if row["orders_count"] > 0:
        left = max(row["total_spent"] - total, Decimal(0))
        people.update_profile(scope, person_id, {"orders_count": row["orders_count"] - 1, "total_spent": left})


def date_order(scope: Scope, person_id: int, placed_at: datetime) -> None:
    """An order that we do not count: an old one, which the store's own figures hold, or one cancelled already."""
    people.update_profile(scope, person_id, _order_dates(people.held_profile(scope, person_id), placed_at))


def _order_dates(row: Mapping[str, Any], placed_at: datetime) -> dict[str, datetime]:
    return {
        "first_order_at": min(row["first_order_at"] or placed_at, placed_at),
        "last_order_at": max(row["last_order_at"] or placed_at, placed_at),
    }


def _whole(value: Any) -> int | None:
    return None if value is None else int(value)
