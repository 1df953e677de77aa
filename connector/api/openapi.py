"""The API as OpenAPI 3.1 describes it, made from the schemas that check what is sent."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from marshmallow import Schema, fields, validate

from connector.api.problem import MEDIA_TYPE
from connector.api.reception import MOST_AT_ONCE
from webhooks.topics.api_payload import (
    DEEPEST,
    LARGEST_PROPERTIES,
    LONGEST_ANSWER,
    MOST_OPTIONS,
    SCHEMAS,
    AnswerField,
    PropertiesField,
)
from webhooks.topics.event_payload import EventPayload, NamedPayload

Json = dict[str, Any]
_TEXT: Json = {"type": "string", "maxLength": LONGEST_ANSWER}
_ANSWER: Json = {
    "anyOf": [
        {"type": ["number", "boolean"]},
        _TEXT,
        {"type": "array", "items": _TEXT, "maxItems": MOST_OPTIONS},
    ]
}
# Of these fields one at least must say something.
_ONE_OF: Mapping[str, tuple[str, ...]] = {
    "person": ("customer_id", "external_id", "visitor_id", "email", "phone"),
    "loyalty": ("points", "tier", "reward"),
}


def document(public_url: str) -> Json:
    """The whole description as plain data."""
    named = {kind: _name(schema) for kind, schema in SCHEMAS.items()}
    mapping = {kind: f"#/components/schemas/{name}" for kind, name in named.items()}
    event: Json = {
        "oneOf": [{"$ref": place} for place in mapping.values()],
        "discriminator": {"propertyName": "type", "mapping": mapping},
    }
    schemas: Json = {"Event": event, "Person": _object(NamedPayload(), _ONE_OF["person"]), "Problem": _PROBLEM}
    for kind, schema in SCHEMAS.items():
        schemas[named[kind]] = {"description": _said(schema), **_event(kind)}
    batch: Json = {
        "type": "object",
        "properties": {"events": {"type": "array", "items": _ref("Event"), "minItems": 1, "maxItems": MOST_AT_ONCE}},
        "required": ["events"],
        "additionalProperties": False,
    }
    ids: Json = {"type": "object", "properties": {"ids": {"type": "array", "items": {"type": "string"}}}}
    return {
        "openapi": "3.1.0",
        "info": {"title": "Events", "version": "1", "description": _ABOUT},
        "servers": [{"url": public_url}],
        "security": [{"key": []}],
        "paths": {
            "/api/events": {
                "post": _call(
                    "Tell of one event",
                    _ref("Event"),
                    {"type": "object", "properties": {"id": {"type": "string"}}},
                    {kind: {"value": example(kind)} for kind in SCHEMAS},
                )
            },
            "/api/events/batch": {
                "post": _call(
                    "Tell of up to a hundred at once", batch, ids, {"two": {"value": {"events": _two_examples()}}}
                )
            },
        },
        "components": {
            "securitySchemes": {"key": {"type": "http", "scheme": "bearer", "bearerFormat": "sk_..."}},
            "schemas": schemas,
        },
    }


def example(kind: str) -> Json:
    """An event of this type, with every field that has an example."""
    found: Json = {"type": kind}
    for name, field in SCHEMAS[kind]().fields.items():
        if "example" in field.metadata:
            found[name] = field.metadata["example"]
    found["id"] = f"ev-{list(SCHEMAS).index(kind) + 1}"
    found["person"] = {"email": "ada@example.com"}
    return found


def _two_examples() -> list[Json]:
    return [example("login"), example("custom")]


_ABOUT = "What a merchant's systems tell of people. The same id again changes nothing; nothing here gives consent."
_PROBLEM: Json = {
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
_REFUSALS: Mapping[str, str] = {
    "400": "No JSON object",
    "401": "No key that is known",
    "409": "The id was told before with another content",
    "413": "More than 64 kB",
    "415": "No JSON",
    "422": "Not of the shape that the type has; nothing is stored",
    "429": "The key has told all that it may in a minute: see Retry-After",
    "503": "Not stored: send the same again, see Retry-After",
}


def _call(summary: str, body: Json, answer: Json, examples: Json) -> Json:
    refusals = {
        status: {"description": about, "content": {MEDIA_TYPE: {"schema": _ref("Problem")}}}
        for status, about in _REFUSALS.items()
    }
    stored = {"description": "Stored", "content": {"application/json": {"schema": answer}}}
    content = {"application/json": {"schema": body, "examples": examples}}
    return {
        "summary": summary,
        "requestBody": {"required": True, "content": content},
        "responses": {"202": stored, **refusals},
    }


def _ref(name: str) -> Json:
    return {"$ref": f"#/components/schemas/{name}"}


def _name(schema: type[EventPayload]) -> str:
    return schema.__name__.removesuffix("Payload")


def _said(schema: type[EventPayload]) -> str:
    return " ".join((schema.__doc__ or "").split())


def _event(kind: str) -> Json:
    shape = _object(SCHEMAS[kind](), _ONE_OF.get(kind, ()))
    shape["properties"] |= {"type": {"const": kind}, "person": _ref("Person")}
    return shape


def _object(schema: Schema, one_of: tuple[str, ...] = ()) -> Json:
    said = {name: {"required": [name], "properties": {name: {"not": {"type": "null"}}}} for name in one_of}
    return {
        "type": "object",
        "properties": {name: _field(field) for name, field in schema.fields.items()},
        "required": [name for name, field in schema.fields.items() if field.required],
        "additionalProperties": False,
        **({"anyOf": list(said.values())} if said else {}),
    }


def _field(field: fields.Field[Any]) -> Json:
    shape = {**_shape(field), **_bounds(field)}
    if field.allow_none:
        shape["type"] = [shape["type"], "null"]
    if "description" in field.metadata:
        shape["description"] = field.metadata["description"]
    if "example" in field.metadata:
        shape["examples"] = [field.metadata["example"]]
    return shape


def _shape(field: fields.Field[Any]) -> Json:
    match field:
        case PropertiesField():
            limits = f"At most {LARGEST_PROPERTIES} bytes and {DEEPEST} deep"
            return {"type": "object", "propertyNames": {"pattern": "^[A-Za-z0-9_]{1,64}$"}, "$comment": limits}
        case AnswerField():
            return _ANSWER
        case fields.Dict(key_field=key, value_field=value) if key is not None and value is not None:
            return {"type": "object", "propertyNames": _bounds(key), "additionalProperties": _shape(value)}
        case fields.Integer():
            return {"type": "integer"}
        case fields.AwareDateTime():
            return {"type": "string", "format": "date-time"}
        case fields.Email():
            return {"type": "string", "format": "email"}
        case _:
            return {"type": "string"}


def _bounds(field: fields.Field[Any]) -> Json:
    found: Json = {}
    for rule in field.validators:
        if isinstance(rule, validate.Range) and isinstance(field, fields.Integer):
            found |= {"minimum": rule.min, "maximum": rule.max}
        elif isinstance(rule, validate.Regexp):
            found["pattern"] = str(rule.regex.pattern).replace(r"\A", "^").replace(r"\Z", "$")
        elif isinstance(rule, validate.OneOf):
            found["enum"] = list(rule.choices)
        elif isinstance(rule, validate.Length):
            least, most = (
                ("minProperties", "maxProperties") if isinstance(field, fields.Dict) else ("minLength", "maxLength")
            )
            found |= {least: rule.min} if rule.min is not None else {}
            found |= {most: rule.max} if rule.max is not None else {}
    return found
