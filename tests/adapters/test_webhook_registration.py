"""Having Brevo report to us: ours are used again, what is missing is said, and no report is turned away meanwhile."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import httpx
import orjson
import pytest
from sqlalchemy import select

from connector.clock import SystemClock
from connector.models.shop import shops
from tests.sync.world import FakeBrevo, World, world
from webhooks import registration
from webhooks.addresses import BREVO_WEBHOOKS
from webhooks.verify import is_bearer

URL = "https://c.test/webhooks/brevo/1"


class Account:
    """Webhooks of an account, with one that somebody else made. ``refuse``: {channel or method: status}."""

    def __init__(self) -> None:
        self.hooks: dict[int, dict[str, Any]] = {
            1: {"id": 1, "url": "https://elsewhere.example/", "type": "transactional", "events": ["opened"]}
        }
        self.refuse: dict[str, int] = {}
        self.tokens: list[tuple[str, set[str]]] = []
        self.believed: Any = lambda: set()

    def __call__(self, request: httpx.Request) -> httpx.Response:
        body = orjson.loads(request.content) if request.content else {}
        for what, status in self.refuse.items():
            if what in (request.method, body.get("channel")):
                return httpx.Response(status, json={"code": "invalid_parameter", "message": "not in your plan"})
        if request.method == "GET":
            found = [one for one in self.hooks.values() if one["type"] == request.url.params["type"]]
            return httpx.Response(200 if found else 404, json={"webhooks": found})
        if request.method == "POST":
            number = len(self.hooks) + 1
            self.hooks[number] = {"id": number, **body}
        else:
            number = int(request.url.path.rsplit("/", 1)[1])
            self.hooks[number] |= body
        # What every webhook of ours would send now has to be believed.
        mine = [one["auth"]["token"] for one in self.hooks.values() if one["url"] == URL]
        digests = self.believed()
        assert all(any(is_bearer(token, digest) for digest in digests) for token in mine), request.url
        return httpx.Response(201, json={"id": number})


@pytest.fixture
def made(database_url: str, redis_url: str) -> Iterator[World]:
    with world(
        database_url, redis_url, SystemClock(wire_rate=500), public_url="https://c.test", wire_rate=500.0
    ) as one:
        yield one


@pytest.fixture
def account(made: World) -> Account:
    account = Account()
    account.believed = lambda: digests(made)
    assert isinstance(made.brevo, FakeBrevo)
    made.brevo.answer = account
    return account


def digests(made: World) -> set[str]:
    with made.transaction() as connection:
        row = connection.execute(select(shops.c.brevo_webhook_digest, shops.c.brevo_webhook_digest_before)).one()
    return set(row) - {""}


def ensure(made: World) -> tuple[bool, str]:
    said: list[str] = []
    done = registration.ensure(made.deps, made.deps.brevo(made.shop), made.shop.id, said.append)
    return done, "\n".join(said)


def test_all_are_made_once_and_brought_up_to_date(made: World, account: Account) -> None:
    assert ensure(made)[0]
    first = {number: dict(hook) for number, hook in account.hooks.items() if hook["url"] == URL}
    wanted = [(one.type, one.channel, list(one.events)) for one in BREVO_WEBHOOKS]
    assert [(one["type"], one["channel"], one["events"]) for one in first.values()] == wanted
    account.hooks[2]["events"] = ["opened"]
    assert ensure(made)[0]
    again = {number: hook for number, hook in account.hooks.items() if hook["url"] == URL}
    assert [one["events"] for one in again.values()] == [events for _, _, events in wanted]
    assert set(again) == set(first) and again[2]["auth"] != first[2]["auth"]
    assert account.hooks[1]["url"] == "https://elsewhere.example/" and len(digests(made)) == 1


def test_ours_are_known_where_brevo_does_not_say_of_which_channel_they_are(made: World, account: Account) -> None:
    ensure(made)
    for hook in account.hooks.values():
        hook.pop("channel", None)
    assert ensure(made)[0] and len(account.hooks) == 4
    assert [hook["events"] for hook in account.hooks.values()][1:] == [list(one.events) for one in BREVO_WEBHOOKS]


def test_one_that_is_refused_is_said_and_the_others_report(made: World, account: Account) -> None:
    account.refuse = {"sms": 400}
    done, said = ensure(made)
    assert not done and "text messages could not be registered" in said and "what becomes of emails" in said
    assert len(account.hooks) == 3


def test_the_token_that_brevo_has_is_believed_however_often_connecting_fails(made: World, account: Account) -> None:
    ensure(made)
    (had,) = digests(made)
    account.refuse = {"GET": 500}
    for _ in range(3):
        done, said = ensure(made)
        assert not done and "add the shop again" in said and had in digests(made)
    account.refuse = {}
    assert ensure(made)[0] and had not in digests(made)
