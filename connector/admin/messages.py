"""Messages for the eyes of staff: the list of all of them, and everything about one.

No list is counted or skipped through. What a filter finds rarely is looked for in a stretch of the list at a time, so
that a page costs the same however many messages there are.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import Column, ColumnElement, Connection, Row, and_, or_, select

from connector import paging
from connector.admin import reasons
from connector.admin.timeline import REPEATED
from connector.models.event import events
from connector.models.flow import flow_versions, runs, trail
from connector.models.outbox import attempts, message_contents, outbox
from connector.models.person import persons
from connector.scope import Scope
from connector.sent_contents import opened
from connector.shops import Shop
from connector.suppression import address_digest
from flows.channels import CHANNELS
from flows.content.problems import ContentProblem
from flows.core.gate import Defer, Skip
from flows.engine.drafts import Drafts

STRETCH = 2_000
"""So many messages are looked through for one page."""
_MOST = 100
# Ids are given out a little before rows are written: of a day its neighbours are looked at too.
_NEIGHBOURS = 1_000
_LATE = timedelta(hours=1)


@dataclass(frozen=True)
class Filter:
    """What a list is of; "" and None: all. ``reason``: a code, or the first word of what a provider said;
    ``reported``: what was told of it (``reasons.REPORTED``)."""

    state: str = ""
    flow: str = ""
    channel: str = ""
    reason: str = ""
    reported: str = ""
    person: int | None = None
    day: date | None = None


@dataclass(frozen=True)
class Found:
    """``names``: {person id: (first name, last name, email)} of those on the page. ``back_to``: the list was looked
    through back to this moment and there is more behind it; None: what was asked for is all here, or fills the page."""

    page: paging.Page[Row[Any]]
    names: Mapping[int, tuple[str | None, str | None, str | None]] = field(default_factory=dict)
    back_to: datetime | None = None


_Order = tuple[Column[Any], bool]
# State -> what its index is ordered by, and whether from the end. Others: by id, the newest first.
_ORDER: Mapping[str, _Order] = {
    "failed": (outbox.c.created_at, True),
    "due": (outbox.c.due_at, False),
    "leased": (outbox.c.lease_real, False),
    "unknown": (outbox.c.lease_real, False),
}


def listed(connection: Connection, shop: Shop, asked: Filter, after: str | None) -> Found:
    """A page of the messages asked for. Raises InvalidInput for a cursor that is none of ours."""
    base = [outbox.c.shop_id == shop.id]
    order: _Order | None = None
    if asked.person is not None:
        base.append(outbox.c.person_id == asked.person)
    elif asked.state in _ORDER:
        # Named here, so that the index of this state alone is read.
        base.append(outbox.c.state == asked.state)
        order = _ORDER[asked.state]
    elif asked.reported == "complained":
        # Few, and looked for by whoever has to find out why: the newest complaint first.
        base.append(outbox.c.complained_at.is_not(None))
        order = outbox.c.complained_at, True
    elif asked.day is not None and after is None:
        base.append(outbox.c.id <= _id_at(connection, shop.id, _day(shop, asked.day)[1]) + _NEIGHBOURS)
    return _stretch(connection, shop, base, asked, order, after)


def _wanted(columns: Any, shop: Shop, asked: Filter) -> list[ColumnElement[bool]]:
    """What is asked of each of them. ``columns``: of outbox, or of a part of it."""
    wanted: list[ColumnElement[bool]] = [columns.message != ""]
    for name in ("state", "flow", "channel"):
        if value := getattr(asked, name):
            wanted.append(columns[name] == value)
    if asked.reason:
        said = columns.reason.startswith(f"{asked.reason}:", autoescape=True)
        wanted.append(or_(columns.reason == asked.reason, said))
    if asked.reported:
        wanted.append(columns[f"{asked.reported}_at"].is_not(None))
    if asked.day is not None:
        begins, ends = _day(shop, asked.day)
        wanted.append(and_(columns.created_at >= begins, columns.created_at < ends))
    return wanted


def _stretch(
    connection: Connection,
    shop: Shop,
    base: Sequence[ColumnElement[bool]],
    asked: Filter,
    order: _Order | None,
    after: str | None,
) -> Found:
    column, backwards = order or (outbox.c.id, True)
    keys: tuple[Column[Any], ...] = (outbox.c.id,) if order is None else (column, outbox.c.id)
    kinds: tuple[type, ...] = (int,) if order is None else (datetime, int)
    where = list(base)
    if key := paging.after(after, *kinds):
        where.append(_beyond(keys, key, backwards))
    some = select(outbox).where(*where).order_by(*_ordered(keys, backwards)).limit(STRETCH).subquery()
    query = select(some).where(*_wanted(some.c, shop, asked))
    by = _ordered([some.c[one.name] for one in keys], backwards)
    rows = connection.execute(query.order_by(*by).limit(paging.SIZE + 1)).all()

    def place(row: Row[Any]) -> tuple[Any, ...]:
        return tuple(row._mapping[one.name] for one in keys)

    page, back_to = paging.page(rows, place), None
    if page.next is None:
        ends = select(outbox).where(*where).order_by(*_ordered(keys, backwards)).offset(STRETCH - 1).limit(1)
        last = connection.execute(ends).first()
        if last is not None and not _is_past(shop, asked, order, last):
            page, back_to = paging.Page(rows, paging.page([last, last], place, 1).next), last.created_at
    return Found(page, _names(connection, shop, {row.person_id for row in page.rows}), back_to)


def _is_past(shop: Shop, asked: Filter, order: _Order | None, last: Row[Any]) -> bool:
    """Whether nothing of the day asked for comes behind this one any more."""
    by_time = order is None or order[0] is outbox.c.created_at
    return asked.day is not None and by_time and last.created_at < _day(shop, asked.day)[0] - _LATE


def _ordered(keys: Sequence[Any], backwards: bool) -> list[Any]:
    return [key.desc() if backwards else key.asc() for key in keys]


def _beyond(keys: Sequence[Column[Any]], key: Sequence[Any], backwards: bool) -> ColumnElement[bool]:
    first, *others = keys
    beyond = first < key[0] if backwards else first > key[0]
    return or_(beyond, and_(first == key[0], _beyond(others, key[1:], backwards))) if others else beyond


def _day(shop: Shop, day: date) -> tuple[datetime, datetime]:
    """From when to when it is this day where the shop is."""
    zone = ZoneInfo(shop.timezone)
    return tuple(datetime.combine(one, time(), zone) for one in (day, day + timedelta(days=1)))  # type: ignore[return-value]


def _id_at(connection: Connection, shop_id: int, moment: datetime) -> int:
    """Where in the order of their ids the messages of this moment stand, by halving: ids are given out as time goes."""
    ids = select(outbox.c.id).where(outbox.c.shop_id == shop_id)
    low = connection.scalar(ids.order_by(outbox.c.id).limit(1)) or 0
    high = connection.scalar(ids.order_by(outbox.c.id.desc()).limit(1)) or 0
    rows = select(outbox.c.id, outbox.c.created_at).where(outbox.c.shop_id == shop_id).order_by(outbox.c.id).limit(1)
    while low < high:
        middle = (low + high) // 2
        found = connection.execute(rows.where(outbox.c.id >= middle)).first()
        if found is None or found.created_at >= moment:
            high = middle
        else:
            low = found.id + 1
    return low


def _names(connection: Connection, shop: Shop, ids: set[int]) -> dict[int, tuple[str | None, str | None, str | None]]:
    query = select(persons.c.id, persons.c.first_name, persons.c.last_name, persons.c.email).where(
        persons.c.shop_id == shop.id, persons.c.id.in_(ids)
    )
    return {row.id: (row.first_name, row.last_name, row.email) for row in connection.execute(query)} if ids else {}


# --- one message


@dataclass(frozen=True)
class Happened:
    """Something that the provider or the person did with a message, or that was decided about it."""

    at: datetime
    text: str
    detail: str = ""


@dataclass(frozen=True)
class Content:
    """What a message looks like. ``kept``: it is what was sent; else it is written anew with what is known now.
    ``names``: what they were called then; ``problem``: why there is nothing to show, in a sentence."""

    subject: str = ""
    sender: str = ""
    html: str = ""
    text: str = ""
    kept: bool = False
    problem: str = ""
    names: tuple[str | None, ...] = ()


@dataclass(frozen=True)
class Message:
    """``row``: of the outbox; ``person``: of persons. ``why``: what became of it and why, in a sentence; ``address``:
    what it went to, "" when they have another one by now. ``decided``: oldest first, like ``reported``."""

    row: Row[Any]
    person: Row[Any]
    flow_name: str
    why: str
    address: str
    attempts: Sequence[Row[Any]]
    reported: Sequence[Happened]
    decided: Sequence[Happened]


def read(connection: Connection, shop: Shop, message_id: int) -> Message | None:
    """This message of this shop; None when there is none."""
    row = _row(connection, shop.id, message_id)
    if row is None:
        return None
    person = connection.execute(
        select(persons).where(persons.c.shop_id == shop.id, persons.c.id == row.person_id)
    ).one()
    lines = _lines(connection, row)
    return Message(
        row,
        person,
        _flow_name(connection, row),
        _why(row, lines),
        _address(shop, row, person),
        connection.execute(
            select(attempts)
            .where(
                attempts.c.shop_id == shop.id,
                attempts.c.outbox_id == row.id,
                attempts.c.outbox_created_at == row.created_at,
            )
            .order_by(attempts.c.n)
            .limit(_MOST)
        ).all(),
        _reported(connection, row),
        [Happened(line.at, reasons.decision(line.code, line.detail)) for line in lines],
    )


def _row(connection: Connection, shop_id: int, message_id: int) -> Row[Any] | None:
    query = select(outbox).where(outbox.c.shop_id == shop_id, outbox.c.id == message_id, outbox.c.message != "")
    return connection.execute(query).first()


def _lines(connection: Connection, row: Row[Any]) -> Sequence[Row[Any]]:
    """What the trail of its run says of this message."""
    query = select(trail).where(trail.c.shop_id == row.shop_id, trail.c.run_id == row.run_id, trail.c.step == row.step)
    found = connection.execute(query.order_by(trail.c.id).limit(_MOST)).all()
    told = (line for line in found if line.code not in REPEATED)
    return [line for line in told if line.detail.get("message") in (None, row.message)]


def _why(row: Row[Any], lines: Sequence[Row[Any]]) -> str:
    """The reason that stands with it, with the numbers of the line that decided."""
    decided = (line for line in reversed(lines) if line.detail.get("reason") == row.reason)
    line = next(decided, None)
    return reasons.sentence(row.reason, line.detail if line else None)


def _flow_name(connection: Connection, row: Row[Any]) -> str:
    name = connection.scalar(
        select(flow_versions.c.definition["name"].astext).where(
            flow_versions.c.shop_id == row.shop_id,
            flow_versions.c.flow == row.flow,
            flow_versions.c.version == row.version,
        )
    )
    return str(name or row.flow)


def _address(shop: Shop, row: Row[Any], person: Row[Any]) -> str:
    for address in (person.email, person.phone):
        if address and row.recipient_digest == address_digest(shop.salt, address):
            return str(address)
    return ""


def _reported(connection: Connection, row: Row[Any]) -> list[Happened]:
    query = select(events).where(
        events.c.shop_id == row.shop_id, events.c.subject == f"message:{row.id}", events.c.name != "message_settled"
    )
    told = connection.execute(query.order_by(events.c.occurred_at, events.c.seq).limit(_MOST))
    return [Happened(one.occurred_at, _report(one), _report_detail(one.props)) for one in told]


def _report(event: Row[Any]) -> str:
    return _REPORTS.get(event.name, event.name.removeprefix("message_").replace("_", " "))


def _report_detail(props: Mapping[str, Any]) -> str:
    return ", ".join(str(props[name]) for name in ("link", "reason") if props.get(name))


_REPORTS: Mapping[str, str] = {
    "message_requested": "The provider has taken it on.",
    "message_delivered": "It reached the mailbox or the telephone.",
    "message_opened": "It was opened.",
    "message_opened_by_proxy": "The mail program loaded its pictures, which says nothing about the person.",
    "message_clicked": "A link in it was followed.",
    "message_bounced": "It came back for good.",
    "message_soft_bounced": "It came back for now.",
    "message_deferred": "The mailbox's provider put it off.",
    "message_blocked": "The provider has the address on its blocklist.",
    "message_error": "The provider could not send it.",
    "message_complained": "It was reported as spam.",
    "message_unsubscribed": "They unsubscribed.",
    "message_replied": "They answered.",
    "message_read": "It was read.",
    "message_other": "The provider told something that is new to us.",
}


def content(scope: Scope, message_id: int) -> Content:
    """What this message looked like, or would look like now. Raises LookupError."""
    row = _row(scope.connection, scope.shop_id, message_id)
    if row is None:
        raise LookupError(f"there is no message {message_id}")
    if row.state != "due" and (kept := _kept(scope.connection, row)):
        return _shown(kept, kept=True)
    return _anew(scope, row)


def _kept(connection: Connection, row: Row[Any]) -> dict[str, Any]:
    found = connection.scalar(
        select(message_contents.c.content).where(
            message_contents.c.shop_id == row.shop_id,
            message_contents.c.outbox_id == row.id,
            message_contents.c.outbox_created_at == row.created_at,
        )
    )
    return opened(bytes(found)) if found is not None else {}


def _anew(scope: Scope, row: Row[Any]) -> Content:
    run = select(runs.c.id).where(runs.c.shop_id == scope.shop_id, runs.c.id == row.run_id)
    if scope.connection.scalar(run) is None:
        return Content(problem="What it looked like is not kept, and what it was written from is gone.")
    try:
        draft = Drafts(scope, [row._mapping]).draft(row._mapping)
    except (LookupError, ContentProblem):
        return Content(problem="It cannot be written anew: what it was written from is gone.")
    if draft.written is None:
        objection = draft.known.channel_objects
        why = objection.reason if isinstance(objection, Defer | Skip) else "render"
        return Content(problem=reasons.sentence(why, {"problem": draft.known.render_problem}))
    shown = CHANNELS[row.channel].content(draft.written.request)
    return _shown(shown, kept=False)


def _shown(content: Mapping[str, Any], *, kept: bool) -> Content:
    subject, sender, html, text = (str(content.get(name) or "") for name in ("subject", "sender", "html", "text"))
    return Content(subject, sender, html, text, kept, names=tuple(content.get("names") or ()))
