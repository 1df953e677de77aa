"""What steps change at once, without asking anybody outside (``flows.engine.changes``): one function and one line of
CHANGES each."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from uuid import uuid5

from flows.core import activity, standing
from flows.core.model import Change, Event, Note, Run
from flows.core.signals import NewEvent
from flows.core.steps.event import CHANGE as EVENT
from flows.core.steps.move_to import ENTER
from flows.core.steps.score import CHANGE as SCORE
from flows.core.vocabulary import CUSTOM
from flows.simulator.cast import Cast
from flows.simulator.post import ADDRESSES
from flows.simulator.shopper import Shopper

SUNSET = "sunset"
"""Why somebody is left alone whom a flow has given up."""


@dataclass(frozen=True)
class Made:
    """What came of a change: events to be decided, lines for the trail, and what is remembered of the person."""

    events: tuple[NewEvent, ...] = ()
    notes: tuple[Note, ...] = ()
    noted: activity.Noted | None = None


def make(cast: Cast, shopper: Shopper, run: Run, change: Change, now: datetime) -> Made:
    """What this change comes to. Raises LookupError for a kind that nobody knows."""
    return CHANGES[change.kind](cast, shopper, run, change, now)


def _enter(cast: Cast, shopper: Shopper, run: Run, change: Change, now: datetime) -> Made:
    flow, event = change.data["flow"], change.data.get("event")
    if flow not in cast.by_name:
        return Made(notes=(Note("not_let_in", {"flow": flow}),))
    props, key, at = (
        (event["props"], event["key"], datetime.fromisoformat(event["occurred_at"]))
        if event
        else (run.trigger, run.key or None, now)
    )
    told = standing.handed_on(run, props, now)
    return Made((NewEvent(standing.moved(flow), at, f"run:{run.id}", key, change.key, told),))


def _suppress(cast: Cast, shopper: Shopper, run: Run, change: Change, now: datetime) -> Made:
    for channel in change.data["channels"]:
        if shopper.row[ADDRESSES[channel]]:
            shopper.suppressed.setdefault(channel, SUNSET)
    return Made()


def _score(cast: Cast, shopper: Shopper, run: Run, change: Change, now: datetime) -> Made:
    cause = Event(uuid5(run.id, change.key), change.kind, now, f"run:{run.id}", None, run.person_id, change.data)
    known: activity.Activity = shopper.activity
    heard: list[Event] = []
    for name, points in change.data.items():
        if name in cast.around.scoring and shopper.profiled and shopper.row["erased_at"] is None:
            made = activity.score(known, name, points, cast.around.scoring[name], now, cause=cause)
            known, heard = made.activity, [*heard, *made.changes]
    return Made(noted=activity.Noted(known, tuple(heard)))


def _event(cast: Cast, shopper: Shopper, run: Run, change: Change, now: datetime) -> Made:
    name = change.data["name"]
    props = {
        "name": name.removeprefix(CUSTOM),
        "properties": change.data["properties"],
        standing.CAUSED_BY: standing.causes(run, now),
    }
    return Made((NewEvent(name, now, f"run:{run.id}", None, change.key, props),))


CHANGES: Mapping[str, Callable[[Cast, Shopper, Run, Change, datetime], Made]] = {
    ENTER: _enter,
    "suppress": _suppress,
    SCORE: _score,
    EVENT: _event,
}


def lift(shopper: Shopper, event: Event) -> None:
    """Whoever agrees anew is no longer left alone on that channel."""
    channel = event.props["channel"]
    if event.props["new"] == "subscribed" and shopper.suppressed.get(channel) == SUNSET:
        del shopper.suppressed[channel]
