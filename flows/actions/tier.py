"""The tier in the loyalty programme: a certain one, or the next up or down."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from connector.scope import Scope
from flows.actions import loyalty
from flows.actions.action import Action, Prepared, Result, Task
from flows.actions.records import Records
from flows.core.steps.tier import ACTION, UP


def prepare(scope: Scope, task: Task) -> Prepared:
    return loyalty.prepared(scope, task, "tier")


def record(scope: Scope, prepared: Prepared, done: Mapping[str, Any]) -> Result:
    if prepared["settled"]:
        return {}
    records: Records = prepared["records"]
    whose, besides = prepared["person_id"], loyalty.besides(prepared)
    if "set" in prepared:
        return loyalty.done(records.place(scope, whose, prepared["set"], besides))
    return loyalty.done(records.move(scope, whose, prepared["move"] == UP, besides))


TIER = Action(ACTION, prepare, loyalty.act, record)
