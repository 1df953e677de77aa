"""Customers of the store: from their payloads (thin) and from the store itself (whole)."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any

from connector import eventlog
from connector.regions import region_of
from connector.scope import Scope
from connector.suppression import address_digest
from sync import birthdays, conflicts, consent, fetch, figures, merging, people, profile_fields
from sync.loyalty import keeping as loyalty
from sync.merging import runs
from sync.node_values import decimal, moment, number
from sync.order_events import HISTORY

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
# The store's word on open tracking, of which it tells no time.
_TRACKING = {"OPTED_IN": "subscribed", "OPTED_OUT": "unsubscribed"}


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
    names anyone.

    The address is what somebody typed. When the customer's own is another one, it says nothing of who they are.
    """
    if not customer:
        return people.identify(scope, email=email)
    typed, own = people.normal_email(email), people.normal_email(customer["email"])
    if own is None and typed:
        person_id = people.person_of(scope, "customer", str(customer["id"]))
        own = (people.held_profile(scope, person_id)["email"] if person_id is not None else None) or typed
    found = people.identify(scope, customer_id=customer["id"], email=own, profile=_profile(customer, own))
    if found and typed and typed != own:
        other = people.person_of(scope, "email", typed)
        if other is not None:
            conflicts.note(scope, "typed", typed, found.person_id, other)
    return found


def project(scope: Scope, payload: Mapping[str, Any], *, created: bool = False) -> int:
    """Apply a customer payload; returns the person's id.

    The store's updated_at has whole seconds and is shared by several changes, so a payload with the time of the
    state that we hold is applied too, and the object is read again in any case: the payload is thin.
    """
    values = _profile(payload, payload["email"])
    found = people.identify(scope, customer_id=payload["id"], email=payload["email"], profile=values)
    assert found is not None
    person_id, told = found.person_id, payload["updated_at"]
    profile = people.held_profile(scope, person_id)
    held: datetime | None = profile["source_updated_at"]
    # Late word of a customer that was deleted, or merged into another, says nothing of who the person is now.
    still = profile["customer_id"] == payload["id"]
    if still and not found.created and (held is None or (told is not None and told >= held)):
        if not payload["email"]:
            del values["email"]
        people.update_profile(scope, person_id, {**values, "source_updated_at": told or held})
    if created:
        _tell_created(scope, payload["id"], person_id, payload["created_at"] or scope.now)
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
        "region": region_of(address.get("country_code"), address.get("province_code"), address.get("zip")),
        "city": address.get("city"),
        "source_updated_at": customer["updated_at"],
    }


def refresh(scope: Scope, node: Mapping[str, Any]) -> None:
    """Apply a customer as the store's GraphQL tells it (the Customer fields of queries/customers.graphql).

    A state older than the one we hold (of a file that took its time) only tells what we do not know yet.
    """
    customer_id = number(node["id"])
    email = node.get("defaultEmailAddress") or {}
    found = people.identify(scope, customer_id=customer_id, email=email.get("emailAddress"))
    assert found is not None
    held = people.held_profile(scope, found.person_id)
    if held["customer_id"] != customer_id:
        # An answer from before it was deleted, or merged into another.
        return
    told_at = moment(node.get("updatedAt"))
    older = told_at is not None and held["source_updated_at"] is not None and told_at < held["source_updated_at"]
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
        "region": region_of(address.get("countryCodeV2"), address.get("provinceCode"), address.get("zip")),
        "city": address.get("city"),
        "tags": node.get("tags"),
        "orders_count": _whole(node.get("numberOfOrders")),
        "total_spent": decimal((node.get("amountSpent") or {}).get("amount")),
        "source_updated_at": told_at,
    }
    # What the answer left out is not known to be empty.
    values = {name: value for name, value in values.items() if value is not None}
    if older:
        values = {name: value for name, value in values.items() if held[name] is None}
    elif "orders_count" in values:
        since = scope.now - HISTORY
        hold = figures.told(node, since)
        count, spent = figures.missing(scope, held, hold, since)
        values |= {"orders_count": values["orders_count"] + count, "figures_hold": hold}
        if "total_spent" in values:
            values["total_spent"] += spent
    people.update_profile(scope, found.person_id, values)
    if not older:
        profile_fields.keep(scope, found.person_id, node)
        loyalty.from_store(scope, found.person_id, node)
        birthdays.from_store(scope, found.person_id, node)
    _agreed(scope, found.person_id, email, phone)
    created_at, live_since = moment(node.get("createdAt")), scope.shop.live_since
    news = not scope.quiet or scope.found_by is not None
    if news and created_at is not None and live_since is not None and created_at >= live_since:
        # Its delivery may be lost.
        _tell_created(scope, customer_id, found.person_id, created_at)


def _tell_created(scope: Scope, customer_id: int, person_id: int, at: datetime) -> None:
    subject, props = f"customer:{customer_id}", {"customer_id": customer_id}
    eventlog.append(scope, [eventlog.Fact("customer_created", subject, at, subject, person_id, props=props)])


def _agreed(scope: Scope, person_id: int, email: Mapping[str, Any], phone: Mapping[str, Any]) -> None:
    """What the customer agreed to, as the store's GraphQL tells it."""
    if email.get("marketingState"):
        consent.record(
            scope,
            person_id,
            "email",
            consent_state(email["marketingState"]),
            source="shopify",
            evidence_at=moment(email.get("marketingUpdatedAt")),
            level=email.get("marketingOptInLevel"),
        )
    if email.get("openTrackingLevel") in _TRACKING:
        consent.record_tracking(scope, person_id, _TRACKING[email["openTrackingLevel"]])
    for channel, name in (("sms", "smsMarketingConsent"), ("whatsapp", "whatsAppMarketingConsent")):
        told = phone.get(name) or {}
        at = moment(told.get("updatedAt"))
        # Nobody was ever asked, which is so for nearly every number.
        if told.get("state") and (at is not None or consent_state(told["state"]) != "not_subscribed"):
            level = told.get("optInLevel")
            agreed_by_phone(scope, person_id, channel, phone.get("phoneNumber"), told["state"], level, at)


def agreed_by_phone(
    scope: Scope, person_id: int, channel: str, phone: str | None, state: str, level: str | None, at: datetime | None
) -> None:
    """The store's word on a channel of phones. It was given for this number, of which the ledger keeps a digest."""
    evidence = {"address_digest": address_digest(scope.shop.salt, phone)} if phone else None
    consent.record(
        scope,
        person_id,
        channel,
        consent_state(state),
        source="shopify",
        evidence_at=at,
        level=level,
        evidence=evidence,
    )


def merged(scope: Scope, kept_id: int, gone_id: int) -> None:
    """The store has made one customer of two. Their people are one, whichever of them we have heard of."""
    kept = known(scope, kept_id, None)
    gone = people.person_of(scope, "customer", str(gone_id))
    if gone is None:
        people.attach(scope, kept, [("customer", str(gone_id))])
    elif gone != kept:
        if people.held_profile(scope, gone)["customer_id"] not in (None, gone_id):
            # That id was merged into another one's before.
            conflicts.note(scope, "customer", str(gone_id), kept, gone)
            return
        # The store has no such record any more, also when it has deleted the kept one since.
        people.update_profile(scope, gone, {"customer_id": None})
        merging.merge(scope, kept, gone, reason="customer_merge")
    fetch.wish(scope, "Customer", kept_id)


def deleted(scope: Scope, customer_id: int, at: datetime) -> None:
    """The store has deleted the customer: the person and what they bought stay, but nothing vouches for their consent
    any more. Flows end, and none writes to them unless they agree anew.

    A customer that was merged into another one is deleted too, which says nothing of the other.
    """
    person_id = known(scope, customer_id, None)
    profile = people.held_profile(scope, person_id)
    if profile["customer_id"] != customer_id:
        return
    people.update_profile(scope, person_id, {"customer_id": None, "customer_deleted_at": at})
    subject = f"customer:{customer_id}"
    props = {"customer_id": customer_id}
    eventlog.append(
        scope, [eventlog.Fact("customer_deleted", f"{subject}:deleted", at, subject, person_id, props=props)]
    )
    runs.end(scope, runs.live(scope, person_id), "customer_deleted")
    # Without a record of its own it is nobody but who has the address.
    if profile["email"]:
        other = people.person_of(scope, "email", profile["email"])
        if other is not None and other != person_id:
            merging.merge(scope, other, person_id, reason="same_address")


def count_order(scope: Scope, person_id: int, total: Decimal, order: Mapping[str, Any], *, moved: bool) -> None:
    """One more order (a row of ``orders``) of this person, unless the store's own figures hold it already; they follow
    by fetch. ``moved``: it was somebody else's, so that its time says nothing of whose figures hold it."""
    row = people.held_profile(scope, person_id)
    values = _order_dates(row, order["created_at"])
    if moved or not figures.within(row["figures_hold"], order):
        values |= {"orders_count": row["orders_count"] + 1, "total_spent": row["total_spent"] + total}
    people.update_profile(scope, person_id, values)


def correct_order(scope: Scope, person_id: int, difference: Decimal) -> None:
    """An order that counts comes to more or less than it did."""
    row = people.held_profile(scope, person_id)
    people.update_profile(scope, person_id, {"total_spent": max(row["total_spent"] + difference, Decimal(0))})


def forget_order(scope: Scope, person_id: int, total: Decimal, order_id: int) -> None:
    """An order that counted for ``total`` counts no longer: it was cancelled, deleted, or is somebody else's."""
    row = people.held_profile(scope, person_id)
    values: dict[str, Any] = {"figures_hold": figures.without(row["figures_hold"], order_id)}
    if row["orders_count"] > 0:
        left = max(row["total_spent"] - total, Decimal(0))
        values |= {"orders_count": row["orders_count"] - 1, "total_spent": left}
    people.update_profile(scope, person_id, values)


def date_order(scope: Scope, person_id: int, placed_at: datetime) -> None:
    """An order that we do not count: an old one, which the store's own figures hold, or one cancelled already."""
    people.update_profile(scope, person_id, _order_dates(people.held_profile(scope, person_id), placed_at))


def _order_dates(row: Mapping[str, Any], placed_at: datetime) -> dict[str, Any]:
    return {
        "first_order_at": min(row["first_order_at"] or placed_at, placed_at),
        "last_order_at": max(row["last_order_at"] or placed_at, placed_at),
    }


def _whole(value: Any) -> int | None:
    return None if value is None else int(value)
