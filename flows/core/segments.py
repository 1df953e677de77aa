"""Named segments: conditions that a shop gives a name, for use in all its flows as ``{segment.NAME: true}``.

A condition asks about the person, and what they do. Whoever it cannot be told of is neither in the segment nor out of
it. The names below are shipped; the shop's setting ``segments`` replaces single ones, adds others, and null takes one
away. What the sources leave without a number has one here.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from datetime import datetime
from functools import lru_cache
from typing import Any

from marshmallow import ValidationError, fields, validate

from flows.core import conditions
from flows.core.conditions import CannotTell, Condition, Yes
from flows.core.facts import Facts

FAMILY = "segment"
FAMILIES = frozenset({"person", "activity", "opens", "score", "rfm", "shop"})
"""What a segment may ask for."""
NAME = r"[a-z][a-z0-9_]{0,40}"


def _since(field: str, moment: str) -> dict[str, Any]:
    """Of somebody who never did it, it is told that they did not."""
    return {"all": [{field: {"exists": True}}, {field: {"after": moment}}]}


SHIPPED: Mapping[str, Mapping[str, Any]] = {
    # By what they have spent in all, in the shop's currency.
    "vip": {"person.total_spent": {"gte": 500}},
    # Among the shop's customers, those who buy often and have not stayed away.
    "regular": {
        "all": [{"person.orders_count": {"gte": 2}}, {"rfm.frequency": {"gte": 4}}, {"rfm.recency": {"gte": 3}}]
    },
    # A click, an order, a visit or a login.
    "engaged": _since("activity.last_engaged_at", "30d ago"),
    "active": _since("activity.last_engaged_at", "90d ago"),
    "inactive": {"activity.quiet_since": {"before": "90d ago"}},
    # No open and no click for three months. Of somebody whose opens cannot be told only a click says no.
    "unread": {
        "all": [
            {"activity.known_since": {"before": "90d ago"}},
            {"any": [{"activity.last_click_at": {"exists": False}}, {"activity.last_click_at": {"before": "90d ago"}}]},
            {"any": [{"opens.last_at": {"exists": False}}, {"opens.last_at": {"before": "90d ago"}}]},
        ]
    },
    "bought_lately": _since("person.last_order_at", "90d ago"),
    "bought_long_ago": {
        "all": [{"person.last_order_at": {"exists": True}}, {"person.last_order_at": {"before": "90d ago"}}]
    },
    # By what they said in a form; whoever did not say is in neither.
    "women": {"person.answers.gender": {"in": ["female", "woman", "women", "f", "w"]}},
    "men": {"person.answers.gender": {"in": ["male", "man", "men", "m"]}},
    "qualified_lead": {"score.lead": {"gte": 50}},
}


class ConditionField(fields.Field[Any]):
    """A condition that a segment may have, as plain data; None takes a shipped segment away."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **options: Any) -> Any:
        try:
            asked = conditions.from_data(value)
        except ValueError as problem:
            raise ValidationError(f"{problem}.") from problem
        if strange := sorted(conditions.needs(asked) - FAMILIES):
            raise ValidationError(f"A segment can ask for {', '.join(sorted(FAMILIES))}, and not for {strange[0]}.")
        return value


def field() -> fields.Field[Any]:
    """The shop's setting."""
    return fields.Dict(
        keys=fields.String(
            validate=validate.Regexp(rf"{NAME}\Z", error="A segment's name has small letters, digits and _.")
        ),
        values=ConditionField(allow_none=True),
        load_default=dict,
    )


def of_shop(chosen: Mapping[str, Any]) -> Mapping[str, Condition]:
    """The segments of a shop with this setting, by name."""
    return _compiled(json.dumps({**SHIPPED, **chosen}, sort_keys=True))


@lru_cache(maxsize=256)
def _compiled(every: str) -> Mapping[str, Condition]:
    return {name: conditions.from_data(data) for name, data in json.loads(every).items() if data is not None}


class Membership(Mapping[str, bool]):
    """The ``segment`` family: whether these facts are in each segment, found out when it is asked for. What cannot be
    told is not there."""

    def __init__(self, segments: Mapping[str, Condition], facts: Facts, now: datetime) -> None:
        self._segments, self._facts, self._now = segments, facts, now

    def __getitem__(self, name: str) -> bool:
        verdict = conditions.evaluate(self._segments[name], self._facts, self._now)
        if isinstance(verdict, CannotTell):
            raise KeyError(name)
        return isinstance(verdict, Yes)

    def __iter__(self) -> Iterator[str]:
        return (name for name in self._segments if name in self)

    def __len__(self) -> int:
        return sum(1 for _ in self)
