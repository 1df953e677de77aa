"""Events told to Brevo: in order per person, after the contact, and never lost."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import httpx
import orjson
import pytest

from sync.copies import CONTACTS, EVENTS, events
from sync.copies.sending import send_due
from sync.copies.turn import Interrupted
from tests.sync.world import NOON, World, world


@pytest.fixture
def shop(database_url: str, redis_url: str) -> Iterator[World]:
    with world(database_url, redis_url) as made:
        yield made


def send(shop: World) -> bool:
    return send_due(shop.deps, shop.shop, [EVENTS]).more


def known(shop: World, number: int) -> int:
    """A person whose contact is at Brevo."""
    person = shop.person(number)
    shop.wish(person)
    send_due(shop.deps, shop.shop, [CONTACTS])
    return person


def told(shop: World) -> list[tuple[str, str]]:
    return [(b["identifiers"]["email_id"], b["event_name"]) for b in shop.brevo.bodies("/v3/events")]


def test_an_event_arrives_with_who_when_and_what(shop: World) -> None:
    shop.happened(known(shop, 1), "checkout_started", 1)
    send(shop)
    assert shop.brevo.bodies("/v3/events") == [
        {
            "event_name": "checkout_started",
            "identifiers": {"email_id": "p1@x.test", "ext_id": "1001"},
            "event_date": NOON.isoformat(),
            "event_properties": {"number": 1, "event_id": str(shop.fed()[0].event_id)},
        }
    ]
    assert shop.fed()[0].state == "sent"
    assert send(shop) is False


def test_events_wait_for_the_contacts_first_upsert(shop: World) -> None:
    person = shop.person(1)
    shop.happened(person, "first", 1)
    assert send(shop) is False, "no wish yet"
    shop.wish(person)
    assert send(shop) is False and not shop.brevo.requests
    shop.clock.pass_seconds(1.1)
    assert send(shop) is False and shop.state(person, "events").state == "waiting"
    assert send_due(shop.deps, shop.shop, [CONTACTS]).more, "somebody waits for it"
    send(shop)
    assert [request.url.path for request in shop.brevo.requests] == ["/v3/contacts", "/v3/events"]


@pytest.mark.parametrize("why", ["no_email", "refused"])
def test_events_of_somebody_brevo_cannot_know_step_aside_with_the_reason(shop: World, why: str) -> None:
    person = shop.person(1, **({"email": None} if why == "no_email" else {}))
    shop.wish(person)
    shop.brevo.answer = lambda _: httpx.Response(400, json={"code": "invalid_parameter", "message": "bad address"})
    send_due(shop.deps, shop.shop, [CONTACTS])
    asked = len(shop.brevo.requests)
    shop.happened(person, "first", 1)
    send(shop)
    row = shop.fed()[0]
    assert row.state == "refused" and ("no_email" if why == "no_email" else "bad address") in row.reason
    assert len(shop.brevo.requests) == asked


def test_a_person_is_told_of_in_order_and_people_do_not_wait_for_each_other(shop: World) -> None:
    one, two = known(shop, 1), known(shop, 2)
    for name in ("a", "b", "c"):
        shop.happened(one, name, 1)
    shop.happened(two, "x", 1)

    def fail_b(request: httpx.Request) -> httpx.Response | None:
        return httpx.Response(408) if orjson.loads(request.content)["event_name"] == "b" else None

    shop.brevo.answer = fail_b
    for _ in range(3):
        send(shop)
        shop.clock.pass_seconds(5.1)
    assert [name for who, name in told(shop) if who.startswith("p1")] == ["a", "b", "b"], "c waits behind b"
    assert ("p2@x.test", "x") in told(shop)
    shop.brevo.answer = lambda _: None
    shop.clock.pass_seconds(30.1)
    send(shop)
    assert [name for who, name in told(shop) if who.startswith("p1")] == ["a", "b", "b", "b", "c"]


def test_control_when_a_failure_does_not_stop_the_series_the_order_breaks(
    shop: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    call = events._call

    def careless(*arguments: Any) -> Any:
        try:
            return call(*arguments)
        except Interrupted:
            return "due", None

    monkeypatch.setattr(events, "_call", careless)
    person = known(shop, 1)
    for name in ("a", "b", "c"):
        shop.happened(person, name, 1)
    failed: list[str] = []

    def fail_a_once(request: httpx.Request) -> httpx.Response | None:
        name = orjson.loads(request.content)["event_name"]
        if name == "a" and not failed:
            failed.append(name)
            return httpx.Response(408)
        return None

    shop.brevo.answer = fail_a_once
    for _ in range(2):
        send(shop)
        shop.clock.pass_seconds(5.1)
    assert [name for _, name in told(shop)] == ["a", "b", "c", "a"]


def test_a_refused_head_steps_aside(shop: World) -> None:
    person = known(shop, 1)
    shop.happened(person, "bad", 1)
    shop.happened(person, "good", 2)

    def refuse(request: httpx.Request) -> httpx.Response | None:
        if orjson.loads(request.content)["event_name"] == "bad":
            return httpx.Response(400, json={"code": "invalid_parameter", "message": "wrong name"})
        return None

    shop.brevo.answer = refuse
    while send(shop):
        pass
    bad, good = shop.fed()
    assert (bad.state, good.state) == ("refused", "sent") and "wrong name" in bad.reason


def test_an_unknown_outcome_is_told_again_and_can_be_recognised(shop: World) -> None:
    person = known(shop, 1)
    shop.happened(person, "a", 1)
    answers: list[Exception] = [httpx.ReadTimeout("slow")]

    def slow_once(_: httpx.Request) -> None:
        if answers:
            raise answers.pop()

    shop.brevo.answer = slow_once
    assert send(shop) is False
    assert shop.fed()[0].state == "due"
    shop.clock.pass_seconds(5.1)
    send(shop)
    first, again = shop.brevo.bodies("/v3/events")
    assert first == again and shop.fed()[0].state == "sent"


def test_an_event_that_the_server_cannot_take_for_hours_steps_aside(shop: World) -> None:
    person = known(shop, 1)
    shop.happened(person, "bad", 1)
    shop.brevo.answer = lambda _: httpx.Response(500)
    for _ in range(6):
        send(shop)
        assert shop.fed()[0].state == "due"
        shop.clock.pass_seconds(7201)
    send(shop)
    assert shop.fed()[0].state == "refused" and "500" in shop.fed()[0].reason


def test_a_provider_that_is_away_for_long_costs_no_event(shop: World) -> None:
    person = known(shop, 1)
    shop.happened(person, "a", 1)

    def away(_: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError("refused")

    shop.brevo.answer = away
    for _ in range(12):
        send(shop)
        shop.clock.pass_seconds(7201)
    shop.brevo.answer = lambda _: httpx.Response(429)
    for _ in range(12):
        send(shop)
        shop.clock.pass_seconds(7201)
    assert shop.fed()[0].state == "due"
    shop.brevo.answer = lambda _: None
    send(shop)
    assert shop.fed()[0].state == "sent"


def test_the_limit_of_events_is_kept(shop: World) -> None:
    for number in range(10):
        shop.happened(known(shop, number), "a", number)
        shop.clock.pass_seconds(0.3)
    shop.clock.pass_seconds(2)
    send(shop)
    assert len(told(shop)) == 8
    send(shop)
    assert len(told(shop)) == 8, "the second is full"
    shop.clock.pass_seconds(1.1)
    send(shop)
    assert len(told(shop)) == 10


def test_a_killed_workers_event_is_told_after_its_lease(shop: World) -> None:
    shop.happened(known(shop, 1), "a", 1)

    def die(_: httpx.Request) -> httpx.Response:
        raise KeyboardInterrupt

    shop.brevo.answer = die
    with pytest.raises(KeyboardInterrupt):
        send(shop)
    shop.brevo.answer = lambda _: None
    assert send(shop) is False
    shop.clock.pass_seconds(25.1)
    send(shop)
    assert shop.fed()[0].state == "sent"
