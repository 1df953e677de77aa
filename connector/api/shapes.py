"""What marshmallow's schemas take, as JSON Schema says it: the parts of which the APIs' descriptions are made."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from marshmallow import Schema, fields, validate

Json = dict[str, Any]
Own = Callable[[fields.Field[Any]], Json | None]
"""The shape of a kind of field that only one API has; None for all others."""

PROBLEM: Json = {
    "type": "object",
    "description": "RFC 9457",
    "properties": {
        "type": {"type": "string"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string"},
        "errors": {
            "type": "array",
            "items": {
                "type": "object",
                "properties": {"pointer": {"type": "string"}, "detail": {"type": "string"}},
                "required": ["pointer", "detail"],
            },
        },
    },
    "required": ["type", "title", "status"],
}
"""How a refusal looks (connector.api.problem)."""


def none_of_ours(field: fields.Field[Any]) -> None:
    """For an API without fields of its own."""


def described(schema: Schema, one_of: tuple[str, ...] = (), own: Own = none_of_ours) -> Json:
    """The object that this schema loads. ``one_of``: fields of which one at least must say something."""
    said = {name: {"required": [name], "properties": {name: {"not": {"type": "null"}}}} for name in one_of}
    return {
        "type": "object",
        "properties": {field.data_key or name: shape(field, own) for name, field in schema.fields.items()},
        "required": [field.data_key or name for name, field in schema.fields.items() if field.required],
        "additionalProperties": False,
        **({"anyOf": list(said.values())} if said else {}),
    }


def shape(field: fields.Field[Any], own: Own = none_of_ours) -> Json:
    """What one field takes, with its bounds and what is said of it."""
    found = {**_shape(field, own), **_bounds(field)}
    if field.allow_none and "type" in found:
        kinds = found["type"] if isinstance(found["type"], list) else [found["type"]]
        found["type"] = [*kinds, "null"]
        if "enum" in found:
            found["enum"] = [*found["enum"], None]
    if "description" in field.metadata:
        found["description"] = field.metadata["description"]
    if "example" in field.metadata:
        found["examples"] = [field.metadata["example"]]
    return found


def _shape(field: fields.Field[Any], own: Own) -> Json:
    if (special := own(field)) is not None:
        return special
    match field:
        case fields.Dict(key_field=key, value_field=value) if key is not None and value is not None:
            return {"type": "object", "propertyNames": _bounds(key), "additionalProperties": shape(value, own)}
        case fields.Dict():
            return {"type": "object"}
        case fields.List(inner=inner):
            return {"type": "array", "items": shape(inner, own)}
        case fields.Nested():
            nested = described(field.schema, (), own)
            return {"type": "array", "items": nested} if field.schema.many else nested
        case fields.Integer():
            return {"type": "integer"}
        case fields.Decimal():
            return {"type": ["number", "string"]}
        case fields.Float():
            return {"type": "number"}
        case fields.Boolean():
            return {"type": "boolean"}
        case fields.AwareDateTime():
            return {"type": "string", "format": "date-time"}
        case fields.Date():
            return {"type": "string", "format": "date"}
        case fields.Email():
            return {"type": "string", "format": "email"}
        case fields.Raw():
            return {}
        case _:
            return {"type": "string"}


def _bounds(field: fields.Field[Any]) -> Json:
    found: Json = {}
    counted = isinstance(field, fields.Dict)
    listed = isinstance(field, fields.List)
    for rule in field.validators:
        if isinstance(rule, validate.Range) and isinstance(field, fields.Integer):
            found |= {"minimum": rule.min} if rule.min is not None else {}
            found |= {"maximum": rule.max} if rule.max is not None else {}
        elif isinstance(rule, validate.Regexp):
            found["pattern"] = str(rule.regex.pattern).replace(r"\A", "^").replace(r"\Z", "$")
        elif isinstance(rule, validate.OneOf):
            found["enum"] = list(rule.choices)
        elif isinstance(rule, validate.Length):
            what = "Properties" if counted else "Items" if listed else "Length"
            least, most = f"min{what}", f"max{what}"
            found |= {least: rule.min} if rule.min is not None else {}
            found |= {most: rule.max} if rule.max is not None else {}
    return found
