"""The rows of an import: from JSON, from a CSV with semicolons, or from a file that is fetched."""

from __future__ import annotations

import csv
import io
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import orjson
import urllib3

from sandbox.provider.wire import Refusal, invalid, missing

if TYPE_CHECKING:
    from sandbox.provider.accounts import Account

LARGEST_BODY = 10_000_000
LARGEST_FILE = 200_000_000
FETCH_SECONDS = 10.0
# The sandbox reaches nothing but its own machine.
NEAR = ("127.0.0.1", "localhost", "::1")
_WORDS = {"true": True, "yes": True, "false": False, "no": False}
Row = dict[str, Any]


class Unreadable(Exception):
    """The file cannot be fetched or is none of .csv, .txt, .json."""


@dataclass(frozen=True)
class Source:
    """`kind` is fileUrl, fileBody or jsonBody."""

    kind: str
    content: Any

    def rows(self, account: Account) -> list[Row]:
        """Each `{"email", "attributes"}`; cells of a CSV are read as their attributes take them. Raises Unreadable."""
        if self.kind == "jsonBody":
            return list(self.content)
        if self.kind == "fileBody":
            return _csv_rows(account, self.content)
        return _fetched(account, self.content)


def source_of(body: dict[str, Any], size: int) -> Source:
    """`size` is the length of the request's body in bytes. Raises Refusal."""
    kinds = [name for name in ("fileUrl", "fileBody", "jsonBody") if name in body]
    if len(kinds) != 1:
        raise missing("One of fileUrl, fileBody or jsonBody is required")
    source = Source(kinds[0], body[kinds[0]])
    if source.kind == "fileUrl":
        parts = urlsplit(source.content)
        if parts.scheme not in ("http", "https") or parts.hostname not in NEAR:
            raise invalid("fileUrl is invalid: the sandbox fetches from this machine only")
    elif size > LARGEST_BODY:
        raise Refusal(400, "out_of_range", "Body size exceeds the limit of 10 MB")
    elif not source.content:
        raise missing(f"{source.kind} is empty")
    return source


def _csv_rows(account: Account, text: str) -> list[Row]:
    rows = []
    for line in csv.DictReader(io.StringIO(text), delimiter=";"):
        cells = {str(name).strip().upper(): (value or "").strip() for name, value in line.items() if name}
        rows.append({"email": cells.pop("EMAIL", ""), "attributes": _typed(account, cells)})
    return rows


def _typed(account: Account, cells: dict[str, str]) -> dict[str, Any]:
    """Give every cell the first reading (text, option, boolean, number) that its attribute takes."""
    typed: dict[str, Any] = {}
    for name, text in cells.items():
        readings: list[Any] = [text, [text], [one.strip() for one in text.split(",")]]
        if text.lower() in _WORDS:
            readings.append(_WORDS[text.lower()])
        try:
            readings.append(float(text))
        except ValueError:
            pass  # not a number: the other readings remain
        fits = (reading for reading in readings if account.attributes.fit({name: reading})[0])
        typed[name] = next(fits, text)
    return typed


def _fetched(account: Account, url: str) -> list[Row]:
    try:
        with urllib3.PoolManager(retries=False) as pool:
            answer = pool.request("GET", url, timeout=FETCH_SECONDS, redirect=False, preload_content=False)
            content = answer.read(LARGEST_FILE + 1)
    except urllib3.exceptions.HTTPError as problem:
        raise Unreadable(str(problem)) from None
    if answer.status != 200 or len(content) > LARGEST_FILE:
        raise Unreadable(f"status {answer.status}, {len(content)} bytes")
    try:
        if urlsplit(url).path.endswith(".json"):
            found = orjson.loads(content)
            if not isinstance(found, list) or not all(isinstance(row, dict) for row in found):
                raise Unreadable("no list of contacts")
            return found
        return _csv_rows(account, content.decode("utf-8-sig"))
    except (ValueError, csv.Error) as problem:
        raise Unreadable(str(problem)) from None
