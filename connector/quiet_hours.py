"""The hours in which a person may be sent marketing on a channel: from ``quiet_hours.yaml``, where they may be, and the
merchant's own quiet hours, which only narrow."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from functools import cache, lru_cache
from importlib.resources import files
from types import MappingProxyType
from typing import Any

from holidays import country_holidays
from marshmallow import RAISE, Schema, ValidationError, fields, validate
from sqlalchemy import RowMapping

from connector import shipped_yaml, whereabouts
from connector.regions import region
from flows.core.calendar import time_of_day, zone
from flows.core.hours import DAY, Hours, Quiet, Span, Week, outside

ANYWHERE = "*"
_DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
# Of so many zones the names are told.
_MOST_NAMED = 4
_CHANNELS = ("email", "sms", "whatsapp", "push")


@dataclass(frozen=True)
class Line:
    """One rule for one channel. ``written``: the hours as the file says them; ``holidays``: closed on public ones."""

    where: str
    channel: str
    week: Week
    written: str
    holidays: bool
    basis: str
    source: str

    def __str__(self) -> str:
        free = ", not on public holidays" if self.holidays else ""
        return f"{self.where}: {self.written}{free} ({self.basis}: {self.source})"


@dataclass(frozen=True)
class Rules:
    """``lines`` by (where, channel); ``reach``: in so many last minutes of the hours none leaves any more."""

    lines: Mapping[tuple[str, str], Line]
    reach: int

    def bind(self, channel: str) -> bool:
        """Whether this channel is bound to hours, wherever somebody is."""
        return (ANYWHERE, channel) in self.lines

    def of(self, place: str, channel: str) -> list[Line]:
        """What holds for this place: its own line and its country's, else the one for anywhere."""
        country, _, part = place.partition("-")
        # Of whom only the country is known may be in any of its regions.
        asked = [(country, channel), (place if part else f"{country}-?", channel)]
        found = [self.lines[key] for key in asked if key in self.lines]
        return found or [self.lines[ANYWHERE, channel]]


def of_person(
    person: Mapping[str, Any] | RowMapping, channel: str, settings: Mapping[str, Any], timezone: str, now: datetime
) -> Quiet | None:
    """The hours of this row of ``persons`` on this channel; None when nothing binds it. ``settings`` and ``timezone``
    are the shop's."""
    rules, own = shipped(), settings["quiet_hours"]
    if own is None and not rules.bind(channel):
        return None
    found = whereabouts.find(person, settings, timezone, by_number=rules.bind(channel))
    merchant = None if own is None else (own["start"], own["end"])
    return _quiet(channel, found.places, found.zones, found.told_by, merchant, now.year)


# Many people live in few places.
@lru_cache(maxsize=4096)
def _quiet(
    channel: str,
    places: tuple[str, ...],
    zones: tuple[str, ...],
    told_by: tuple[str, ...],
    merchant: tuple[str, str] | None,
    year: int,
) -> Quiet:
    rules, hours, said = shipped(), Hours(), []
    for place in (places or (ANYWHERE,)) if rules.bind(channel) else ():
        for line in rules.of(place, channel):
            hours = hours.narrowed(Hours(line.week, _holidays(place, year) if line.holidays else frozenset()))
            said.append(str(line))
    if merchant is not None:
        hours = hours.narrowed(outside(time_of_day(merchant[0]), time_of_day(merchant[1])))
        said.append(f"the merchant: not from {merchant[0]} to {merchant[1]}")
    why = {"zones": _listed(zones), "told_by": ", ".join(told_by), "rules": "; ".join(dict.fromkeys(said))}
    return Quiet(hours, tuple(zone(name) for name in zones), MappingProxyType(why))


def _listed(zones: Sequence[str]) -> str:
    more = f" and {len(zones) - _MOST_NAMED} more" if len(zones) > _MOST_NAMED else ""
    return ", ".join(zones[:_MOST_NAMED]) + more


@cache
def _holidays(place: str, year: int) -> frozenset[date]:
    """The public holidays of a place, for whatever day it is there and for what is put off."""
    known = region(place)
    subdivision = known.holidays if known else None
    years = range(year - 1, year + 2)
    return frozenset(country_holidays(place.partition("-")[0], subdiv=subdivision, years=years))


class _LineSchema(Schema):
    class Meta:
        unknown = RAISE

    where = fields.List(
        fields.String(validate=validate.Regexp(r"(\*|[A-Z]{2}(-([A-Z0-9]{1,3}|\?))?)\Z")),
        required=True,
        validate=validate.Length(min=1),
    )
    channels = fields.List(
        fields.String(validate=validate.OneOf(_CHANNELS)), required=True, validate=validate.Length(min=1)
    )
    hours = fields.Dict(keys=fields.String(), values=fields.String(), required=True)
    holidays = fields.String(required=True, validate=validate.OneOf(["none", "public"]))
    basis = fields.String(required=True, validate=validate.OneOf(["law", "carrier", "custom"]))
    source = fields.String(required=True, validate=validate.Length(min=1))


class RulesSchema(Schema):
    """Of quiet_hours.yaml."""

    class Meta:
        unknown = RAISE

    reach_minutes = fields.Integer(required=True, strict=True, validate=validate.Range(min=0, max=30))
    lines = fields.List(fields.Nested(_LineSchema), required=True)


def read(text: str) -> Rules:
    """The rules that this YAML says. Raises ValidationError naming what is wrong."""
    loaded = RulesSchema().load(shipped_yaml.load(text))
    reach = loaded["reach_minutes"]
    lines: dict[tuple[str, str], Line] = {}
    for entry in loaded["lines"]:
        week = _week(entry["hours"], reach)
        written = ", ".join(f"{days} {span}" for days, span in entry["hours"].items())
        for where in entry["where"]:
            for channel in entry["channels"]:
                if (where, channel) in lines:
                    raise ValidationError(f"{where} has two lines for {channel}.")
                holidays = entry["holidays"] == "public"
                lines[where, channel] = Line(where, channel, week, written, holidays, entry["basis"], entry["source"])
    for where, channel in lines:
        if (ANYWHERE, channel) not in lines:
            raise ValidationError(f"{where} has hours for {channel}, and {ANYWHERE} has none.")
    return Rules(lines, reach)


def _week(hours: Mapping[str, str], reach: int) -> Week:
    week: list[tuple[Span, ...]] = [()] * len(_DAYS)
    for days, text in hours.items():
        for day in _days(days):
            if week[day]:
                raise ValidationError(f"{_DAYS[day]} is named twice.")
            week[day] = (_span(text, reach),)
    return tuple(week)


def _days(text: str) -> Iterable[int]:
    """``mon-sat`` as the numbers of its days, Monday 0."""
    first, _, last = text.partition("-")
    if first not in _DAYS or (last or first) not in _DAYS:
        raise ValidationError(f"“{text}” are no days; write for example mon-sat or sun.")
    return range(_DAYS.index(first), _DAYS.index(last or first) + 1)


def _span(text: str, reach: int) -> Span:
    """``08:00-21:00`` as minutes of the day, without the last ``reach`` of them."""
    begins, _, ends = text.partition("-")
    try:
        start = time_of_day(begins)
        end = DAY if ends == "24:00" else (at := time_of_day(ends)).hour * 60 + at.minute
    except ValueError as error:
        raise ValidationError(str(error)) from error
    span = (start.hour * 60 + start.minute, end - reach)
    if span[0] >= span[1]:
        raise ValidationError(f"“{text}” are no hours.")
    return span


@cache
def shipped() -> Rules:
    return read((files("connector") / "quiet_hours.yaml").read_text(encoding="utf-8"))
