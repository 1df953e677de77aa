"""The event that a flow is tried with: as it last happened to the person, or made up."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any
from uuid import uuid5

from sqlalchemy import select

from connector.models.event import events
from connector.scope import Scope
from flows.content.supposed_event import carried_by
from flows.core.facts import MISSING, lookup
from flows.core.model import Event, FlowVersion
from flows.core.signals import threshold
from flows.engine.explaining.rehearsal import NAMESPACE, once_more

# What tells of the clock that told the event, which is another one now.
_OF_THE_CLOCK = frozenset({"anchor_at", "after_seconds"})
# What is still to come when the event happens.
_ENDS, _SOON = frozenset({"expires_at", "renews_at"}), timedelta(days=30)


@dataclass(frozen=True)
class Supposed:
    """``real``: it is what last happened to them, of now."""

    event: Event
    real: bool


def last(scope: Scope, person_id: int, name: str) -> Event | None:
    """The newest event of this name that happened to this person."""
    mine = (events.c.shop_id == scope.shop_id) & (events.c.person_id == person_id) & (events.c.name == name)
    query = select(events).where(mine).order_by(events.c.occurred_at.desc(), events.c.seq.desc()).limit(1)
    row = scope.connection.execute(query).one_or_none()
    if row is None:
        return None
    return Event(row.id, row.name, row.occurred_at, row.subject, row.key, row.person_id, row.props)


def made_up(flow: FlowVersion, name: str, now: datetime) -> dict[str, Any]:
    """What an event of this name may carry when it starts this flow, to be changed at will."""
    schedule = flow.trigger.schedule
    if schedule is not None and name == flow.trigger.on:
        return {"flow": flow.flow, "occurrence": f"{now:%Y-%m-%d %H:%M}", "schedule": schedule.say()}
    made = {key: value for key, value in carried_by(name).items() if key not in _OF_THE_CLOCK}
    dates = {key: now + (_SOON if key in _ENDS else timedelta(0)) for key in made if key.endswith("_at")}
    return {**made, **{key: at.isoformat(timespec="minutes") for key, at in dates.items()}}


def suppose(
    scope: Scope, flow: FlowVersion, person_id: int, name: str, facts: Mapping[str, Any] | None = None
) -> Supposed:
    """This event as if it happened now. ``facts``: what it carries; None: what it last carried for this person, and
    what is made up when it never happened to them."""
    if facts is None and (before := last(scope, person_id, name)) is not None:
        return Supposed(_of_this_flow(once_more(before, flow, scope.now), flow), True)
    props = dict(made_up(flow, name, scope.now) if facts is None else facts)
    event = Event(
        uuid5(NAMESPACE, f"{flow.flow}:{name}:{person_id}:{scope.now.isoformat()}"), name, scope.now,
        f"person:{person_id}", None, person_id, {**props, **_clock(flow, name, scope.now)},
    )  # fmt: skip
    return Supposed(replace(event, key=_key(flow, event)), False)


def _of_this_flow(event: Event, flow: FlowVersion) -> Event:
    """A clock tells once for each flow's threshold: now it is this flow's."""
    clock = _clock(flow, event.name, event.occurred_at)
    return replace(event, props={**event.props, **clock}) if "after_seconds" in event.props else event


def _clock(flow: FlowVersion, name: str, now: datetime) -> dict[str, Any]:
    """What the flow's own clock would tell: from when it counted, and for how long."""
    after = flow.trigger.after or threshold(name)
    if name != flow.trigger.on or after is None:
        return {}
    return {"anchor_at": (now - after).isoformat(), "after_seconds": int(after.total_seconds())}


def _key(flow: FlowVersion, event: Event) -> str | None:
    """What the event is about: by the flow's own word, or the checkout or cart that it names."""
    found = lookup({"event": event.props}, flow.trigger.key) if flow.trigger.key else MISSING
    if found is MISSING or found in (None, ""):
        found = event.props.get("checkout_token") or event.props.get("cart_token")
    return str(found) if found else None
