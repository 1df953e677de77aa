"""What would be sent of one person now: the request of the contact, what is left out of it and why, and the events.

It is read and built by the same functions as what is sent; nothing is written anywhere.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, text

from connector.attribute_values import Dropped
from connector.db.session import autocommitted
from connector.deps import Deps
from connector.errors import ConfigurationError, InvalidInput, ProviderError
from connector.event_mapping import defaults, provider_events
from connector.shops import Shop
from flows.core.vocabulary import EventName, event_named
from sync import attributes
from sync.copies import contact, left_over, upsert
from sync.copies.resource import Claim
from sync.mapping import contact as mapping
from sync.orders import UNTOLD


@dataclass(frozen=True)
class Request:
    """A call of Brevo's API, as it would leave. ``path``: below the API's address, /v3."""

    method: str
    path: str
    body: Mapping[str, Any]


@dataclass(frozen=True)
class Left:
    """An attribute that would not be there, and why."""

    name: str
    reason: str


@dataclass(frozen=True)
class Event:
    """``name``: ours; ``real``: it happened to this person, else it is made up of the names of its properties."""

    name: str
    real: bool
    request: Request
    dropped: tuple[Left, ...] = ()


@dataclass(frozen=True)
class Preview:
    """``nothing``: why no contact would be sent, if so. ``left_out``: attributes that are not in the request;
    ``ignored``: those that are and that Brevo would drop; ``events``: one example of each event that Brevo is told of.
    ``notes``: what else there is to know. ``asked``: whether Brevo was asked for its attributes.
    """

    person_id: int
    nothing: str | None
    request: Request | None
    left_out: tuple[Left, ...]
    ignored: tuple[Left, ...]
    events: tuple[Event, ...]
    notes: tuple[str, ...]
    asked: bool


def find(connection: Connection, shop: Shop, *, customer_id: int | None = None, email: str | None = None) -> int:
    """The person whom a customer's id or an address names. Raises InvalidInput when there is nobody."""
    kind, value = (
        ("customer", str(customer_id)) if customer_id is not None else ("email", (email or "").strip().lower())
    )
    found = connection.scalar(_NAMED, {"shop_id": shop.id, "kind": kind, "value": value})
    if found is None:
        raise InvalidInput(f"Nobody at {shop.domain} is known by that {'id' if kind == 'customer' else 'address'}.")
    return int(found)


_NAMED = text("SELECT person_id FROM identities WHERE shop_id = :shop_id AND kind = :kind AND value = :value")


def preview(deps: Deps, shop: Shop, person_id: int, *, offline: bool = False) -> Preview:
    """What Brevo would be told of this person by the mapping of ``shop``, which may be one that is not taken yet.

    ``offline``: without asking Brevo which attributes it has. Raises InvalidInput (WrongMapping too).
    """
    named = mapping.of_shop(shop)
    with autocommitted(deps.engine) as connection:
        # A claim of nothing: what reads a copy asks for no lease.
        claim = Claim("contact", person_id, 0, 0, 0, UNTOLD)
        snapshot = contact.read(connection, shop, [claim]).get(person_id)
        examples = {row.name: row for row in connection.execute(_HAPPENED, {"shop_id": shop.id, "person": person_id})}
    if snapshot is None:
        raise InvalidInput(f"{shop.domain} has no person {person_id}.")
    if isinstance(snapshot.body, left_over.LeftOver):
        return Preview(person_id, "merged into somebody else", None, (), (), (), (), False)
    one: upsert.Contact = snapshot.body
    found = mapping.values(one.person, one.consents, named)
    left_out = tuple(Left(name, value.reason) for name, value in found.items() if isinstance(value, Dropped))
    ignored, notes = _at_brevo(deps, shop, named, found, offline=offline)
    request = None if snapshot.nothing else Request("POST", "/contacts", one.body(named))
    if request is not None and one.lists and "listIds" not in request.body:
        notes.append("Put on no list: no consent.")
    whose = contact.identifiers(shop, {**one.person, "contact_reason": None})
    events = () if snapshot.nothing else tuple(_events(shop, examples, whose))
    return Preview(
        person_id, _said(snapshot.nothing), request, left_out, ignored, events, tuple(notes), asked=not offline
    )


# The newest of each name.
_HAPPENED = text(
    "SELECT DISTINCT ON (name) id, name, props, occurred_at FROM events"
    " WHERE shop_id = :shop_id AND person_id = :person ORDER BY name, occurred_at DESC"
)


def _said(nothing: str | None) -> str | None:
    sayings = {"no_email": "no address is known", "erased": "the person was erased"}
    return None if nothing is None else sayings.get(nothing, nothing)


def _at_brevo(
    deps: Deps, shop: Shop, named: tuple[mapping.Attribute, ...], found: Mapping[str, Any], *, offline: bool
) -> tuple[tuple[Left, ...], list[str]]:
    """What Brevo would drop of the values that are sent, and what there is to say of asking it."""
    if offline:
        return (), ["Brevo was not asked which attributes it has."]
    try:
        unfit = attributes.unfit(named, attributes.defined(deps.brevo(shop)))
    except (ConfigurationError, ProviderError) as error:
        return (), [f"Brevo could not be asked which attributes it has: {error}"]
    sent = (name for name, value in found.items() if not isinstance(value, Dropped))
    return tuple(Left(name, unfit[name]) for name in sent if name in unfit), []


def _events(shop: Shop, examples: Mapping[str, Any], whose: Mapping[str, str]) -> list[Event]:
    shown = []
    for name, event in _told_of(shop).items():
        row = examples.get(name)
        props = row.props if row is not None else {prop: f"<{about}>" for prop, about in event.props.items()}
        at = row.occurred_at if row is not None else UNTOLD
        # An example that is made up has no numbers and no items, which a shape counts.
        if row is None:
            props |= {"items": [], "total": 0} if "items" in props or "total" in props else {}
        for told in provider_events(
            name,
            props,
            shop.settings["event_mapping"],
            left_to_brevo=shop.left_to_brevo,
            shop=shop.name,
            at=at,
            prefix=shop.attribute_prefix,
        ):
            known = {"event_date": at.isoformat()} if row is not None else {}
            properties = {**told.properties, "event_id": str(row.id)} if row is not None else told.properties
            body = {**told.body, **known, "event_properties": properties, "identifiers": dict(whose)}
            dropped = tuple(Left(attribute, reason) for attribute, reason in told.dropped.items())
            shown.append(Event(name, row is not None, Request("POST", "/events", body), dropped))
    return shown


def _told_of(shop: Shop) -> dict[str, EventName]:
    """Our events that are mapped, in the order of the mapping."""
    entries = {**defaults(), **shop.settings["event_mapping"]}
    named = (event for name, entry in entries.items() if entry for event in entry.get("events") or (name,))
    return {name: event for name in named if (event := event_named(name)) is not None}
