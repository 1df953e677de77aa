"""What a form or an address may say: checked by marshmallow, and nothing that the schema does not name is taken."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal
from urllib.parse import urlsplit

from flask import request
from marshmallow import Schema, ValidationError

from connector.errors import InvalidInput

HOME = "/admin/"
# Part of every form, and the frame's business.
_FRAME_FIELDS = ("csrf_token",)


def posted(schema: Schema) -> dict[str, Any]:
    """The fields of the form. Raises InvalidInput with all that is wrong, also for a field that is not asked for."""
    given = {name: value for name, value in request.form.items() if name not in _FRAME_FIELDS}
    return _loaded(schema, given, "raise")


def uploaded(name: str, most: int) -> str:
    """The text of the one file that came with the form, of at most so many bytes. Raises InvalidInput."""
    file = request.files.get(name)
    raw = file.stream.read(most + 1) if file else b""
    if not raw:
        raise InvalidInput("Choose a file first.")
    if len(raw) > most:
        raise InvalidInput("The file is too large: bring it in parts.")
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError:
        text = "\x00"
    if "\x00" in text:
        raise InvalidInput("The file is no text: save it as CSV, in UTF-8.")
    return text


def asked(schema: Schema) -> dict[str, Any]:
    """The parameters of the address; unknown ones are left out. Raises InvalidInput."""
    return _loaded(schema, request.args, "exclude")


def checked(schema: Schema, given: Mapping[str, Any]) -> dict[str, Any]:
    """What a page has put together from its form, held against the schema of the act. Raises InvalidInput."""
    return _checked(schema, given, "raise")


def _loaded(schema: Schema, given: Mapping[str, str], unknown: Literal["raise", "exclude"]) -> dict[str, Any]:
    # A field that was left empty counts as not given.
    written = {name: value.strip() for name, value in given.items() if value.strip()}
    return _checked(schema, written, unknown)


def _checked(schema: Schema, given: Mapping[str, Any], unknown: Literal["raise", "exclude"]) -> dict[str, Any]:
    try:
        loaded: dict[str, Any] = schema.load(given, unknown=unknown)
    except ValidationError as error:
        said: dict[str, Any] = error.normalized_messages()
        raise InvalidInput("; ".join(f"{name}: {_flat(what)}" for name, what in said.items())) from error
    return loaded


def _flat(what: Any) -> str:
    if isinstance(what, dict):
        return " ".join(_flat(inner) for inner in what.values())
    return " ".join(map(str, what)) if isinstance(what, list) else str(what)


def safe_next(address: str | None) -> str:
    """Where to go after signing in: a page of the admin, whatever was asked for."""
    if not address or not address.startswith(HOME) or "\\" in address or not address.isprintable():
        return HOME
    try:
        parts = urlsplit(address)
    except ValueError:
        return HOME
    inside = not parts.scheme and not parts.netloc and "//" not in parts.path and ".." not in parts.path
    return address if inside else HOME
