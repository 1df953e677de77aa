"""Points of the loyalty programme, more or less."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from connector.scope import Scope
from flows.actions import loyalty
from flows.actions.action import Action, Prepared, Result, Task
from flows.core.steps.points import ACTION


def prepare(scope: Scope, task: Task) -> Prepared:
    return loyalty.prepared(scope, task, "points")


def record(scope: Scope, prepared: Prepared, done: Mapping[str, Any]) -> Result:
    if prepared["settled"]:
        return {}
    given = prepared["records"].award(scope, prepared["person_id"], prepared["add"], loyalty.besides(prepared))
    return loyalty.done(given)


POINTS = Action(ACTION, prepare, loyalty.act, record)
