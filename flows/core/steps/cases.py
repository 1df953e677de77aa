"""Goes the way of the first of several conditions that holds, else the way of `else`.

A condition that cannot be told (a fact is missing) is passed over like one that does not hold, and the trail says
what was missing. All ways meet again behind the step.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from marshmallow import Schema, ValidationError, fields, validate, validates_schema

from flows.core import conditions
from flows.core.answers import Answer, Go, Woke
from flows.core.conditions import CannotTell, Condition, Yes
from flows.core.entries import ConditionField, StepsField
from flows.core.facts import Facts
from flows.core.model import Run, Step
from flows.core.steps.kind import Asked, StepKind, StepSchema, Written

Cases = tuple[tuple[str, Condition], ...]
"""The port and the condition of each case, in order."""


class CaseSchema(Schema):
    when = ConditionField(required=True, metadata={"description": "The condition of this case"})
    then = StepsField(required=True, metadata={"description": "Its steps; an empty list goes straight on"})


class CasesSchema(StepSchema):
    cases = fields.List(
        fields.Nested(CaseSchema),
        required=True,
        validate=validate.Length(min=1, error="needs at least one case, for example {{when: ..., then: [...]}}"),
        metadata={"description": "The cases, in the order in which they are asked"},
    )
    otherwise = StepsField(data_key="else", metadata={"description": "The steps if none of them holds"})

    @validates_schema
    def some_way(self, data: Mapping[str, Any], **_: Any) -> None:
        if not any(case["then"] for case in data["cases"]) and not data.get("otherwise"):
            raise ValidationError("no case has any steps, so it decides nothing", "cases")


def read(data: Mapping[str, Any]) -> Written:
    cases = {f"case-{n}": case for n, case in enumerate(data["cases"], start=1)}
    places = {port: ("cases", n) for n, port in enumerate(cases)}
    branches: dict[str, Any] = {port: ((*places[port], "then"), case["then"]) for port, case in cases.items()}
    return Written(
        tuple((port, case["when"]) for port, case in cases.items()),
        "cases",
        {**branches, "else": (("else",), data.get("otherwise", []))},
        asks=tuple(Asked((*places[port], "when"), case["when"]) for port, case in cases.items()),
    )


def run(step: Step, run: Run, facts: Facts, now: datetime, woke: Woke | None) -> Answer:
    cases: Cases = step.config
    unclear: list[dict[str, Any]] = []
    for port, condition in cases:
        verdict = conditions.evaluate(condition, facts, now)
        if isinstance(verdict, Yes):
            return _go(port, unclear, {"because": verdict.because.to_json()})
        if isinstance(verdict, CannotTell):
            unclear.append(verdict.because.to_json())
    return _go("else", unclear, {})


def _go(port: str, unclear: list[dict[str, Any]], detail: Mapping[str, Any]) -> Go:
    return Go(port, code="branched", detail={"port": port, **detail, **({"unclear": unclear} if unclear else {})})


def _needs(cases: Cases) -> frozenset[str]:
    return frozenset[str]().union(*(conditions.needs(condition) for _, condition in cases))


CASES = StepKind(
    name="cases",
    about=__doc__,
    example={
        "cases": [
            {"when": {"person.country": "FR"}, "then": [{"email": "free-shipping"}]},
            {"when": {"event.total": {"gte": 100}}, "then": [{"email": "incentive"}]},
        ],
        "else": [{"email": "reminder"}],
    },
    schema=CasesSchema,
    read=read,
    needs=_needs,
    run=run,
)
