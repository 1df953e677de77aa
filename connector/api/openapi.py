"""The API as OpenAPI 3.1 describes it, made from the schemas that check what is sent."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from marshmallow import fields

from connector.api import shapes
from connector.api.problem import MEDIA_TYPE
from connector.api.reception import MOST_AT_ONCE
from connector.api.shapes import PROBLEM, Json
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
    person = shapes.described(NamedPayload(), _ONE_OF["person"], _own)
    schemas: Json = {"Event": event, "Person": person, "Problem": PROBLEM}
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
    shape = shapes.described(SCHEMAS[kind](), _ONE_OF.get(kind, ()), _own)
    shape["properties"] |= {"type": {"const": kind}, "person": _ref("Person")}
    return shape


def _own(field: fields.Field[Any]) -> Json | None:
    """The shape of a field that only events have."""
    match field:
        case PropertiesField():
            limits = f"At most {LARGEST_PROPERTIES} bytes and {DEEPEST} deep"
            return {"type": "object", "propertyNames": {"pattern": "^[A-Za-z0-9_]{1,64}$"}, "$comment": limits}
        case AnswerField():
            return _ANSWER
        case _:
            return None
