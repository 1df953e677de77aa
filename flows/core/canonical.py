"""One way to write a flow down: entries in the order of the schemas, short forms where there are some.

A fixed point: writing down what was written down changes nothing, and the meaning stays.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from marshmallow import Schema
from marshmallow.fields import Dict, Field, List, Nested

from flows.core.definition import FlowSchema
from flows.core.entries import ConditionField, StepsField
from flows.core.operators import OPERATORS
from flows.core.steps import STEPS


def canonical(data: Mapping[str, Any]) -> dict[str, Any]:
    """The same flow in canonical order; entries nobody knows stay, behind the known ones."""
    return _ordered(data, FlowSchema())


def _ordered(data: Mapping[str, Any], schema: Schema) -> dict[str, Any]:
    fields = {field.data_key or name: field for name, field in schema.fields.items()}
    names = [name for name in fields if name in data] + [name for name in data if name not in fields]
    return {name: _value(data[name], fields.get(name)) for name in names}


def _value(value: Any, field: Field[Any] | None) -> Any:
    match field:
        case ConditionField():
            return condition(value)
        case StepsField() if isinstance(value, list):
            return [_step(step) for step in value]
        case Nested() if isinstance(value, Mapping):
            return _ordered(value, field.schema)
        case List() if isinstance(value, list):
            return [_value(inner, field.inner) for inner in value]
        case Dict() if isinstance(value, Mapping):
            return {name: _value(inner, field.value_field) for name, inner in value.items()}
        case _:
            return value


def _step(step: Any) -> Any:
    kinds = [name for name in STEPS if name in step] if isinstance(step, Mapping) else []
    if len(kinds) != 1:
        return step
    answer = _ordered(step, STEPS[kinds[0]].schema())
    # What it does comes first, its id and note behind.
    order = [kinds[0], *(n for n in answer if n not in ("id", "note", kinds[0])), "id", "note"]
    return {name: answer[name] for name in order if name in answer}


def condition(data: Any) -> Any:
    """The same condition in canonical form."""
    if not isinstance(data, Mapping):
        return data
    answer: dict[Any, Any] = {}
    for name, value in data.items():
        if name in ("all", "any") and isinstance(value, Sequence) and not isinstance(value, str):
            answer[name] = [condition(part) for part in value]
        elif name == "not":
            answer[name] = condition(value)
        elif isinstance(value, Mapping):
            short = set(value) == {"eq"} and not isinstance(value["eq"], Mapping)
            known = [op for op in OPERATORS if op in value] + [op for op in value if op not in OPERATORS]
            answer[name] = value["eq"] if short else {op: _operand(op, value[op]) for op in known}
        else:
            answer[name] = value
    return answer


def _operand(op: str, value: Any) -> Any:
    return condition(value) if op in OPERATORS and OPERATORS[op].entries else value
