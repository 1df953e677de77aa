"""T5 on a real database: what is wished for is sent, once, newest, and nothing is lost on the way."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import httpx
import orjson
import pytest

from connector import shops
from connector.models.person import consents, persons
from connector.models.sync import sync_state
from sync.copies.contact import CONTACTS
from sync.copies.sending import send_due
from tests.sync.world import NOON, World, world


@pytest.fixture
def shop(database_url: str, redis_url: str) -> Iterator[World]:
    with world(database_url, redis_url) as made:
        yield made


def send(shop: World) -> bool:
    return send_due(shop.deps, shop.shop, [CONTACTS]).more


def test_a_first_upsert_goes_at_once_and_is_sent_once(shop: World) -> None:
    person = shop.person(1, first_name="Ada")
    shop.wish(person)
    send(shop)
    assert send(shop) is False
    assert len(shop.brevo.requests) == 1
    body = shop.brevo.bodies()[0]
    assert (body["email"], body["ext_id"], body["updateEnabled"]) == ("p1@x.test", "1001", True)
    assert body["attributes"]["FIRSTNAME"] == "Ada"
    row = shop.state(person)
    assert (row.state, row.sent_version, row.wanted_version, row.reason) == ("done", 1, 1, None)


def test_changes_to_a_known_contact_open_one_window_and_leave_as_one_call(shop: World) -> None:
    person = shop.person(1)
    shop.wish(person)
    send(shop)
    shop.clock.pass_seconds(60)
    for step in range(5):
        shop.change(person, city=f"City {step}")
        shop.clock.pass_seconds(0.19)
        send(shop)
    assert len(shop.brevo.requests) == 1, "the window is still open"
    shop.clock.pass_seconds(0.06)
    send(shop)
    assert len(shop.brevo.requests) == 2, "closed one second after the first change, not after the last"
    assert shop.brevo.bodies()[-1]["attributes"]["CITY"] == "City 4"
    assert shop.state(person).sent_version == 6


def test_control_without_a_window_each_change_is_a_call(database_url: str, redis_url: str) -> None:
    with world(database_url, redis_url, contact_coalesce_seconds=0.0) as shop:
        person = shop.person(1)
        shop.wish(person)
        send(shop)
        for step in range(5):
            shop.clock.pass_seconds(0.19)
            shop.change(person, city=f"City {step}")
            send(shop)
        assert len(shop.brevo.requests) == 6


def test_changes_while_a_call_waits_for_the_limiter_join_it(shop: World) -> None:
    person = shop.person(1)
    shop.wish(person)
    send(shop)
    shop.clock.pass_seconds(60)
    account = shop.deps.brevo(shop.shop)
    assert account.grab("contacts", 8).calls == 8, "somebody else has taken all of this second"
    shop.change(person, city="first")
    shop.clock.pass_seconds(1.0)
    account.grab("contacts", 8)
    send(shop)
    assert len(shop.brevo.requests) == 1, "due, but it is not its turn"
    shop.change(person, city="last")
    shop.clock.pass_seconds(1.1)
    send(shop)
    assert [one["attributes"].get("CITY") for one in shop.brevo.bodies()] == [None, "last"]
    assert shop.state(person).state == "done"


def test_a_change_during_the_call_is_not_taken_for_sent(shop: World) -> None:
    person = shop.person(1, city="old")

    def change_meanwhile(_: httpx.Request) -> None:
        if len(shop.brevo.requests) == 1:
            shop.change(person, city="new")

    shop.brevo.answer = change_meanwhile
    shop.wish(person)
    send(shop)
    row = shop.state(person)
    assert (row.state, row.sent_version, row.wanted_version) == ("due", 1, 2)
    send(shop)
    assert len(shop.brevo.requests) == 1, "it opens the next window"
    shop.clock.pass_seconds(1.1)
    send(shop)
    assert shop.brevo.bodies()[-1]["attributes"]["CITY"] == "new"
    assert shop.state(person).state == "done"


def test_a_wish_that_is_not_newer_changes_nothing(shop: World) -> None:
    person = shop.person(1)
    shop.wish(person)
    send(shop)
    shop.wish(person, version=1)
    shop.clock.pass_seconds(5)
    assert send(shop) is False and len(shop.brevo.requests) == 1


def test_a_person_without_email_is_done_with_a_reason_and_goes_when_the_email_comes(shop: World) -> None:
    person = shop.person(1, email=None)
    shop.wish(person)
    send(shop)
    row = shop.state(person)
    assert (row.state, row.reason, row.sent_version) == ("done", "no_email", 0)
    shop.change(person, email="late@x.test")
    send(shop)
    assert [one["email"] for one in shop.brevo.bodies()] == ["late@x.test"], "a first upsert waits for no window"


def test_nobody_is_resubscribed_by_a_mere_change(shop: World) -> None:
    merely, again = shop.person(1), shop.person(2)
    for person in (merely, again):
        shop.consent(person, "email", "subscribed")
    shop.opted_out(again, "email")
    for person in (merely, again):
        shop.wish(person)
    send(shop)
    sent = {body["email"]: body.get("emailBlacklisted") for body in shop.brevo.bodies()}
    assert sent == {"p1@x.test": None, "p2@x.test": False}


def test_erased_people_are_not_sent(shop: World) -> None:
    person = shop.person(1, erased_at=NOON)
    shop.wish(person)
    send(shop)
    assert shop.state(person).reason == "erased" and not shop.brevo.requests


@pytest.mark.parametrize(
    ("answer", "seconds"),
    [
        (httpx.Response(500), 5.0),
        (httpx.Response(408), 5.0),
        (httpx.Response(402, json={"code": "not_enough_credits", "message": "m"}), 5.0),
        (httpx.Response(429, headers={"x-sib-ratelimit-reset": "17"}), 17.0),
    ],
)
def test_a_failed_call_is_tried_again_after_its_time(shop: World, answer: httpx.Response, seconds: float) -> None:
    person = shop.person(1)
    shop.wish(person)
    shop.brevo.answer = lambda _: answer
    assert send(shop) is False, "not worth ringing again at once"
    asked = len(shop.brevo.requests)
    row = shop.state(person)
    assert row.state == "due" and (row.due_real - shop.clock.at).total_seconds() == seconds
    assert row.reason
    shop.brevo.answer = lambda _: None
    shop.clock.pass_seconds(seconds - 0.5)
    send(shop)
    assert len(shop.brevo.requests) == asked
    shop.clock.pass_seconds(0.6)
    send(shop)
    assert shop.state(person).state == "done" and shop.state(person).reason is None


def test_back_off_grows_with_each_attempt(shop: World) -> None:
    person = shop.person(1)
    shop.wish(person)
    shop.brevo.answer = lambda _: httpx.Response(500)
    waits = []
    for _ in range(4):
        send(shop)
        waits.append((shop.state(person).due_real - shop.clock.at).total_seconds())
        shop.clock.pass_seconds(waits[-1] + 0.1)
    assert waits == [5, 30, 120, 600]


def test_a_refused_contact_fails_with_its_reason_and_a_newer_wish_tries_again(shop: World) -> None:
    person = shop.person(1)
    shop.wish(person)
    shop.brevo.answer = lambda _: httpx.Response(
        400, json={"code": "invalid_parameter", "message": "Invalid email address"}
    )
    send(shop)
    row = shop.state(person)
    assert row.state == "failed" and "Invalid email address" in row.reason
    shop.clock.pass_seconds(10_000)
    assert send(shop) is False and len(shop.brevo.requests) == 1
    shop.brevo.answer = lambda _: None
    shop.change(person, email="right@x.test")
    send(shop)
    assert shop.state(person).state == "done"


def test_one_bad_contact_does_not_hold_up_the_others(shop: World) -> None:
    people = [shop.person(n) for n in range(3)]
    for person in people:
        shop.wish(person)

    def refuse_one(request: httpx.Request) -> httpx.Response | None:
        return httpx.Response(400, json={"code": "x", "message": "no"}) if b"p1@" in request.content else None

    shop.brevo.answer = refuse_one
    send(shop)
    assert [shop.state(person).state for person in people] == ["done", "failed", "done"]


def test_a_provider_that_is_down_is_asked_once_per_batch(shop: World) -> None:
    people = [shop.person(n) for n in range(4)]
    for person in people:
        shop.wish(person)

    def refuse(_: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError("refused")

    shop.brevo.answer = refuse
    send(shop)
    assert len(shop.brevo.requests) == 1
    assert {shop.state(person).state for person in people} == {"due"}, "nothing is lost or left leased"
    shop.brevo.answer = lambda _: None
    shop.clock.pass_seconds(5.1)
    send(shop)
    assert {shop.state(person).state for person in people} == {"done"}


def test_no_second_holds_more_calls_than_the_share(shop: World) -> None:
    for number in range(20):
        shop.wish(shop.person(number))
    send(shop)
    assert len(shop.brevo.requests) == 8
    shop.clock.pass_seconds(1.1)
    send(shop)
    assert len(shop.brevo.requests) == 16


def test_a_killed_workers_claim_is_taken_over_after_its_lease(shop: World) -> None:
    person = shop.person(1)
    shop.wish(person)

    def die(_: httpx.Request) -> httpx.Response:
        raise KeyboardInterrupt

    shop.brevo.answer = die
    with pytest.raises(KeyboardInterrupt):
        send(shop)
    shop.brevo.answer = lambda _: None
    assert shop.state(person).state == "leased"
    assert send(shop) is False and len(shop.brevo.requests) == 1, "the lease still stands"
    shop.clock.pass_seconds(25.1)
    send(shop)
    assert shop.state(person).state == "done"


def test_an_answer_that_comes_after_the_lease_makes_the_newest_go_once_more(shop: World) -> None:
    person = shop.person(1)
    shop.wish(person)

    def overtaken(_: httpx.Request) -> None:
        if len(shop.brevo.requests) == 1:
            shop.clock.pass_seconds(30)
            send(shop)

    shop.brevo.answer = overtaken
    send(shop)
    assert len(shop.brevo.requests) == 2 and shop.state(person).state == "due"
    shop.clock.pass_seconds(1.1)
    send(shop)
    assert len(shop.brevo.requests) == 3 and shop.state(person).state == "done"


def test_two_workers_never_send_the_same_contact(shop: World) -> None:
    for number in range(8):
        shop.wish(shop.person(number))
    barrier = threading.Barrier(2)

    def work() -> None:
        barrier.wait()
        send(shop)

    workers = [threading.Thread(target=work) for _ in range(2)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    sent = [body["email"] for body in shop.brevo.bodies()]
    assert len(sent) == len(set(sent)) and len(sent) <= 8


def test_no_transaction_is_open_during_a_call(shop: World) -> None:
    open_ones: list[int] = []

    def look(_: httpx.Request) -> None:
        open_ones.append(shop.deps.engine.pool.checkedout())

    shop.brevo.answer = look
    shop.wish(shop.person(1))
    send(shop)
    assert open_ones == [0]
    with shop.transaction():
        look(httpx.Request("GET", "http://x.test"))
    assert open_ones == [0, 1], "the control: an open transaction is seen"


def clash(name: str) -> httpx.Response:
    message = f"Unable to update contact, {name} is already associated with another Contact"
    return httpx.Response(400, json={"code": "duplicate_parameter", "message": message})


def test_a_phone_number_that_another_contact_has_is_left_out(shop: World) -> None:
    person = shop.person(1, phone="+4915112345678")
    shop.consent(person, "sms", "subscribed")
    shop.wish(person)
    shop.brevo.answer = lambda request: clash("SMS") if b'"SMS"' in request.content else None
    send(shop)
    with_phone, without = shop.brevo.bodies()
    assert with_phone["attributes"].pop("SMS") == "+4915112345678" and with_phone == without
    row = shop.state(person)
    assert row.state == "done" and row.reason.startswith("without SMS")


@pytest.mark.parametrize(
    ("blocked", "consent", "expected"),
    [(True, None, True), (True, "subscribed", True), (True, "subscribed again", False), (False, None, None)],
)
def test_a_customer_with_a_new_email_keeps_the_contact_and_its_blocklisting(
    shop: World, blocked: bool, consent: str | None, expected: bool | None
) -> None:
    person = shop.person(1, email="new@x.test")
    if consent:
        shop.consent(person, "email", "subscribed")
    if consent == "subscribed again":
        shop.opted_out(person, "email")
    shop.wish(person)
    renamed: list[Any] = []

    def brevo(request: httpx.Request) -> httpx.Response | None:
        if request.method == "POST":
            return None if renamed else clash("ext_id")
        if request.method == "GET":
            return httpx.Response(200, json={"email": "old@x.test", "emailBlacklisted": blocked, "listIds": [4]})
        renamed.append(request)
        return httpx.Response(204)

    shop.brevo.answer = brevo
    send(shop)
    assert renamed[0].url.path == "/v3/contacts/1001" and renamed[0].url.params["identifierType"] == "ext_id"
    change = orjson.loads(renamed[0].content)
    assert change["attributes"]["EMAIL"] == "new@x.test"
    assert shop.brevo.bodies()[-1].get("emailBlacklisted") is expected
    if expected:
        # With the new address itself, and off its lists: no campaign reaches it before the next call.
        assert (change["emailBlacklisted"], change["unlinkListIds"]) == (True, [4])
        assert "listIds" not in shop.brevo.bodies()[-1]
    # What Brevo said is evidence, which the next call goes by.
    shop.clock.pass_seconds(2)
    send(shop)
    assert shop.state(person).state == "done" and shop.brevo.bodies()[-1].get("emailBlacklisted") is expected


@pytest.mark.parametrize("keeps", [True, False])
def test_who_dies_between_renaming_and_blocking_leaves_an_opt_out(
    shop: World, monkeypatch: pytest.MonkeyPatch, keeps: bool
) -> None:
    """``keeps`` false is the control: without the evidence the next try re-subscribes."""
    person = shop.person(1, email="new@x.test")
    shop.wish(person)
    blocked = [True]

    def brevo(request: httpx.Request) -> httpx.Response | None:
        if request.method == "POST":
            return None if not blocked[0] else clash("ext_id")
        if request.method == "GET":
            return httpx.Response(200, json={"email": "old@x.test", "emailBlacklisted": blocked[0]})
        # Brevo as its reference has it: the new address takes the contact off the blocklist, whatever else is said.
        blocked[0] = False
        raise KeyboardInterrupt

    shop.brevo.answer = brevo
    if not keeps:
        monkeypatch.setattr("sync.copies.contact._opted_out_there", lambda *_: None)
    with pytest.raises(KeyboardInterrupt):
        send(shop)
    shop.clock.pass_seconds(26)
    send(shop)
    assert (shop.brevo.bodies()[-1].get("emailBlacklisted") is True) == keeps


def test_who_opted_out_is_taken_off_the_lists_once(shop: World) -> None:
    person = shop.person(1)
    shop.consent(person, "email", "unsubscribed")
    shop.wish(person)
    shop.brevo.answer = lambda request: (
        httpx.Response(200, json={"listIds": [4, 7]}) if request.method == "GET" else None
    )
    send(shop)
    assert [one.method for one in shop.brevo.requests] == ["POST", "GET", "PUT"]
    assert orjson.loads(shop.brevo.requests[-1].content) == {"unlinkListIds": [4, 7]}
    for city in ("Rome", "Oslo"):
        shop.clock.pass_seconds(60)
        shop.change(person, city=city)
        shop.clock.pass_seconds(2)
        send(shop)
    assert [one.method for one in shop.brevo.requests[3:]] == ["POST", "POST"], "it is remembered"
    with shop.transaction() as connection:
        connection.execute(consents.update().values(evidence_at=NOON + timedelta(days=1)))
    shop.change(person, city="Bonn")
    shop.clock.pass_seconds(2)
    send(shop)
    assert [one.method for one in shop.brevo.requests[5:]] == ["POST", "GET", "PUT"], "another opt-out, another time"


def test_a_list_for_each_purpose_follows_consent(shop: World) -> None:
    with shop.transaction() as connection:
        shops.change_settings(connection, shop.shop.id, {"lists": {"newsletter": 5, "sms": 6}})
        shop.shop = shops.load(connection, shop.shop.id)
    both, letters, texts = (shop.person(number, phone=f"+4915{number}12345678") for number in (1, 2, 3))
    for person, channels in ((both, ("email", "sms")), (letters, ("email",)), (texts, ("sms",))):
        for channel in channels:
            shop.consent(person, channel, "subscribed")
        shop.wish(person)
    send(shop)
    assert [one.get("listIds") for one in shop.brevo.bodies()] == [[5, 6], [5], [6]]
    with shop.transaction() as connection:
        later = {"state": "unsubscribed", "evidence_at": NOON + timedelta(days=1)}
        connection.execute(consents.update().where(consents.c.channel == "sms").values(later))
    shop.brevo.requests.clear()
    shop.change(both, city="Rome")
    shop.clock.pass_seconds(2)
    send(shop)
    assert orjson.loads(shop.brevo.requests[-1].content) == {"unlinkListIds": [6]}
    assert shop.brevo.bodies()[0]["listIds"] == [5] and len(shop.brevo.requests) == 2


def test_an_id_that_cannot_be_moved_is_left_out(shop: World) -> None:
    person = shop.person(1)
    shop.wish(person)

    def brevo(request: httpx.Request) -> httpx.Response | None:
        if request.method == "GET":
            return httpx.Response(200, json={"emailBlacklisted": False})
        return clash("email") if request.method == "PUT" or b"ext_id" in request.content else None

    shop.brevo.answer = brevo
    send(shop)
    assert "ext_id" not in shop.brevo.bodies()[-1]
    assert shop.state(person).reason.startswith("without ext_id")


def test_shops_do_not_see_each_others_wishes(shop: World) -> None:
    person = shop.person(1)
    shop.wish(person)
    with shop.transaction() as connection:
        connection.execute(sync_state.update().values(shop_id=shop.shop.id + 1))
        connection.execute(persons.update().values(shop_id=shop.shop.id + 1))
    assert send(shop) is False and not shop.brevo.requests
