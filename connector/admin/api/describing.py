"""What the API of the admin offers, as OpenAPI 3.1 says it: made from the acts, the views and their schemas."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from datetime import date, datetime, timedelta
from decimal import Decimal
from enum import Enum
from typing import Any
from uuid import UUID

from connector.admin import access
from connector.admin.acts.act import Act, View
from connector.api import shapes
from connector.api.problem import MEDIA_TYPE
from connector.api.shapes import PROBLEM, Json

BASE = "/admin-api/v1"
_ARGUMENT = re.compile(r"<(?:(?P<kind>\w+)(?:\((?:max=(?P<most>\d+)|[^)]*)\))?:)?(?P<name>\w+)>")
_LARGEST = 2**63

_ABOUT = (
    "What staff do and read in the admin, for programs: by a key of one shop, which may do what its role may. Every act"
    " leaves a line in the audit log. A list answers a page of rows and, in `next`, what `after` has to say for those"
    " behind them. What is asked for is described with every field; of answers only their form, since fields are added"
    " to them: a program passes over those that it does not know."
)
_REFUSALS: Mapping[str, str] = {
    "401": "No key that is known",
    "403": "The role of the key is not enough",
    "404": "It is not there, or is another shop's",
    "422": "Not of the shape that is asked for, or it cannot be done: the sentence says why",
    "429": "The key has asked all that it may in a minute: see Retry-After",
    "502": "Shopify or Brevo did not answer as expected",
    "503": "The database cannot be reached: see Retry-After",
}
_REFUSED_ACTS: Mapping[str, str] = {
    "400": "No JSON object",
    "409": "Somebody has changed it meanwhile: read it again",
    "413": "Too large",
    "415": "No JSON",
}


def offered(acts: Sequence[Act], views: Sequence[View]) -> list[Act | View]:
    """Those that keys may ask, if their role is enough: what is for people in person only is none of them."""
    every: list[Act | View] = [*views, *acts]
    return [one for one in every if f"admin.{one.name}" not in access.IN_PERSON]


def by_path(acts: Sequence[Act], views: Sequence[View]) -> Mapping[str, Mapping[str, Act | View]]:
    """What is offered at each path, by method."""
    found: dict[str, dict[str, Act | View]] = {}
    for one in offered(acts, views):
        found.setdefault(one.path, {})[method_of(one)] = one
    return found


def method_of(one: Act | View) -> str:
    """By which method it is asked for."""
    return "GET" if isinstance(one, View) and not one.by_body else "POST"


def filled(path: str, value_of: Callable[[str], object]) -> str:
    """The path with what stands for each argument in its place."""
    return _ARGUMENT.sub(lambda found: str(value_of(found["name"])), path)


def arguments(path: str) -> list[str]:
    """The names of the arguments of a path."""
    return [found["name"] for found in _ARGUMENT.finditer(path)]


def document(public_url: str, acts: Sequence[Act], views: Sequence[View]) -> Json:
    """The whole description as plain data."""
    paths: Json = {}
    for path, calls in by_path(acts, views).items():
        address = f"{BASE}/{filled(path, '{{{}}}'.format)}"
        paths[address] = {
            method.lower(): _act(one) if isinstance(one, Act) else _posted(one) if one.by_body else _view(one)
            for method, one in calls.items()
        }
    return {
        "openapi": "3.1.0",
        "info": {"title": "Admin", "version": "1", "description": _ABOUT},
        "servers": [{"url": public_url}],
        "security": [{"key": []}],
        "paths": paths,
        "components": {
            "securitySchemes": {"key": {"type": "http", "scheme": "bearer", "bearerFormat": "ak_..."}},
            "schemas": {"Problem": PROBLEM},
        },
    }


def _act(act: Act) -> Json:
    call = _call(act, {**_REFUSALS, **_REFUSED_ACTS})
    call["responses"]["200"] = {"description": "Done", "content": _json({"type": "object"})}
    if act.fields is not None:
        call["requestBody"] = {"required": True, "content": _json(shapes.described(act.fields))}
        if "seen" in act.fields.fields:
            said = "The ETag of what was read, instead of `seen`"
            call["parameters"].append(
                {"name": "If-Match", "in": "header", "description": said, "schema": {"type": "string"}}
            )
    return call


def _posted(view: View) -> Json:
    """A view that is asked for by a body."""
    call = _call(view, {**_REFUSALS, **_REFUSED_ACTS})
    call["responses"]["200"] = {"description": "As it is now; nothing is changed", "content": _json({"type": "object"})}
    if view.query is not None:
        call["requestBody"] = {"required": True, "content": _json(shapes.described(view.query))}
    return call


def _view(view: View) -> Json:
    call = _call(view, {"400": "Cannot be read", **_REFUSALS})
    fields = {} if view.query is None else view.query.fields
    for name, field in fields.items():
        shape = shapes.shape(field)
        call["parameters"].append(
            {"name": field.data_key or name, "in": "query", "required": field.required, "schema": _in_an_address(shape)}
        )
    answer: Json = {"type": "object"}
    if "after" in fields:
        rows = {"type": "array", "items": {"type": "object"}}
        answer |= {"properties": {"rows": rows, "next": {"type": ["string", "null"]}}, "required": ["rows", "next"]}
    call["responses"]["200"] = {
        "description": "As it is now",
        "headers": {"ETag": {"schema": {"type": "string"}}},
        "content": _json(answer),
    }
    call["responses"]["304"] = {"description": "What If-None-Match names"}
    return call


def _call(one: Act | View, refusals: Mapping[str, str]) -> Json:
    least = access.ROUTES[f"admin.{one.name}"]
    asked_for = [
        {"name": found["name"], "in": "path", "required": True, "schema": _of_converter(found["kind"], found["most"])}
        for found in _ARGUMENT.finditer(one.path)
    ]
    return {
        "operationId": one.name,
        "tags": [one.path.partition("/")[0]],
        "summary": one.about,
        "description": f"For keys of the role {least} and above.",
        "parameters": asked_for,
        "responses": {
            status: {
                "description": about,
                "content": {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}},
            }
            for status, about in refusals.items()
        },
    }


def _of_converter(kind: str | None, most: str | None) -> Json:
    if kind == "int":
        return {"type": "integer", "minimum": 0, "maximum": int(most) if most else _LARGEST - 1}
    return {"type": "string", "minLength": 1}


def _in_an_address(shape: Json) -> Json:
    """An address has no null: what is not asked for is left out."""
    kinds = shape.get("type")
    if isinstance(kinds, list) and "null" in kinds:
        left = [kind for kind in kinds if kind != "null"]
        shape = {**shape, "type": left[0] if len(left) == 1 else left}
        if "enum" in shape:
            shape["enum"] = [one for one in shape["enum"] if one is not None]
    return shape


def _json(shape: Json) -> Json:
    return {"application/json": {"schema": shape}}


def is_too_large(value: Any) -> bool:
    """Whether a whole number is in it that no column of ours holds."""
    if isinstance(value, Mapping):
        return any(map(is_too_large, value.values()))
    if isinstance(value, list):
        return any(map(is_too_large, value))
    return isinstance(value, int) and abs(value) >= _LARGEST


def plain(value: Any) -> Any:
    """What acts and views return, as JSON has it: moments in ISO 8601, amounts as text, spans in seconds."""
    match value:
        case Mapping():
            return {str(name): plain(inner) for name, inner in value.items()}
        case list() | tuple() | set() | frozenset():
            return [plain(inner) for inner in value]
        case datetime() | date():
            return value.isoformat()
        case timedelta():
            return value.total_seconds()
        case Decimal() | UUID():
            return str(value)
        case Enum():
            return plain(value.value)
        case _:
            return value
