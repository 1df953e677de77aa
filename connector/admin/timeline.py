"""What happened to one person, in and out, as sentences: the newest first, a page at a time.

Four records are read side by side, each by its index of the person: what came in, what was sent, what was decided, and
what staff did. None of them is read further back than the page needs.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Connection, Row, Select, and_, or_, select

from connector import paging
from connector.admin import flow_words, reasons
from connector.models.event import events
from connector.models.flow import trail
from connector.models.outbox import outbox
from connector.models.staff import audit_log
from connector.models.sync import feed
from flows.core.vocabulary import event_named

CAME, MESSAGES, DECIDED, STAFF = "came", "messages", "decided", "staff"
KINDS: Mapping[str, str] = {
    CAME: "Came in",
    MESSAGES: "Messages",
    DECIDED: "Decided",
    STAFF: "Staff",
}
"""Kind of a line -> how it is called."""

# Facts that only carry a decision on; the trail tells them better.
_UNTOLD = ("message_settled", "message_requested", "checkout_updated")
REPEATED = ("message_accepted", "message_failed")
"""Codes of a trail that say once more what is said there already."""
_REPORT = "message_"

_STAFF_DID: Mapping[str, str] = {
    "person.reveal": "Looked at their address and number.",
    "person.merge": "Said that two records are one person.",
    "person.keep_apart": "Said that two records are two people.",
    "person.suppress": "Stopped marketing to them.",
    "person.lift": "Let marketing go on.",
    "person.opt_out": "Noted that they want no marketing.",
    "person.export_start": "Had what is stored of them put together.",
    "person.export": "Handed out what is stored of them.",
    "person.erase": "Asked for their erasure.",
}


@dataclass(frozen=True)
class Line:
    """One line. ``message``: the message that it is about, when it is one of ours; ``told``: what Brevo was told of it;
    ``who``: the actor, of what staff did."""

    at: datetime
    kind: str
    text: str
    about: str = ""
    flow: str = ""
    message: int | None = None
    told: str = ""
    who: str = ""
    event_id: UUID | None = None
    place: tuple[int, int] = (0, 0)


def read(
    connection: Connection,
    shop_id: int,
    person_id: int,
    after: str | None = None,
    kind: str = "",
    size: int = 50,
    *,
    staff: bool = True,
) -> paging.Page[Line]:
    """A page of lines; of one kind only when it is named. ``staff``: also what staff did. Raises InvalidInput for a
    cursor that is none of ours."""
    key = paging.after(after, datetime, int, int)
    lines: list[Line] = []
    for rank, (names, source) in enumerate(_SOURCES):
        if (not kind or kind in names) and (staff or STAFF not in names):
            query, told = source(shop_id, person_id, kind)
            lines += _of(connection, rank, query, told, key, size)
    lines.sort(key=lambda line: (line.at, line.place), reverse=True)
    page = paging.page(lines, lambda line: (line.at, *line.place), size)
    return replace(page, rows=_with_brevo(connection, shop_id, page.rows))


@dataclass(frozen=True)
class _Query:
    """``at`` and ``id``: what its rows are ordered by."""

    query: Select[Any]
    at: ColumnElement[Any]
    id: ColumnElement[Any]


_Telling = Callable[[Row[Any]], Line]


def _of(
    connection: Connection, rank: int, asked: _Query, told: _Telling, key: tuple[Any, ...] | None, size: int
) -> Iterable[Line]:
    query = asked.query
    if key is not None:
        at, its_rank, its_id = key
        same = asked.at == at
        if rank == its_rank:
            query = query.where(or_(asked.at < at, and_(same, asked.id < its_id)))
        else:
            query = query.where(asked.at <= at if rank < its_rank else asked.at < at)
    rows = connection.execute(query.order_by(asked.at.desc(), asked.id.desc()).limit(size + 1))
    return [replace(told(row), place=(rank, row._mapping[asked.id.name])) for row in rows]


def _came(shop_id: int, person_id: int, kind: str) -> tuple[_Query, _Telling]:
    query = select(events).where(
        events.c.shop_id == shop_id, events.c.person_id == person_id, events.c.name.not_in(_UNTOLD)
    )
    report = events.c.name.startswith(_REPORT, autoescape=True)
    if kind:
        query = query.where(report if kind == MESSAGES else ~report)
    return _Query(query, events.c.occurred_at, events.c.seq), _event


def _event(row: Row[Any]) -> Line:
    report = row.name.startswith(_REPORT)
    subject, _, number = row.subject.partition(":")
    known = event_named(row.name)
    said = known.about.partition(";")[0].replace("*", "") if known else flow_words.event(row.name)
    return Line(
        row.occurred_at,
        MESSAGES if report else CAME,
        f"{said[:1].upper()}{said[1:].rstrip('.')}.",
        _about(row.name, row.props) + (" (imported)" if row.historical else ""),
        str(row.props.get("flow") or "") if report else "",
        int(number) if report and subject == "message" and number.isdecimal() else None,
        event_id=row.id,
    )


def _about(name: str, props: Mapping[str, Any]) -> str:
    told = []
    if props.get("order_name"):
        told.append(str(props["order_name"]))
    if "total" in props:
        told.append(f"{props['total']} {props.get('currency') or ''}".strip())
    if "channel" in props and "purpose" in props:
        told.append(f"{props['channel']}, {flow_words.named(str(props['purpose']))}")
    if "new" in props:
        old, new = (flow_words.named(str(props.get(name) or "nothing known")) for name in ("old", "new"))
        told.append(f"{old} → {new}")
    if name == "consent_changed" and props.get("source"):
        told.append(f"told by {props['source']}")
    told += [str(props[one])[:80] for one in ("title", "link", "tag", "plan", "message") if props.get(one)]
    return ", ".join(told)


def _sent(shop_id: int, person_id: int, kind: str) -> tuple[_Query, _Telling]:
    query = select(outbox).where(
        outbox.c.shop_id == shop_id,
        outbox.c.person_id == person_id,
        outbox.c.message != "",
        outbox.c.sent_at.is_not(None),
    )
    return _Query(query, outbox.c.sent_at, outbox.c.id), _message


def _message(row: Row[Any]) -> Line:
    called = flow_words.CHANNELS.get(row.channel, row.channel)
    return Line(row.sent_at, MESSAGES, f"{called} sent.", row.subject or row.message, row.flow, row.id)


def _decided(shop_id: int, person_id: int, kind: str) -> tuple[_Query, _Telling]:
    query = select(trail).where(
        trail.c.shop_id == shop_id, trail.c.person_id == person_id, trail.c.code.not_in(REPEATED)
    )
    return _Query(query, trail.c.at, trail.c.id), _decision


def _decision(row: Row[Any]) -> Line:
    about = flow_words.named(row.step or "")
    if row.detail.get("message"):
        about = str(row.detail["message"])
    return Line(row.at, DECIDED, reasons.decision(row.code, row.detail), about, row.flow or "")


def decided(connection: Connection, shop_id: int, person_id: int, flow: str, most: int = 50) -> list[Line]:
    """What was decided last about this person in one flow, the newest first."""
    asked, told = _decided(shop_id, person_id, DECIDED)
    rows = connection.execute(asked.query.where(trail.c.flow == flow).order_by(trail.c.id.desc()).limit(most))
    return [told(row) for row in rows]


def _done(shop_id: int, person_id: int, kind: str) -> tuple[_Query, _Telling]:
    query = select(audit_log).where(
        audit_log.c.shop_id == shop_id,
        audit_log.c.object_kind == "person",
        audit_log.c.object_id == str(person_id),
    )
    return _Query(query, audit_log.c.at, audit_log.c.id), _act


def _act(row: Row[Any]) -> Line:
    return Line(row.at, STAFF, _STAFF_DID.get(row.act, flow_words.named(row.act).replace(".", " ")), who=row.actor)


_SOURCES: tuple[tuple[frozenset[str], Callable[[int, int, str], tuple[_Query, _Telling]]], ...] = (
    (frozenset({CAME, MESSAGES}), _came),
    (frozenset({DECIDED}), _decided),
    (frozenset({MESSAGES}), _sent),
    (frozenset({STAFF}), _done),
)
"""The kinds that a record holds, and how it is read. Of one moment the later ones are told as later."""


def _with_brevo(connection: Connection, shop_id: int, lines: Iterable[Line]) -> list[Line]:
    """The same lines with what Brevo was told of the events among them."""
    lines = list(lines)
    ids = [line.event_id for line in lines if line.event_id]
    if not ids:
        return lines
    told: dict[UUID, list[str]] = {}
    for row in connection.execute(select(feed).where(feed.c.shop_id == shop_id, feed.c.event_id.in_(ids))):
        said = {
            "sent": f"Brevo was told of it as “{row.name}”.",
            "refused": f"Brevo refused it as “{row.name}”: {row.reason}",
        }
        told.setdefault(row.event_id, []).append(said.get(row.state, f"Brevo is to be told of it as “{row.name}”."))
    return [replace(line, told=" ".join(told.get(line.event_id, []))) if line.event_id else line for line in lines]
