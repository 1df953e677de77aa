"""One way to write a flow down: entries in the order of the schemas, short forms where there are some.

A fixed point: writing down what was written down changes nothing, and the meaning stays.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from marshmallow import Schema
from marshmallow.fields import Nested

from flows.core.definition import ConditionField, FlowSchema
from flows.core.operators import OPERATORS
from flows.core.steps import STEPS


def canonical(data: Mapping[str, Any]) -> dict[str, Any]:
    """The same flow in canonical order; entries nobody knows stay, behind the known ones."""
    return _ordered(data, FlowSchema())


def _ordered(data: Mapping[str, Any], schema: Schema) -> dict[str, Any]:
    fields = {field.data_key or name: field for name, field in schema.fields.items()}
    names = [name for name in fields if name in data] + [name for name in data if name not in fields]
    answer: dict[str, Any] = {}
    for name in names:
        value, field = data[name], fields.get(name)
        if isinstance(field, ConditionField):
            value = _condition(value)
        elif isinstance(field, Nested) and isinstance(value, Mapping):
            value = _ordered(value, field.schema)
        elif name == "steps" and isinstance(value, list):
            value = [_step(step) for step in value]
        answer[name] = value
    return answer


def _step(step: Any) -> Any:
    kinds = [name for name in STEPS if name in step] if isinstance(step, Mapping) else []
    if len(kinds) != 1:
        return step
    answer = _ordered(step, STEPS[kinds[0]].schema())
    # What it does comes first, its id and note behind.
    order = [kinds[0], *(n for n in answer if n not in ("id", "note", kinds[0])), "id", "note"]
    answer = {name: answer[name] for name in order if name in answer}
    for name, value in answer.items():
        if name in ("then", "else") and isinstance(value, list):
            answer[name] = [_step(inner) for inner in value]
        elif name == "when":
            answer[name] = _condition(value)
        elif name == "split" and isinstance(value, Mapping) and isinstance(value.get("arms"), Mapping):
            arms = {arm: [_step(i) for i in inner] for arm, inner in value["arms"].items()}
            answer[name] = {**value, "arms": arms}
    return answer


def _condition(data: Any) -> Any:
    if not isinstance(data, Mapping):
        return data
    answer: dict[Any, Any] = {}
    for name, value in data.items():
        if name in ("all", "any") and isinstance(value, Sequence) and not isinstance(value, str):
            answer[name] = [_condition(part) for part in value]
        elif name == "not":
            answer[name] = _condition(value)
        elif isinstance(value, Mapping):
            short = set(value) == {"eq"} and not isinstance(value["eq"], Mapping)
            known = [op for op in OPERATORS if op in value] + [op for op in value if op not in OPERATORS]
            answer[name] = value["eq"] if short else {op: value[op] for op in known}
        else:
            answer[name] = value
    return answer
