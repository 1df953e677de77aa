"""What the APIs read of a request, and how they answer: the key, one JSON object, one JSON answer."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import orjson
from flask import Response, request
from sqlalchemy import Engine

from connector.api import keys
from connector.api.keys import Key
from connector.api.problem import UNREADABLE, Problem, no_key, too_large
from connector.db.session import transaction
from connector.nesting import DEEPEST, is_too_deep
from webhooks.process import Unreadable, read

EVERY_METHOD = ("GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")


def key_of(engine: Engine, now: datetime, *, what: str, admin: bool = False) -> Key:
    """The key that the request carries. ``what``: what kind is asked for, for who has none. Raises Problem."""
    scheme, _, text = request.headers.get("Authorization", "").partition(" ")
    found = None
    if scheme.lower() == "bearer":
        with transaction(engine) as connection:
            found = keys.presented(connection, text.strip(), now, admin=admin)
    if found is None:
        raise no_key(what)
    return found


def only(method: str) -> None:
    """Raises Problem for another method."""
    if request.method != method:
        raise Problem(405, "method", "Not done that way", f"Use {method}.", headers={"Allow": method})


def body(largest: int) -> dict[str, Any]:
    """The JSON object of the request, of at most so many bytes. Raises Problem."""
    if (request.content_length or 0) > largest or len(raw := request.get_data(cache=False)) > largest:
        raise too_large(largest)
    if request.mimetype != "application/json":
        raise Problem(415, "no-json", "Not JSON", UNREADABLE)
    try:
        found = read(raw)
    except Unreadable as error:
        raise Problem(400, "unreadable", "Cannot be read", f"{error}. {UNREADABLE}") from error
    if not isinstance(found, dict):
        raise Problem(400, "unreadable", "Not an object", UNREADABLE)
    if is_too_deep(found):
        said = f"Its lists and objects are inside one another more than {DEEPEST} deep. Write it flatter."
        raise Problem(400, "unreadable", "Nested too deep", said)
    return found


def answer(value: Any, status: int, headers: Mapping[str, str] | None = None) -> Response:
    """This value as JSON."""
    return Response(orjson.dumps(value), status, headers, mimetype="application/json")
