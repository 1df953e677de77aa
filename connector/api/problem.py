"""Refusals of the API, as RFC 9457 writes them: JSON that says what is wrong and what to do."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import orjson
from flask import Response

MEDIA_TYPE = "application/problem+json"


class Problem(Exception):
    """A request that is refused. ``errors``: {JSON pointer into the body: what is wrong there}."""

    def __init__(
        self,
        status: int,
        code: str,
        title: str,
        detail: str = "",
        *,
        errors: Sequence[tuple[str, str]] = (),
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(title)
        self.status = status
        self.code = code
        self.title = title
        self.detail = detail
        self.errors = errors
        self.headers = dict(headers or {})

    def response(self) -> Response:
        body: dict[str, Any] = {
            "type": f"urn:connector:problem:{self.code}",
            "title": self.title,
            "status": self.status,
        }
        if self.detail:
            body["detail"] = self.detail
        if self.errors:
            body["errors"] = [{"pointer": pointer, "detail": detail} for pointer, detail in self.errors]
        return Response(orjson.dumps(body), self.status, self.headers, mimetype=MEDIA_TYPE)


def pointed(messages: Any, pointer: str = "") -> Iterator[tuple[str, str]]:
    """marshmallow's messages, each behind the JSON pointer (RFC 6901) of what it is about."""
    if isinstance(messages, Mapping):
        for name, inner in messages.items():
            # What is said of an object as a whole; of an entry of a mapping: its name or its value.
            # Of the outermost object those are fields like any other.
            whole = name == "_schema" or (pointer and name in ("key", "value"))
            part = "" if whole else f"/{_escaped(str(name))}"
            yield from pointed(inner, pointer + part)
    else:
        for one in messages if isinstance(messages, list) else [messages]:
            yield pointer, str(one)


def _escaped(name: str) -> str:
    return name[:100].replace("~", "~0").replace("/", "~1")


UNREADABLE = "Send one JSON object in UTF-8, with the header Content-Type: application/json."


def no_key(what: str) -> Problem:
    return Problem(
        401,
        "no-key",
        "No key that is known",
        f"Send Authorization: Bearer {what}.",
        headers={"WWW-Authenticate": "Bearer"},
    )


def too_large(most: int) -> Problem:
    return Problem(413, "too-large", "Too large", f"A body has at most {most} bytes: send less at once.")


def too_many(seconds: int) -> Problem:
    return Problem(
        429,
        "too-many",
        "Too many events",
        f"This key has told all that it may in a minute: try again in {seconds} s.",
        headers={"Retry-After": str(seconds)},
    )


def not_now() -> Problem:
    return Problem(
        503,
        "not-now",
        "Not stored",
        "Nothing is known to be stored: send the same again in a few seconds; what was stored is not told twice.",
        headers={"Retry-After": "5"},
    )
