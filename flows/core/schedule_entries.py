"""How a flow file says when its schedule comes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from marshmallow import fields, validate

from flows.core import schedules
from flows.core.entries import DurationField
from flows.core.problems import Finder
from flows.core.schedules import ENTRIES, Schedule

SCHEDULE = "schedule"
"""What the trigger of such a flow is `on`."""
KEY = "event.occurrence"
"""What tells two runs of one person apart."""
FIELDS: Mapping[str, fields.Field[Any]] = {
    "every": fields.Raw(metadata={"description": "day, weekday, month, monday, or for example [monday, thursday]"}),
    "day": fields.Integer(
        strict=True,
        validate=validate.Range(1, 31),
        metadata={"description": "The day of the month; a month without it has it on its last day"},
    ),
    "date": fields.Date(format="iso", metadata={"description": "Once, on this day, e.g. 2026-12-24"}),
    "at": fields.String(metadata={"description": "The time of day, e.g. 09:00"}),
    "zone": fields.String(
        validate=validate.OneOf(["shop", "person"]),
        metadata={"description": "shop (the default): when it is that late in the shop; person: where each person is"},
    ),
    "exact": fields.Boolean(
        truthy={True}, falsy={False}, metadata={"description": "true: all at the same moment, not within five minutes"}
    ),
    "deadline": DurationField(
        metadata={"description": "Nobody enters later than that after the moment; 12h by default, 23h at most"}
    ),
}
"""The entries of a trigger, beside the others."""


def check(loaded: Mapping[str, Any], finder: Finder) -> None:
    """A schedule is whole, and nothing else has entries of one."""
    trigger = loaded["trigger"]
    if trigger["on"] != SCHEDULE:
        for name in ENTRIES:
            if name in trigger:
                said = f"“{name}” belongs to a schedule, and this flow starts on {trigger['on']}"
                finder.add(("trigger", name), said, "Write on: schedule, or leave it out")
        return
    if any(path[:1] == ("trigger",) for path in finder.places):
        return
    try:
        schedule = schedules.read(trigger)
    except ValueError as problem:
        finder.add(("trigger",), str(problem))
        return
    for name in ("key", "where"):
        if name in trigger:
            finder.add(("trigger", name), f"A schedule has no “{name}”", "Say with audience who enters")
    if schedule.once is None and "reentry" not in loaded and not finder.about(("reentry",)):
        said = "Without “reentry” everybody enters once and never again, however often the schedule comes"
        finder.add(("trigger",), said, "Write reentry: always, or reentry: never if that is meant")


def schedule_of(loaded: Mapping[str, Any]) -> Schedule | None:
    """The schedule that the loaded file has."""
    trigger = loaded["trigger"]
    return schedules.read(trigger) if trigger["on"] == SCHEDULE else None
