"""The machinery that all of Brevo's copies share: leases, limits, pauses, and who waits for whom."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterator

import httpx
import orjson
import pytest
from sqlalchemy import TextClause, text

from connector.db.session import transaction
from connector.models.store import orders
from connector.pauses import ACCOUNT, pauses
from sync.copies import CONTACTS, EVENTS, RESOURCES, claims
from sync.copies.sending import send_due
from tests.sync.commerce import change, collection, order, product
from tests.sync.world import World, world


@pytest.fixture
def shop(database_url: str, redis_url: str) -> Iterator[World]:
    with world(database_url, redis_url) as made:
        yield made


def send(shop: World) -> bool:
    return send_due(shop.deps, shop.shop).more


def sent(shop: World) -> Counter[str]:
    """What Brevo was told, by path and id."""
    told: Counter[str] = Counter()
    for request in shop.brevo.requests:
        body = orjson.loads(request.content)
        # An order has products, too.
        listed = (body.get("products") or body.get("categories")) if "batch" in request.url.path else None
        for one in listed or [body]:
            told[f"{request.url.path} {one.get('id') or one.get('email') or one.get('event_name')}"] += 1
    return told


def everything(shop: World, people: int = 4) -> None:
    for number in range(people):
        person = shop.person(number)
        shop.wish(person)
        order(shop, 100 + number, person)
        shop.happened(person, f"event-{number}", number)
        product(shop, 200 + number, {2000 + number: "5.00", 3000 + number: "6.00"})
        collection(shop, 300 + number)


def test_two_workers_tell_everything_once(shop: World) -> None:
    everything(shop)
    barrier = threading.Barrier(2)

    def work() -> None:
        barrier.wait()
        send(shop)

    for _ in range(3):
        workers = [threading.Thread(target=work) for _ in range(2)]
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join()
        shop.clock.pass_seconds(61)
    told = sent(shop)
    assert set(told.values()) == {1}, [one for one, times in told.items() if times > 1]
    assert len(told) == 4 * (1 + 1 + 1 + 3 + 1), [shop.state(200 + number, "product") for number in range(4)]


def test_control_without_a_lease_two_workers_tell_the_same_twice(shop: World, monkeypatch: pytest.MonkeyPatch) -> None:
    leasing = claims._claim

    def leaseless(kinds: tuple[tuple[str, int], ...]) -> TextClause:
        return text(str(leasing(kinds)).replace("lease_real = :lease", "lease_real = '2000-01-01'"))

    monkeypatch.setattr(claims, "_claim", leaseless)
    person = shop.person(1)
    shop.wish(person)
    calling, both = threading.Event(), threading.Barrier(2)

    def together(_: httpx.Request) -> None:
        calling.set()
        both.wait(5)

    shop.brevo.answer = together
    workers = [threading.Thread(target=send, args=[shop]) for _ in range(2)]
    workers[0].start()
    # Not in the moment in which the first holds the row.
    calling.wait(5)
    workers[1].start()
    for worker in workers:
        worker.join()
    assert len(shop.brevo.requests) == 2


def test_a_killed_worker_repeats_no_event_but_the_one_in_flight(shop: World) -> None:
    person = shop.person(1)
    shop.wish(person)
    send(shop)
    for name in ("a", "b", "c"):
        shop.happened(person, name, 1)

    def die_at_b(request: httpx.Request) -> None:
        if orjson.loads(request.content).get("event_name") == "b":
            raise KeyboardInterrupt

    shop.brevo.answer = die_at_b
    with pytest.raises(KeyboardInterrupt):
        send(shop)
    shop.brevo.answer = lambda _: None
    assert not send(shop) and shop.state(person, "events").state == "leased"
    shop.clock.pass_seconds(25.1)
    send(shop)
    assert [body["event_name"] for body in shop.brevo.bodies("/v3/events")] == ["a", "b", "b", "c"]


def test_what_the_limiter_has_no_call_for_keeps_its_place(shop: World) -> None:
    first = [shop.person(number) for number in range(10)]
    for person in first:
        shop.wish(person)
    send(shop)
    shop.clock.pass_seconds(0.5)
    late = shop.person(11)
    shop.wish(late)
    shop.clock.pass_seconds(0.7)
    send(shop)
    assert [body["email"] for body in shop.brevo.bodies()][-1] == "p11@x.test"
    assert {shop.state(person).state for person in first} == {"done"}


def test_a_backlog_of_people_does_not_keep_others_orders_and_events_waiting(shop: World) -> None:
    known = shop.person(1)
    shop.wish(known)
    send(shop)
    for number in range(2, 60):
        person = shop.person(number)
        shop.happened(person, "waits", number)
        order(shop, 100 + number, person)
        shop.wish(person)
    shop.clock.pass_seconds(2)
    for _ in range(12):
        send_due(shop.deps, shop.shop, [EVENTS])
    shop.happened(known, "now", 1)
    send_due(shop.deps, shop.shop, [EVENTS])
    assert [body["event_name"] for body in shop.brevo.bodies("/v3/events")] == ["now"]
    assert shop.state(known, "events").state == "done"


def test_a_refused_key_pauses_everything_until_a_probe_is_accepted(shop: World) -> None:
    for number in range(3):
        shop.wish(shop.person(number))
    shop.brevo.answer = lambda _: httpx.Response(401, json={"code": "unauthorized", "message": "Key not found"})
    send(shop)
    asked = len(shop.brevo.requests)
    with transaction(shop.deps.engine) as connection:
        (pause,) = pauses(connection, shop.shop.id)
    assert (pause.channel, pause.reason) == (ACCOUNT, "key_refused")
    shop.clock.pass_seconds(50)
    assert not send(shop) and len(shop.brevo.requests) == asked, "nothing is claimed while the pause lasts"
    shop.clock.pass_seconds(11)
    shop.brevo.answer = lambda _: None
    send(shop)
    with transaction(shop.deps.engine) as connection:
        assert pauses(connection, shop.shop.id) == []
    assert len(shop.brevo.bodies()) > asked


def test_a_first_contact_wakes_what_waits_and_says_so(shop: World) -> None:
    person = shop.person(1)
    shop.wish(person)
    order(shop, 17, person)
    shop.happened(person, "a", 1)
    send_due(shop.deps, shop.shop, [one for one in RESOURCES if one is not CONTACTS])
    assert [shop.state(17, "order").state, shop.state(person, "events").state] == ["waiting", "waiting"]
    assert send_due(shop.deps, shop.shop, [CONTACTS]).more
    send(shop)
    assert [request.url.path for request in shop.brevo.requests] == ["/v3/contacts", "/v3/orders/status", "/v3/events"]


def test_a_change_while_it_waits_makes_an_order_look_again_and_wait_again(shop: World) -> None:
    person = shop.person(1, email=None)
    shop.wish(person)
    order(shop, 17, person)
    send(shop)
    change(shop, orders, "order", 17, financial_status="refunded")
    assert shop.state(17, "order").state == "due"
    send(shop)
    row = shop.state(17, "order")
    assert (row.state, row.wanted_version, row.sent_version) == ("waiting", 2, 0)
