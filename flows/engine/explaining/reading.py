"""What is on record of people and one flow, read for all of them at once."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from sqlalchemy import Row, RowMapping, bindparam, func, select

from connector.db.rows import among
from connector.models.event import events, pending_events
from connector.models.flow import flow_versions, flows, runs, timers, trail
from connector.models.outbox import outbox
from connector.scope import Scope
from flows.core.model import Event, FlowVersion
from flows.core.standing import moved

LATEST = 5
"""So many events of the trigger are looked at, the newest."""
OPEN = ("due", "leased", "unknown")
"""States of effects that have not come to their end."""


@dataclass
class Record:
    """Of one person. ``happened``: the newest first; ``undecided``: ids of these. ``entered``: the ids of all their
    runs of the flow. ``clocks``: timers of the trigger. ``open``: effects of the flow that are not at their end."""

    happened: list[Event] = field(default_factory=list)
    undecided: set[UUID] = field(default_factory=set)
    entered: set[UUID] = field(default_factory=set)
    trail: list[Row[Any]] = field(default_factory=list)
    clocks: list[Row[Any]] = field(default_factory=list)
    open: list[RowMapping] = field(default_factory=list)


@dataclass(frozen=True)
class Standing:
    """How a flow stands at the shop: ``status`` and ``mode`` as in ``flows``, and its current version."""

    flow: str
    status: str
    mode: str
    version: int


def standing(scope: Scope, flow: str | None = None) -> list[Standing]:
    """The flows of the shop that have a version, by name; only this one when it is named."""
    query = (
        select(flows)
        .join(
            flow_versions,
            (flow_versions.c.shop_id == flows.c.shop_id)
            & (flow_versions.c.flow == flows.c.flow)
            & (flow_versions.c.version == flows.c.version),
        )
        .where(flows.c.shop_id == scope.shop_id)
        .order_by(flows.c.flow)
    )
    if flow is not None:
        query = query.where(flows.c.flow == flow)
    return [Standing(row.flow, row.status, row.mode, row.version) for row in scope.connection.execute(query)]


def records(scope: Scope, person_ids: Sequence[int], flow: FlowVersion) -> Mapping[int, Record]:
    """What each of these people and the flow have had to do with each other."""
    found: dict[int, Record] = defaultdict(Record)
    given = {"shop_id": scope.shop_id, "ids": list(person_ids), "flow": flow.flow}
    names = {"names": [flow.trigger.on, moved(flow.flow)]}
    for row in scope.connection.execute(_HAPPENED, {**given, **names, "most": LATEST}):
        event = Event(
            row.id,
            row.name,
            row.occurred_at,
            row.subject,
            row.key,
            row.person_id,
            row.props,
            row.historical,
            row.seq,
        )
        record = found[row.person_id]
        record.happened.append(event)
        if row.undecided:
            record.undecided.add(row.id)
    for row in scope.connection.execute(_RUNS, given):
        found[row.person_id].entered.add(row.id)
    for row in scope.connection.execute(_TRAIL, given):
        found[row.person_id].trail.append(row)
    for row in scope.connection.execute(_CLOCKS, {**given, "signal": flow.trigger.on}):
        found[row.person_id].clocks.append(row)
    for effect in scope.connection.execute(_OPEN, given).mappings():
        found[effect["person_id"]].open.append(effect)
    return found


def _of_shop(table: Any) -> Any:
    return (table.c.shop_id == bindparam("shop_id")) & among(table.c.person_id, "ids")


_numbered = (
    select(
        events,
        func.row_number()
        .over(partition_by=events.c.person_id, order_by=(events.c.occurred_at.desc(), events.c.seq.desc()))
        .label("place"),
        select(pending_events.c.event_id)
        .where(
            pending_events.c.shop_id == events.c.shop_id,
            pending_events.c.person_id == events.c.person_id,
            pending_events.c.event_id == events.c.id,
        )
        .exists()
        .label("undecided"),
    )
    .where(_of_shop(events), events.c.name.in_(bindparam("names", expanding=True)))
    .subquery()
)
_HAPPENED = select(_numbered).where(_numbered.c.place <= bindparam("most")).order_by(_numbered.c.place)
_RUNS = select(runs.c.id, runs.c.person_id).where(_of_shop(runs), runs.c.flow == bindparam("flow"))
_TRAIL = select(trail).where(_of_shop(trail), trail.c.flow == bindparam("flow")).order_by(trail.c.id)
_CLOCKS = (
    select(timers)
    .where(_of_shop(timers), timers.c.kind == "signal", timers.c.payload["signal"].astext == bindparam("signal"))
    .order_by(timers.c.due_at)
)
_OPEN = (
    select(outbox)
    .where(_of_shop(outbox), outbox.c.flow == bindparam("flow"), outbox.c.state.in_(OPEN))
    .order_by(outbox.c.due_at, outbox.c.id)
)
