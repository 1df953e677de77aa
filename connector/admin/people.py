"""One person for the eyes of staff: all that is known of them, the newest of each. Reads only; every query names the
shop."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, and_, exists, or_, select

from connector import paging
from connector.admin import flow_words, timeline
from connector.admin.people_search import Found, newest, search
from connector.models.coupon import coupons
from connector.models.flow import flow_versions, flows, runs, timers
from connector.models.identity import identity_conflicts, person_merges
from connector.models.outbox import outbox
from connector.models.person import consent_ledger, consents, identities, persons, suppressions
from connector.models.privacy import privacy_requests
from connector.models.store import checkouts, orders
from connector.models.sync import sync_state
from connector.models.task import tasks
from connector.shops import Shop
from connector.suppression import address_digest

__all__ = [
    "Found",
    "Person",
    "Stay",
    "is_there",
    "newest",
    "orders_of",
    "read",
    "search",
    "stays",
]

_SHOWN = 10
"""Rows of a section that has a page of its own."""
_MOST = 50
_LINES = 15
LIFTABLE = frozenset({"staff", "sunset"})
"""Reasons of suppressions that staff may take back: they were our own doing. The others are the person's word, or the
mailbox's."""


def is_there(connection: Connection, shop_id: int, person_id: int) -> bool:
    """Whether this shop has that person."""
    query = select(persons.c.id).where(persons.c.shop_id == shop_id, persons.c.id == person_id)
    return connection.scalar(query) is not None


@dataclass(frozen=True)
class Person:
    """All that the person's page shows. Rows are those of their tables; lists newest first, ``stays`` live ones first.

    ``copies``: what Brevo has been told of, by kind; ``suppressed``: rows of suppressions of the addresses that they
    have now; ``carts``: checkouts that are no orders yet; ``to_come``: messages that wait, the next first; ``erasing``:
    their erasure is under way.
    """

    profile: Row[Any]
    name: str
    merges: Sequence[Row[Any]]
    conflicts: Sequence[Row[Any]]
    identities: Sequence[Row[Any]]
    consents: Sequence[Row[Any]]
    ledger: Sequence[Row[Any]]
    suppressed: Sequence[Row[Any]]
    orders: Sequence[Row[Any]]
    carts: Sequence[Row[Any]]
    messages: Sequence[Row[Any]]
    to_come: Sequence[Row[Any]]
    coupons: Sequence[Row[Any]]
    tasks: Sequence[Row[Any]]
    stays: Sequence[Stay]
    copies: Sequence[Row[Any]]
    timeline: paging.Page[timeline.Line]
    erasing: bool

    @property
    def gone(self) -> bool:
        """Whether nothing can be done about them any more."""
        return bool(self.profile.erased_at or self.profile.merged_into or self.erasing)


def read(connection: Connection, shop: Shop, person_id: int, *, staff: bool = True) -> Person | None:
    """This person of this shop; None when there is none. ``staff``: with what staff did about them."""
    own = persons.c.shop_id == shop.id
    profile = connection.execute(select(persons).where(own, persons.c.id == person_id)).first()
    if profile is None:
        return None

    def theirs(table: Any, *order: Any, where: Any = None, most: int = _SHOWN) -> Sequence[Row[Any]]:
        query = select(table).where(table.c.shop_id == shop.id, table.c.person_id == person_id)
        if where is not None:
            query = query.where(where)
        return connection.execute(query.order_by(*order).limit(most)).all()

    sent = and_(outbox.c.message != "", outbox.c.state != "due")
    waiting = and_(outbox.c.message != "", outbox.c.state == "due")
    return Person(
        profile=profile,
        name=" ".join(part for part in (profile.first_name, profile.last_name) if part),
        merges=theirs(person_merges, person_merges.c.id.desc()),
        conflicts=_conflicts(connection, shop, person_id),
        identities=theirs(identities, identities.c.kind, identities.c.value, most=_MOST),
        consents=theirs(consents, consents.c.channel, consents.c.purpose, most=_MOST),
        ledger=theirs(consent_ledger, consent_ledger.c.id.desc(), most=_MOST),
        suppressed=_suppressed(connection, shop, profile),
        orders=theirs(orders, orders.c.created_at.desc()),
        carts=theirs(checkouts, checkouts.c.source_updated_at.desc(), where=_open_cart(), most=5),
        messages=theirs(outbox, outbox.c.id.desc(), where=sent),
        to_come=theirs(outbox, outbox.c.due_at, where=waiting),
        coupons=theirs(coupons, coupons.c.id.desc(), where=coupons.c.state == "made"),
        tasks=theirs(tasks, tasks.c.id.desc(), where=tasks.c.state == "open"),
        stays=stays(connection, shop, person_id, _SHOWN),
        copies=_copies(connection, shop, person_id),
        timeline=timeline.read(connection, shop.id, person_id, size=_LINES, staff=staff),
        erasing=_erasing(connection, shop, person_id),
    )


def _open_cart() -> Any:
    return and_(checkouts.c.completed_at.is_(None), checkouts.c.deleted_at.is_(None))


def orders_of(connection: Connection, shop: Shop, person_id: int, after: str | None) -> paging.Page[Row[Any]]:
    """A page of their orders, the newest first. Raises InvalidInput for a cursor that is none of ours."""
    query = select(orders).where(orders.c.shop_id == shop.id, orders.c.person_id == person_id)
    if key := paging.after(after, datetime, int):
        at, order_id = key
        query = query.where(or_(orders.c.created_at < at, and_(orders.c.created_at == at, orders.c.id < order_id)))
    rows = connection.execute(
        query.order_by(orders.c.created_at.desc(), orders.c.id.desc()).limit(paging.SIZE + 1)
    ).all()
    return paging.page(rows, lambda row: (row.created_at, row.id))


@dataclass(frozen=True)
class Stay:
    """One way of a person through a flow. ``step``: where they are, in words; ``wakes_at``: until when they wait there;
    ``ended``: how it ended, in words, "" while they are in it."""

    flow: str
    name: str
    version: int
    key: str
    entered_at: datetime
    ended_at: datetime | None
    live: bool
    step: str = ""
    wakes_at: datetime | None = None
    ended: str = ""


def stays(connection: Connection, shop: Shop, person_id: int, most: int = _MOST) -> list[Stay]:
    """The flows that they are in and have been in: those they are in first, then the newest."""
    named = (flow_versions.c.shop_id == runs.c.shop_id) & (flow_versions.c.flow == runs.c.flow)
    query = (
        select(
            runs,
            flow_versions.c.definition["name"].astext.label("name"),
            select(timers.c.due_at)
            .where(
                timers.c.shop_id == runs.c.shop_id,
                timers.c.kind == "run",
                timers.c.owner == runs.c.id.cast(timers.c.owner.type),
            )
            .order_by(timers.c.due_at)
            .limit(1)
            .scalar_subquery()
            .label("wakes_at"),
        )
        .outerjoin(flow_versions, named & (flow_versions.c.version == runs.c.version))
        .where(runs.c.shop_id == shop.id, runs.c.person_id == person_id)
        .order_by((runs.c.state == "live").desc(), runs.c.entered_at.desc())
        .limit(most)
    )
    return [_stay(row) for row in connection.execute(query)]


def _stay(row: Row[Any]) -> Stay:
    live = row.state == "live"
    return Stay(
        row.flow,
        row.name or flow_words.named(row.flow),
        row.version,
        row.key,
        row.entered_at,
        row.ended_at,
        live,
        flow_words.named(str(row.position.get("at") or "")) if live else "",
        row.wakes_at if live else None,
        "" if live else flow_words.outcome(row.outcome or "finished"),
    )


def flows_of_shop(connection: Connection, shop: Shop) -> Sequence[Row[Any]]:
    """(flow, name, status) of every flow of the shop that has a version, by name."""
    current = (
        (flow_versions.c.shop_id == flows.c.shop_id)
        & (flow_versions.c.flow == flows.c.flow)
        & (flow_versions.c.version == flows.c.version)
    )
    name = flow_versions.c.definition["name"].astext.label("name")
    query = select(flows.c.flow, flows.c.status, name).join(flow_versions, current).where(flows.c.shop_id == shop.id)
    return connection.execute(query.order_by(name, flows.c.flow)).all()


def _conflicts(connection: Connection, shop: Shop, person_id: int) -> Sequence[Row[Any]]:
    """What contradicts between this person and another, the open ones first."""
    table = identity_conflicts
    concerned = or_(table.c.person_id == person_id, table.c.other_id == person_id)
    query = select(table).where(table.c.shop_id == shop.id, concerned)
    return connection.execute(query.order_by(table.c.resolved_at.nulls_first(), table.c.id.desc()).limit(_MOST)).all()


def _suppressed(connection: Connection, shop: Shop, profile: Row[Any]) -> Sequence[Row[Any]]:
    digests = [address_digest(shop.salt, address) for address in (profile.email, profile.phone) if address]
    query = select(suppressions).where(suppressions.c.shop_id == shop.id, suppressions.c.address_digest.in_(digests))
    return connection.execute(query.order_by(suppressions.c.channel)).all()


def _copies(connection: Connection, shop: Shop, person_id: int) -> Sequence[Row[Any]]:
    query = select(sync_state).where(
        sync_state.c.shop_id == shop.id,
        sync_state.c.entity.in_(("contact", "events")),
        sync_state.c.entity_id == person_id,
    )
    return connection.execute(query.order_by(sync_state.c.entity)).all()


def _erasing(connection: Connection, shop: Shop, person_id: int) -> bool:
    asked = exists().where(
        privacy_requests.c.shop_id == shop.id,
        privacy_requests.c.kind == "redact",
        privacy_requests.c.person_id == person_id,
        privacy_requests.c.state.in_(("due", "leased")),
    )
    return bool(connection.scalar(select(asked)))


def names_of(connection: Connection, shop: Shop, person_id: int) -> Mapping[str, Any] | None:
    """{first_name, last_name, email, phone, gone, erasing} of this person of this shop; None when there is none.
    ``erasing``: it was asked for and is not carried out yet."""
    query = select(persons).where(persons.c.shop_id == shop.id, persons.c.id == person_id)
    row = connection.execute(query).first()
    if row is None:
        return None
    gone = bool(row.erased_at or row.merged_into)
    known = {name: getattr(row, name) for name in ("first_name", "last_name", "email", "phone")}
    return known | {"gone": gone, "erasing": not gone and _erasing(connection, shop, person_id)}
