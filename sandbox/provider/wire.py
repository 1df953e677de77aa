"""One API call and its answer, as the endpoint modules see them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sandbox.provider.accounts import Account
    from sandbox.provider.platform import Platform


@dataclass(frozen=True)
class Answer:
    """Status and JSON body (None: no body, as with 204)."""

    status: int
    body: Any = None
    headers: dict[str, str] = field(default_factory=dict)


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

    `path` holds the decoded path arguments, `first_byte_at` real unix seconds, `now` business unix seconds.
    `remark` goes into the request's log entry: what the real provider would do silently is visible there.
    """

    platform: Platform
    account: Account
    body: Any
    query: dict[str, list[str]]
    path: dict[str, str]
    first_byte_at: float
    now: float
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

    def page(self, rows: list[Any], default: int, high: int) -> list[Any]:
        limit, offset = self.whole("limit", default, 0, high), self.whole("offset", 0, 0, 10**12)
        return rows[offset : offset + limit]


@dataclass(frozen=True, eq=False)
class Route:
    """`shape` is the request body (see shapes.py); None for calls without one."""

    method: str
    path: str
    handler: Callable[[Call], Answer]
    shape: Any = None
    body_required: bool = True
