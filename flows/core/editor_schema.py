"""A JSON Schema (draft 2020-12) of the flow file, for editors that complete and underline while one types.

It is generous: what it refuses is wrong, but only loading a flow finds everything (unknown messages and fields,
shares, unreachable steps).
"""

from __future__ import annotations

from typing import Any

from marshmallow import Schema, fields, validate

from flows.core import durations
from flows.core.definition import FlowSchema
from flows.core.entries import (
    ConditionField,
    DurationField,
    EventField,
    HoldField,
    PathField,
    ReentryField,
    StepsField,
    TextOr,
)
from flows.core.operands import ONE
from flows.core.operators import OPERATORS
from flows.core.steps import STEPS
from flows.core.steps.coupon import PERCENTS, PercentField
from flows.core.values import MOST, VALUE_NAME, ValuesField
from flows.core.vocabulary import CUSTOM, CUSTOM_NAME, EVENTS

_DURATION = {"type": "string", "pattern": durations.PATTERN}
_STEPS = {"type": "array", "items": {"$ref": "#/$defs/step"}}
_CONDITION = {"$ref": "#/$defs/condition"}


def editor_schema() -> dict[str, Any]:
    """The schema as plain data."""
    flow = _object(FlowSchema())
    # Written when a flow is stored, never by hand.
    del flow["properties"]["messages"]
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
                        ONE.shape,
                        {
                            "type": "object",
                            "minProperties": 1,
                            "properties": {
                                name: {"description": op.about, **op.operand.shape} for name, op in OPERATORS.items()
                            },
                            "additionalProperties": False,
                        },
                    ]
                },
            },
        },
    }


def _step(name: str) -> dict[str, Any]:
    return {"title": name, "description": " ".join(STEPS[name].about.split()), **_object(STEPS[name].schema())}


def _object(schema: Schema) -> dict[str, Any]:
    named = {field.data_key or name: field for name, field in schema.fields.items()}
    return {
        "type": "object",
        "properties": {name: _field(field) for name, field in named.items()},
        "required": [name for name, field in named.items() if field.required],
        "additionalProperties": False,
        # What its entries have to do with one another, where that can be said.
        **getattr(schema, "editor", {}),
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
        case PathField():
            return {"type": "string", "pattern": r"^event\..*[^.]$"}
        case PercentField():
            return {"anyOf": [{"type": "integer", "minimum": 1, "maximum": 100}, {"enum": list(PERCENTS)}]}
        case TextOr():
            text = _shape(field.text) if isinstance(field.text, fields.Field) else dict(field.text)
            return {"anyOf": [text, _object(field.schema)]}
        case StepsField():
            return {**_STEPS, **_limits(field)}
        case ValuesField():
            return {"type": "object", "propertyNames": {"pattern": VALUE_NAME}, "maxProperties": MOST}
        case fields.Nested():
            return _object(field.schema)
        case fields.List():
            return {"type": "array", "items": _shape(field.inner), **_limits(field)}
        case fields.Dict():
            inner = field.value_field
            return {"type": "object", **({"additionalProperties": _shape(inner)} if inner else {})}
        case fields.Boolean():
            return {"type": "boolean"}
        case fields.Integer():
            return {"type": "integer", **_limits(field)}
        case fields.Date():
            return {"type": "string", "format": "date"}
        case fields.Email():
            return {"type": "string", "pattern": r"^[^@\s]+@[^@\s]+\.[^@\s]+$"}
        case fields.String():
            return {"type": "string", **_limits(field)}
        case _:
            return {}


def _limits(field: fields.Field[Any]) -> dict[str, Any]:
    found: dict[str, Any] = {name: field.metadata[name] for name in ("pattern",) if name in field.metadata}
    for rule in field.validators:
        if isinstance(rule, validate.OneOf):
            found["enum"] = list(rule.choices)
        elif isinstance(rule, validate.Range):
            found |= {"minimum": rule.min, "maximum": rule.max}
        elif isinstance(rule, validate.Length):
            what = "Length" if isinstance(field, fields.String) else "Items"
            found |= {f"{end}{what}": most for end, most in (("min", rule.min), ("max", rule.max)) if most is not None}
        elif isinstance(rule, validate.Regexp):
            found["pattern"] = str(rule.regex.pattern).replace(r"\A", "^").replace(r"\Z", "$")
    return found
