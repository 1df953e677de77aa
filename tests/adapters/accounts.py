"""Brevo accounts whose answers a test gives."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import httpx
import orjson

from connector.brevo.client import BrevoAccount
from connector.brevo.credentials import ApiKey
from connector.brevo.limits import Grant
from connector.http import Http, guarded_client
from connector.settings import Settings

Handler = Callable[[httpx.Request], httpx.Response]


class Unlimited:
    """Grants everything and remembers what it was shown."""

    def __init__(self) -> None:
        self.seen: list[tuple[str, int, dict[str, str]]] = []

    def grab(self, account: str, bucket: str, most: int, **_: Any) -> Grant:
        return Grant(most)

    def give_back(self, *_: Any) -> None:
        return

    def tell_day(self, *_: Any) -> None:
        return

    def blocked(self, *_: Any) -> float:
        return 0.0

    def observe(self, account: str, bucket: str, status: int, headers: Any, **_: Any) -> None:
        self.seen.append((bucket, status, dict(headers)))


@dataclass
class Scripted:
    """Answers from a list, the last one for ever, and keeps the requests."""

    answers: list[httpx.Response | Exception]
    requests: list[httpx.Request] = field(default_factory=list)

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, Exception):
            raise answer
        return answer

    def body(self, number: int = -1) -> dict[str, Any]:
        return orjson.loads(self.requests[number].content)


def http_for(handler: Handler) -> Http:
    return Http(provider=guarded_client(5, httpx.MockTransport(handler)))


def account_for(
    handler: Handler, *, key: str = "key-1", limiter: Any = None, http: Http | None = None, **settings: Any
) -> BrevoAccount:
    chosen = Settings(environment="development", brevo_base_url="http://brevo.test/v3", **settings)
    return BrevoAccount(1, ApiKey(key), chosen, http or http_for(handler), limiter or Unlimited())
