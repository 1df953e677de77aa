"""It is a person's birthday (at 9:00 where they live), or it will be in some days.

The shop's setting `signals.birthday` names where the day is read from, without which none is kept, and which days
before it are told. Of 29 February it is 28 February in years without one. Only the day and the month are kept.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from marshmallow import Schema, fields, validate

from flows.core import calendar
from flows.core.facts import Facts, lookup
from flows.core.model import Event
from flows.core.signals import once_for_a_person
from flows.core.signals.signal import Anchor, ArmTimer, Derived, Past, PastClock, Signal, SignalSettings

NAME = "birthday"
_METAFIELD = validate.Regexp(
    r"[A-Za-z0-9_$:-]{2,255}\.[A-Za-z0-9_-]{2,64}\Z",
    error="A metafield is named NAMESPACE.KEY, for example facts.birth_date.",
)
_QUESTION = validate.Regexp(r"[A-Za-z0-9_]{1,64}\Z", error="A question is named with letters, digits and _.")
_TIME = validate.Regexp(r"([01]\d|2[0-3]):[0-5]\d\Z", error="Write a time of day as HH:MM, for example 09:00.")


class BirthdaySchema(Schema):
    metafield = fields.String(
        load_default=None,
        allow_none=True,
        validate=_METAFIELD,
        metadata={
            "description": "the metafield of customers that has it, for example the standard one, facts.birth_date"
        },
    )
    answer = fields.String(
        load_default=None,
        allow_none=True,
        validate=_QUESTION,
        metadata={"description": "the question of a form that is answered with it"},
    )
    at = fields.String(load_default="09:00", validate=_TIME, metadata={"description": "at what time of day it is told"})
    days_before = fields.List(
        fields.Integer(strict=True, validate=validate.Range(min=0, max=60)),
        load_default=lambda: [0],
        validate=validate.Length(min=1, max=10),
        metadata={"description": "how many days before it is told, 0: on the day; each is told by itself"},
    )


def _day(on: str, year: int) -> date:
    """`on`: month and day as MM-DD."""
    month, day = (int(part) for part in on.split("-"))
    return calendar.day_of_month(year, month, day)


def _armed(on: str, year: int, days: int, at: str, where: ZoneInfo) -> ArmTimer:
    """The clock that rings `days` before the birthday of that year."""
    told = _day(on, year) - timedelta(days=days)
    moment = calendar.at_wall_time(told, calendar.time_of_day(at), where)
    payload = {"on": on, "year": year, "days_before": days, "at": at, "anchor_at": moment.isoformat()}
    return ArmTimer(NAME, str(days), moment, moment, payload)


def _next(on: str, days: int, at: str, where: ZoneInfo, after: datetime) -> ArmTimer:
    """The first one that is later than `after`."""
    year = after.astimezone(where).year
    # In the last days of a year the one of the next year's first days may be over, too.
    clocks = (_armed(on, year + more, days, at, where) for more in range(3))
    return next(timer for timer in clocks if timer.due_at > after)


def derive(event: Event, facts: Facts, settings: SignalSettings, now: datetime) -> Derived:
    on = event.props.get("birthday")
    if not isinstance(on, str):
        return Derived()
    chosen, where = settings.chosen(NAME, BirthdaySchema), calendar.zone_of(facts)
    return Derived(arm=tuple(_next(on, days, chosen["at"], where, now) for days in sorted(set(chosen["days_before"]))))


def fire(payload: Mapping[str, Any], facts: Facts, now: datetime) -> Derived:
    on = lookup(facts, "birthday.on")
    if not isinstance(on, str):
        return Derived()
    year, days, at, where = payload["year"], payload["days_before"], payload["at"], calendar.zone_of(facts)
    if on != payload["on"]:
        return Derived(arm=(_next(on, days, at, where, now),))
    timer = _armed(on, year, days, at, where)
    if timer.due_at > now:
        # They live elsewhere by now.
        return Derived(arm=(timer,))
    props = {"days_before": days, "year": year, "birthday": _day(on, year).isoformat()}
    told = once_for_a_person.new(NAME, timer.due_at, facts, f"{year}:{days}", props)
    following = _armed(on, year + 1, days, at, where)
    return Derived((told,), arm=(following if following.due_at > now else _next(on, days, at, where, now),))


def clock(anchor: Anchor, settings: SignalSettings, now: datetime) -> PastClock | None:
    """Of an anchor whose key is the days before, and whose detail has the day as ``on``."""
    chosen, days = settings.chosen(NAME, BirthdaySchema), int(anchor.key)
    if days not in chosen["days_before"]:
        return None
    timer = _next(anchor.detail["on"], days, chosen["at"], calendar.zone(anchor.zone), now)
    return PastClock(timer, once_for_a_person.identity(anchor.seed, f"{timer.payload['year']}:{days}"))


BIRTHDAY = Signal(
    name=NAME,
    about=__doc__,
    listens=frozenset({"birthday_told"}),
    needs=frozenset({"birthday", "person", "shop"}),
    props={
        "days_before": "in how many days it is, 0: today",
        "birthday": "the day of this year, e.g. 2026-11-02",
        "year": "which year's it is",
    },
    derive=derive,
    fire=fire,
    past=Past("birthdays", clock),
    settings=BirthdaySchema,
    only_heard=True,
)
