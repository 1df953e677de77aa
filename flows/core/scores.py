"""Scores: points for what somebody does, by the shop's rules (its setting ``signals.scores``).

``lead`` counts for good; ``engagement`` counts what was done in the last so many days. A rule is an event, what must
hold of it, and its points. Of one message an open and a click each count once.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any

from marshmallow import RAISE, Schema, ValidationError, fields, pre_load, validate, validates_schema

from flows.core import conditions
from flows.core.conditions import Condition, Yes
from flows.core.model import Event

NAMES = ("lead", "engagement")
MOST_POINTS = 1000
LONGEST_DAYS = 365

Score = Mapping[str, int]
"""Points by the day on which they were earned (ISO 8601), or under ``ALL_TIME``."""
ALL_TIME = ""


class RuleSchema(Schema):
    class Meta:
        unknown = RAISE

    # The name of an event, ``custom:NAME`` for one of the merchant's own.
    on = fields.String(required=True, validate=validate.Regexp(r"(custom:)?[a-z0-9_]{1,64}\Z"))
    # What must hold of the event, as in flows: {event.url: {contains: /pricing}}.
    where = fields.Dict(keys=fields.String(), load_default=None, allow_none=True)
    points = fields.Integer(required=True, strict=True, validate=validate.Range(-MOST_POINTS, MOST_POINTS))

    @validates_schema
    def _asks_of_the_event(self, data: Mapping[str, Any], **options: Any) -> None:
        if data.get("where") is None:
            return
        try:
            asked = conditions.from_data(data["where"])
        except ValueError as problem:
            raise ValidationError(str(problem), "where") from problem
        if conditions.needs(asked) - {"event"}:
            raise ValidationError("Points can only depend on the event: write event.NAME.", "where")


class _ScoreSchema(Schema):
    class Meta:
        unknown = RAISE

    points = fields.List(fields.Nested(RuleSchema), required=True, validate=validate.Length(max=50))
    # `score_reached` is told when one of these is reached or passed; exactly that many points reach it.
    reached = fields.List(fields.Integer(strict=True), required=True, validate=validate.Length(max=20))
    # Only what was earned in the last so many days counts; none: all of it.
    days = fields.Integer(required=True, allow_none=True, strict=True, validate=validate.Range(1, LONGEST_DAYS))


def _rule(on: str, points: int, where: Mapping[str, Any] | None = None) -> dict[str, Any]:
    return {"on": on, "where": where, "points": points}


LEAD: Mapping[str, Any] = {
    "points": [
        _rule("message_opened", 1),
        _rule("message_clicked", 3),
        _rule("custom:content_downloaded", 10),
        _rule("page_viewed", 15, {"event.url": {"contains": "/pricing"}}),
        _rule("custom:demo_requested", 25),
    ],
    "reached": [50],
    "days": None,
}
ENGAGEMENT: Mapping[str, Any] = {
    "points": [_rule("message_clicked", 3), _rule("order_placed", 10), _rule("site_visited", 1), _rule("login", 2)],
    "reached": [20],
    "days": 90,
}


SHIPPED: Mapping[str, Mapping[str, Any]] = {"lead": LEAD, "engagement": ENGAGEMENT}


class ScoresSchema(Schema):
    """What is left out of a score is as shipped."""

    class Meta:
        unknown = RAISE

    lead = fields.Nested(_ScoreSchema)
    engagement = fields.Nested(_ScoreSchema)

    @pre_load
    def _as_shipped(self, data: Any, **options: Any) -> Any:
        if not isinstance(data, Mapping):
            return data
        told = {
            name: {**shipped, **one}
            for name, shipped in SHIPPED.items()
            if isinstance(one := data.get(name, {}), Mapping)
        }
        return {**data, **told}


@dataclass(frozen=True, slots=True)
class Rule:
    on: str
    where: Condition | None
    points: int


@dataclass(frozen=True, slots=True)
class Scoring:
    """One score: its rules, the points at which it is told, ascending, and the days that count."""

    rules: tuple[Rule, ...]
    reached: tuple[int, ...]
    days: int | None


def scoring(chosen: Mapping[str, Any]) -> Mapping[str, Scoring]:
    """The scores of a shop's setting ``signals.scores``, by name."""
    return _compiled(json.dumps(chosen, sort_keys=True))


@lru_cache(maxsize=256)
def _compiled(chosen: str) -> Mapping[str, Scoring]:
    return {
        name: Scoring(
            tuple(
                Rule(rule["on"], conditions.from_data(rule["where"]) if rule.get("where") else None, rule["points"])
                for rule in one["points"]
            ),
            tuple(sorted(set(one["reached"]))),
            one["days"],
        )
        for name, one in json.loads(chosen).items()
    }


def listens(scores: Mapping[str, Scoring]) -> frozenset[str]:
    """The events that give points."""
    return frozenset(rule.on for one in scores.values() for rule in one.rules)


def earned(of: Scoring, event: Event, now: datetime) -> int:
    """The points of one event. What cannot be told of it earns nothing."""
    facts = {"event": event.props}
    return sum(
        rule.points
        for rule in of.rules
        if rule.on == event.name
        and (rule.where is None or isinstance(conditions.evaluate(rule.where, facts, now), Yes))
    )


def add(score: Score, points: int, of: Scoring, at: datetime) -> Score:
    """With these points, earned at `at`."""
    day = ALL_TIME if of.days is None else at.astimezone(UTC).date().isoformat()
    if of.days is None:
        return {ALL_TIME: sum(score.values()) + points}
    oldest = (at - timedelta(days=LONGEST_DAYS)).date().isoformat()
    return {one: many for one, many in {**score, day: score.get(day, 0) + points}.items() if one >= oldest and many}


def value(score: Score, of: Scoring, now: datetime) -> int:
    """What it comes to now."""
    if of.days is None:
        return sum(score.values())
    # What was earned while all of it counted has no day, and is older than any.
    oldest = (now.astimezone(UTC) - timedelta(days=of.days)).date().isoformat()
    return sum(many for day, many in score.items() if day > oldest)


def passed(of: Scoring, before: int, now: int) -> Sequence[int]:
    """The points to be told that are reached now and were not before."""
    return [one for one in of.reached if before < one <= now]


def both(one: Score, other: Score) -> Score:
    """Those of two people who are one: whatever either earned."""
    return {day: one.get(day, 0) + other.get(day, 0) for day in {**one, **other}}
