"""A script: one person and what happens to them, as a YAML file.

::

    start: 2026-03-03 10:00
    until: 10d
    person: {first_name: Ada, country: GB, consent: {email: subscribed}}
    happens:
      - {after: 0h, event: checkout_updated, total: "86.00"}
      - {after: 30h, event: order_placed}
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from marshmallow import INCLUDE, RAISE, Schema, ValidationError, fields, validate

from flows.core import durations
from flows.core.calendar import time_of_day, zone
from flows.core.problems import DefinitionError, Problem, suggestion
from flows.core.vocabulary import EVENTS, event_named
from flows.definition_files import parse
from flows.simulator.happening import Happening
from flows.simulator.persona import persona
from flows.simulator.shopper import Shopper

BEGINNING = datetime(2026, 3, 3, 10, 0, tzinfo=UTC)
"""A Tuesday: when a script begins that does not say when."""
LONGEST = "400d"
_NOTHING = frozenset({"0m", "0h", "0d", "0w"})


def span(text: str) -> timedelta:
    """``0h``, ``90m``, ``1d 2h``, and ``-40d`` for what was before. Raises ValueError with a sentence."""
    sign = -1 if text.startswith("-") else 1
    parts = text.removeprefix("-").split()
    if not parts:
        raise ValueError("write a length of time, for example 90m, 3h or 2d")
    return sign * sum((timedelta(0) if one in _NOTHING else durations.parse(one) for one in parts), timedelta(0))


class _Span(fields.Field[timedelta]):
    def _deserialize(self, value: Any, attr: str | None, data: Any, **options: Any) -> timedelta:
        try:
            return span(str(value))
        except ValueError as problem:
            raise ValidationError(str(problem)) from None


class _Moment(fields.Field[datetime]):
    """A day, or a day and a time of day, in UTC."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **options: Any) -> datetime:
        try:
            day, _, time = str(value).partition(" ")
            at = time_of_day(time or "10:00")
            return datetime.combine(datetime.fromisoformat(day).date(), at, zone("UTC")).astimezone(UTC)
        except ValueError:
            raise ValidationError("write a day and a time of day, for example 2026-03-03 10:00") from None


class _Event(fields.String):
    def _deserialize(self, value: Any, attr: str | None, data: Any, **options: Any) -> Any:
        if event_named(str(value)) is None:
            raise ValidationError(f"“{value}” is no event here. {suggestion(str(value), EVENTS)}")
        return str(value)


class HappeningSchema(Schema):
    """Whatever is said besides is what the event carries."""

    class Meta:
        unknown = INCLUDE

    after = _Span(required=True)
    event = _Event(required=True)
    of_stranger = fields.Boolean(load_default=False)
    historical = fields.Boolean(load_default=False)


class PersonSchema(Schema):
    """Whatever is said besides is a field of the person, such as first_name, country or tags."""

    class Meta:
        unknown = INCLUDE

    consent = fields.Dict(keys=fields.String(), values=fields.String(), load_default=lambda: {"email": "subscribed"})
    known_for = _Span()
    first_order_ago = _Span()
    last_order_ago = _Span()
    loyalty = fields.Dict()
    answers = fields.Dict()


class ScriptSchema(Schema):
    class Meta:
        unknown = RAISE

    start = _Moment(load_default=BEGINNING)
    until = _Span(load_default=lambda: span(LONGEST))
    person = fields.Nested(PersonSchema, load_default=lambda: PersonSchema().load({}))
    settings = fields.Dict(load_default=dict)
    happens = fields.List(fields.Nested(HappeningSchema), required=True, validate=validate.Length(min=1))


@dataclass(frozen=True)
class Script:
    """``settings``: of the shop, as a merchant sets them."""

    start: datetime
    until: datetime
    person: Shopper
    settings: Mapping[str, Any]
    happens: Sequence[Happening]


def read(text: str, file: str) -> Script:
    """The script that this YAML says. Raises DefinitionError with file, line and a sentence."""
    data, lines = parse(text, file)
    try:
        loaded: Mapping[str, Any] = ScriptSchema().load(data if isinstance(data, dict) else {})
        start = loaded["start"]
        happens = [_happening(start, dict(one)) for one in loaded["happens"]]
        return Script(start, start + loaded["until"], persona(start, **loaded["person"]), loaded["settings"], happens)
    except ValidationError as error:
        found = [Problem(file, _line(lines, path), said) for path, said in _said(error.messages, ())]
        raise DefinitionError(found) from None
    except ValueError as error:
        raise DefinitionError([Problem(file, lines.get(("person",), 1), str(error))]) from None


def _happening(start: datetime, said: dict[str, Any]) -> Happening:
    at, name = start + said.pop("after"), said.pop("event")
    stranger, historical = said.pop("of_stranger"), said.pop("historical")
    return Happening(at, name, {field: _counted(field, value) for field, value in said.items()}, stranger, historical)


def _counted(field: str, value: Any) -> Any:
    """A moment may be said as how long after the event it is: ``renews_at: 30d``."""
    if field.endswith("_at") and isinstance(value, str):
        try:
            return span(value)
        except ValueError:
            return value
    return value


def _said(messages: Any, path: tuple[Any, ...]) -> list[tuple[tuple[Any, ...], str]]:
    """Each sentence with the place that it is about."""
    if isinstance(messages, Mapping):
        return [one for name, inner in messages.items() for one in _said(inner, (*path, name))]
    return [(path, f"{'.'.join(str(part) for part in path)}: {said}") for said in messages]


def _line(lines: Mapping[tuple[Any, ...], int], path: tuple[Any, ...]) -> int:
    """Of the entry, else of what it is in."""
    while path and path not in lines:
        path = path[:-1]
    return lines.get(path, 1)
