"""A JSON Schema (draft 2020-12) of the flow file, for editors that complete and underline while one types.

It is generous: what it refuses is wrong, but only loading a flow finds everything (unknown messages and fields,
shares, unreachable steps).
"""

from __future__ import annotations

from typing import Any

from marshmallow import Schema, fields, validate

from flows.core.definition import ConditionField, DurationField, EventField, FlowSchema, HoldField, ReentryField
from flows.core.operators import OPERATORS
from flows.core.steps import STEPS
from flows.core.steps.coupon import PERCENTS, PercentField
from flows.core.vocabulary import CUSTOM, CUSTOM_NAME, EVENTS

_DURATION = {"type": "string", "pattern": "^[1-9][0-9]{0,5}[mhdw]$"}
_STEPS = {"type": "array", "items": {"$ref": "#/$defs/step"}}
_CONDITION = {"$ref": "#/$defs/condition"}


def editor_schema() -> dict[str, Any]:
    """The schema as plain data."""
    flow = _object(FlowSchema())
    # Written when a flow is stored, never by hand.
    del flow["properties"]["messages"]
    flow["properties"]["steps"] = {**_STEPS, "minItems": 1}
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "A flow",
        **flow,
        "$defs": {
            "step": {"oneOf": [_step(name) for name in STEPS]},
            "condition": {
                "type": "object",
                "minProperties": 1,
                "properties": {
                    "all": {"type": "array", "items": _CONDITION, "minItems": 1},
                    "any": {"type": "array", "items": _CONDITION, "minItems": 1},
                    "not": _CONDITION,
                },
                "additionalProperties": {
                    "anyOf": [
                        {"type": ["string", "number", "boolean"]},
                        {
                            "type": "object",
                            "minProperties": 1,
                            "properties": {name: {"description": op.about} for name, op in OPERATORS.items()},
                            "additionalProperties": False,
                        },
                    ]
                },
            },
        },
    }


def _step(name: str) -> dict[str, Any]:
    step = _object(STEPS[name].schema())
    for entry in ("then", "else"):
        if entry in step["properties"]:
            step["properties"][entry] = _STEPS
    if name == "when":
        step["properties"]["when"] = _CONDITION
    if name == "split":
        step["properties"]["split"]["properties"]["arms"] = {"type": "object", "additionalProperties": _STEPS}
    return step


def _object(schema: Schema) -> dict[str, Any]:
    named = {field.data_key or name: field for name, field in schema.fields.items()}
    return {
        "type": "object",
        "properties": {name: _field(field) for name, field in named.items()},
        "required": [name for name, field in named.items() if field.required],
        "additionalProperties": False,
    }


def _field(field: fields.Field[Any]) -> dict[str, Any]:
    shape = _shape(field)
    about = field.metadata.get("description")
    return {**shape, "description": about} if about else shape


def _shape(field: fields.Field[Any]) -> dict[str, Any]:
    match field:
        case ConditionField():
            return _CONDITION
        case HoldField():
            return {"anyOf": [_DURATION, {"const": "none"}]}
        case DurationField():
            return _DURATION
        case ReentryField():
            after = {
                "type": "object",
                "properties": {"after": _DURATION},
                "required": ["after"],
                "additionalProperties": False,
            }
            return {"anyOf": [{"enum": ["never", "always"]}, after]}
        case EventField():
            own = {"type": "string", "pattern": f"^{CUSTOM}{CUSTOM_NAME}$"}
            return {"anyOf": [{"enum": sorted(EVENTS)}, own]}
        case PercentField():
            return {"anyOf": [{"type": "integer", "minimum": 1, "maximum": 100}, {"enum": list(PERCENTS)}]}
        case fields.Nested():
            return _object(field.schema)
        case fields.List():
            return {"type": "array", "items": _shape(field.inner)}
        case fields.Dict():
            inner = field.value_field
            return {"type": "object", **({"additionalProperties": _shape(inner)} if inner else {})}
        case fields.Integer():
            return {"type": "integer", **_limits(field)}
        case fields.Date():
            return {"type": "string", "format": "date"}
        case fields.String():
            return {"type": "string", **_limits(field)}
        case _:
            return {}


def _limits(field: fields.Field[Any]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for rule in field.validators:
        if isinstance(rule, validate.OneOf):
            found["enum"] = list(rule.choices)
        elif isinstance(rule, validate.Range):
            found |= {"minimum": rule.min, "maximum": rule.max}
        elif isinstance(rule, validate.Regexp):
            found["pattern"] = str(rule.regex.pattern).replace(r"\A", "^").replace(r"\Z", "$")
    return found
