"""One API call and its answer, as the endpoint modules see them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from sandbox.provider import moments

if TYPE_CHECKING:
    from sandbox.provider.accounts import Account
    from sandbox.provider.platform import Platform


@dataclass(frozen=True)
class Answer:
    """Status and JSON body (None: no body, as with 204), or `content` of the type that `headers` name."""

    status: int
    body: Any = None
    headers: dict[str, str] = field(default_factory=dict)
    content: bytes | None = None


def page(status: int, body: str) -> Answer:
    """A page for a person."""
    content = f"<!DOCTYPE html><html lang=en><title>Provider</title><body>{body}</body></html>".encode()
    return Answer(status, headers={"Content-Type": "text/html; charset=utf-8"}, content=content)


class Refusal(Exception):
    """An error answer `{"code", "message", ...}`; `extra` adds fields such as `metadata`."""

    def __init__(self, status: int, code: str, message: str, **extra: Any) -> None:
        super().__init__(message)
        self.status = status
        self.body = {"code": code, "message": message, **extra}

    @property
    def answer(self) -> Answer:
        return Answer(self.status, self.body)


def invalid(message: str) -> Refusal:
    return Refusal(400, "invalid_parameter", message)


def missing(message: str) -> Refusal:
    return Refusal(400, "missing_parameter", message)


def not_found(message: str) -> Refusal:
    return Refusal(404, "document_not_found", message)


@dataclass
class Call:
    """A request that passed authentication, rate limit and shape check.

    `writer` is what contact webhooks call the caller: the name of its API key or app. `path` holds the decoded path
    arguments, `first_byte_at` real unix seconds, `now` business unix seconds, `size` the length of the body in bytes.
    `remark` goes into the request's log entry: what the real provider would do silently is visible there.
    """

    platform: Platform
    account: Account
    writer: str
    body: Any
    query: dict[str, list[str]]
    path: dict[str, str]
    first_byte_at: float
    now: float
    size: int = 0
    remark: dict[str, Any] = field(default_factory=dict)

    def one(self, name: str, default: str | None = None) -> str | None:
        values = self.query.get(name)
        return values[-1] if values else default

    def whole(self, name: str, default: int, low: int, high: int) -> int:
        """An integer query parameter within its documented bounds; raises Refusal(out_of_range)."""
        text = self.one(name)
        if text is None:
            return default
        try:
            value = int(text)
        except ValueError:
            raise invalid(f"{name} should be an integer") from None
        if not low <= value <= high:
            raise Refusal(400, "out_of_range", f"{name} should be between {low} and {high}")
        return value

    def moment(self, name: str) -> float | None:
        """A date-time parameter in unix seconds; a plus sign that was not quoted arrives as a blank."""
        text = self.one(name)
        if text is None:
            return None
        at = moments.parse(text.replace(" ", "+"))
        if at is None:
            raise invalid(f"{name} is not a valid date-time")
        return at

    def page(self, rows: list[Any], default: int, high: int) -> list[Any]:
        limit, offset = self.whole("limit", default, 0, high), self.whole("offset", 0, 0, 10**12)
        return rows[offset : offset + limit]

    def sorted_page(self, rows: list[Any], default: int, high: int) -> list[Any]:
        """The page of `rows` (oldest first) in the order asked for; the newest come first by default."""
        order = self.one("sort", "desc")
        if order not in ("asc", "desc"):
            raise invalid("sort should be asc or desc")
        return self.page(rows if order == "asc" else rows[::-1], default, high)


@dataclass(frozen=True, eq=False)
class Route:
    """`shape` is the request body (see shapes.py); None for calls without one."""

    method: str
    path: str
    handler: Callable[[Call], Answer]
    shape: Any = None
    body_required: bool = True
