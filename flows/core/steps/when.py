"""Goes one way if a condition holds and another way if it does not.

When the condition cannot be told (a fact is missing), it takes `else`, and the trail says what was missing.
Either list may be left out; both ways meet again behind the step.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from marshmallow import ValidationError, validates_schema

from flows.core import conditions
from flows.core.answers import Answer, Go, Woke
from flows.core.conditions import Yes
from flows.core.entries import ConditionField, StepsField
from flows.core.facts import Facts
from flows.core.model import Run, Step
from flows.core.steps.kind import Asked, StepKind, StepSchema, Written


class WhenSchema(StepSchema):
    when = ConditionField(required=True, metadata={"description": "The condition"})
    then = StepsField(metadata={"description": "The steps if it holds"})
    # `else` is a keyword of Python.
    otherwise = StepsField(data_key="else", metadata={"description": "The steps if it does not, or cannot be told"})

    @validates_schema
    def some_way(self, data: Mapping[str, Any], **_: Any) -> None:
        if not data.get("then") and not data.get("otherwise"):
            raise ValidationError("it has neither “then” nor “else” steps and decides nothing", "when")


def read(data: Mapping[str, Any]) -> Written:
    branches = {
        "then": (("then",), data.get("then", [])),
        "else": (("else",), data.get("otherwise", [])),
    }
    return Written(data["when"], "when", branches, asks=(Asked(("when",), data["when"]),))


def run(step: Step, run: Run, facts: Facts, now: datetime, woke: Woke | None) -> Answer:
    verdict = conditions.evaluate(step.config, facts, now)
    port = "then" if isinstance(verdict, Yes) else "else"
    detail = {"port": port, "truth": conditions.truth(verdict), "because": verdict.because.to_json()}
    return Go(port, code="branched", detail=detail)


WHEN = StepKind(
    name="when",
    about=__doc__,
    example={"when": {"event.total": {"gte": 100}}, "then": [{"email": "free-shipping"}]},
    schema=WhenSchema,
    read=read,
    needs=conditions.needs,
    run=run,
)
