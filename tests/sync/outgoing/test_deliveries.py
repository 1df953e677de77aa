"""Endpoints of the merchant are told what happens: once for each event, signed, tried again, given up, and seen."""

from __future__ import annotations

import hmac
import socket
from base64 import b64decode, b64encode
from collections.abc import Sequence
from datetime import timedelta
from hashlib import sha256
from typing import Any

import pytest
from standardwebhooks import Webhook, WebhookVerificationError

from connector import eventlog
from connector.eventlog import Fact
from connector.merchant_urls import Rules
from connector.models.outgoing import webhook_attempts, webhook_deliveries, webhook_endpoints
from sync.outgoing import deliveries, endpoints, sending
from sync.outgoing.sending import STEPS, wait_after
from tests.adapters.servers import answer
from tests.engine.installation import START, ConnectedShop, Installation
from tests.engine.shoppers import buy, subscribe
from tests.sync.outgoing.receiver import OK, Told, receiving

BOB = "bob@example.com"
DOWN = answer("503 Service Unavailable", b"no room for bob@example.com at +1 555 010 9999")


@pytest.fixture
def shop(product: Installation) -> ConnectedShop:
    return product.connect(flows=[])


def listen(shop: ConnectedShop, url: str, events: Sequence[str] = ("order_placed",), *, person: bool = False) -> str:
    """An endpoint; its secret."""
    with shop.scope() as scope:
        _, secret = endpoints.add(
            scope.connection,
            shop.deps.secrets,
            Rules.of(shop.deps.settings),
            shop.id,
            url=url,
            events=events,
            include_person=person,
            description="",
            now=scope.now,
        )
    shop.set()
    return secret


def settle(shop: ConnectedShop) -> None:
    shop.installation.settle("intake", "flows", "outgoing")


def states(shop: ConnectedShop) -> list[tuple[str, int]]:
    return [(row.state, row.attempts) for row in shop.rows(webhook_deliveries)]


def by_hand(secret: str, told: Told) -> str:
    """The signature as the specification words it, without the package that made it."""
    key = b64decode(secret.removeprefix("whsec_"))
    signed = f"{told.id}.{told.headers['webhook-timestamp']}.".encode() + told.raw
    return "v1," + b64encode(hmac.new(key, signed, sha256).digest()).decode()


def test_an_event_is_told_once_signed_and_without_the_person(shop: ConnectedShop) -> None:
    with receiving() as merchant:
        secret = listen(shop, merchant.url)
        subscribe(shop, BOB)
        buy(shop, BOB, token="tok")
        buy(shop, BOB, token="tok")
        settle(shop)
        (told,) = merchant.told
    assert told.body["type"] == "order_placed" and told.body["id"] == told.id
    data = told.body["data"]
    assert (data["shop"], data["person"]) == (shop.shop.domain, None)
    assert data["properties"]["order_id"] == 9001 and "checkout_token" not in data["properties"]
    assert BOB.encode() not in told.raw
    assert told.headers["webhook-signature"] == by_hand(secret, told)
    assert Webhook(secret).verify(told.raw, told.headers) == told.body
    with pytest.raises(WebhookVerificationError):
        Webhook(secret).verify(told.raw.replace(b"9001", b"9002"), told.headers)
    assert states(shop) == [("delivered", 1)]


def test_who_asks_for_the_person_is_told_whose_it_is(shop: ConnectedShop) -> None:
    with receiving() as merchant:
        listen(shop, merchant.url, person=True)
        subscribe(shop, BOB, 7)
        settle(shop)
        buy(shop, BOB, token="tok", customer={"id": 7, "email": BOB})
        settle(shop)
        (told,) = merchant.told
    assert told.body["data"]["person"] == {"email": BOB, "customer_id": 7}
    assert told.body["data"]["properties"]["checkout_token"] == "tok"


def test_history_is_not_told_and_neither_is_what_nobody_asked_for(shop: ConnectedShop) -> None:
    with receiving() as merchant:
        listen(shop, merchant.url)
        with shop.scope() as scope:
            eventlog.append(scope, [Fact("order_placed", "order:1:placed", START, "order:1", historical=True)])
            eventlog.append(scope, [Fact("order_paid", "order:1:paid", START, "order:1")])
        with shop.deps.open(shop.shop, quiet=True) as scope:
            eventlog.append(scope, [Fact("order_placed", "order:2:placed", START, "order:2")])
        settle(shop)
        assert merchant.told == []
        with shop.scope() as scope:
            eventlog.append(scope, [Fact("order_placed", "order:3:placed", START, "order:3")])
        settle(shop)
        assert len(merchant.told) == 1, "the control: news is told"


def test_it_is_made_in_the_transaction_of_the_fact(shop: ConnectedShop) -> None:
    with receiving() as merchant:
        listen(shop, merchant.url)
        with pytest.raises(ZeroDivisionError), shop.scope() as scope:
            eventlog.append(scope, [Fact("order_placed", "order:1:placed", START, "order:1")])
            scope.pay()
            raise ZeroDivisionError
        assert states(shop) == []


def test_an_old_fact_that_is_told_again_is_not_told_to_a_new_endpoint(shop: ConnectedShop) -> None:
    fact = Fact("order_placed", "order:1:placed", START, "order:1")
    with shop.scope() as scope:
        eventlog.append(scope, [fact])
    with receiving() as merchant:
        listen(shop, merchant.url)
        with shop.scope() as scope:
            eventlog.append(scope, [fact])
        settle(shop)
        assert merchant.told == [] and states(shop) == []


def test_it_is_tried_on_the_schedule_and_then_has_failed(shop: ConnectedShop) -> None:
    with receiving([DOWN]) as merchant:
        listen(shop, merchant.url)
        buy(shop, BOB)
        settle(shop)
        for number, step in enumerate(STEPS, start=1):
            assert states(shop) == [("due", number)]
            shop.installation.skip(0.99 * step)
            settle(shop)
            assert len(merchant.told) == number, f"not before {step} s are over"
            shop.installation.skip(0.12 * step + 1)
            settle(shop)
        assert states(shop) == [("failed", 1 + len(STEPS))]
        shop.installation.skip(10 * STEPS[-1])
        settle(shop)
        assert len(merchant.told) == 8 and len({told.id for told in merchant.told}) == 1, "one id for all tries"
        tries = deliveries_of(shop)
        assert [one.n for one in tries] == list(range(8, 0, -1))
        assert {one.status for one in tries} == {503}
        assert {one.answer for one in tries} == {"no room for [...] at [...]"}
        merchant.answers[:] = [OK]
        (row,) = shop.rows(webhook_deliveries)
        with shop.scope() as scope:
            assert deliveries.resend(scope, row.endpoint_id, [row.id]) == 1
            assert deliveries.resend(scope, row.endpoint_id, [row.id]) == 0, "it is under way"
        settle(shop)
        assert states(shop) == [("delivered", 9)] and merchant.told[-1].id == merchant.told[0].id


def deliveries_of(shop: ConnectedShop) -> list[deliveries.Attempt]:
    (row,) = shop.rows(webhook_deliveries)
    with shop.deps.engine.connect() as connection:
        return deliveries.attempts(connection, shop.id, row.id)


def test_waits_differ_a_little_and_listen_to_retry_after() -> None:
    waits = {wait_after(1, delivery, 2, 0.0) for delivery in range(50)}
    assert len(waits) == 50 and all(wait is not None and 300 <= wait <= 330 for wait in waits)
    assert wait_after(1, 1, 1, 0.0) == wait_after(1, 1, 1, 0.0)
    assert 900 <= (wait_after(1, 1, 1, 900.0) or 0) <= 990
    assert wait_after(1, 1, 8, 0.0) is None


@pytest.mark.parametrize("status", ["302 Found", "404 Not Found", "500 Internal Server Error"])
def test_only_2xx_is_arrival_and_no_redirect_is_followed(shop: ConnectedShop, status: str) -> None:
    with receiving() as elsewhere, receiving([answer(status, b"", f"Location: {elsewhere.url}")]) as merchant:
        listen(shop, merchant.url)
        buy(shop, BOB)
        settle(shop)
        assert len(merchant.told) == 1 and elsewhere.told == []
    assert states(shop) == [("due", 1)]


def test_410_disables_at_once_and_what_waits_is_given_up(shop: ConnectedShop) -> None:
    with receiving([answer("410 Gone")]) as merchant:
        listen(shop, merchant.url)
        buy(shop, BOB, 1)
        buy(shop, BOB, 2)
        settle(shop)
        assert len(merchant.told) == 1
        row = shop.one(webhook_endpoints)
        assert (row.state, row.reason) == ("disabled", "gone")
        assert [state for state, _ in states(shop)] == ["failed", "failed"]
        buy(shop, BOB, 3)
        settle(shop)
        assert len(states(shop)) == 2, "nothing is made for it any more"


def test_nothing_arrived_for_five_days_disables_and_one_arrival_begins_anew(shop: ConnectedShop) -> None:
    def after(days: float) -> str:
        shop.installation.skip(days * 86_400)
        settle(shop)
        state: str = shop.one(webhook_endpoints).state
        return state

    with receiving([DOWN]) as merchant:
        listen(shop, merchant.url)
        buy(shop, BOB, 1)
        assert after(0) == "active"
        merchant.answers[:] = [OK]
        assert after(4) == "active"
        merchant.answers[:] = [DOWN]
        buy(shop, BOB, 2)
        assert after(0) == "active", "it began to fail only now"
        assert after(4.9) == "active"
        buy(shop, BOB, 3)
        assert after(0.2) == "disabled" and shop.one(webhook_endpoints).reason == "failing"
        merchant.answers[:] = [OK]
        endpoint_id = shop.one(webhook_endpoints).id
        with shop.scope() as scope:
            assert deliveries.resend(scope, endpoint_id, None) == 0, "a disabled one is told nothing"
            endpoints.enable(scope.connection, shop.id, endpoint_id)
            assert deliveries.resend(scope, endpoint_id, None) == 2
        assert after(0) == "active"
        assert {state for state, _ in states(shop)} == {"delivered"}


def test_one_that_fails_holds_up_no_other_endpoint_and_no_later_event(shop: ConnectedShop) -> None:
    with receiving() as well, receiving([DOWN, OK]) as badly:
        listen(shop, badly.url)
        listen(shop, well.url)
        buy(shop, BOB, 1)
        settle(shop)
        assert len(well.told) == 1
        buy(shop, BOB, 2)
        shop.installation.skip(1)
        settle(shop)
        assert [told.body["data"]["properties"]["order_id"] for told in badly.told] == [1, 2]
        shop.installation.skip(10)
        settle(shop)
        assert [told.body["data"]["properties"]["order_id"] for told in badly.told] == [1, 2, 1]


@pytest.mark.parametrize(("where", "before"), [("_tell", 0), ("_record", 1)])
def test_whoever_dies_before_or_after_a_call_has_it_sent_with_the_same_id(
    shop: ConnectedShop, monkeypatch: pytest.MonkeyPatch, where: str, before: int
) -> None:
    def dies(*_: Any) -> bool:
        raise KeyboardInterrupt

    with receiving() as merchant:
        listen(shop, merchant.url)
        buy(shop, BOB)
        with monkeypatch.context() as patched:
            patched.setattr(sending, where, dies)
            with pytest.raises(KeyboardInterrupt):
                settle(shop)
        settle(shop)
        assert len(merchant.told) == before, "somebody may still be at it"
        shop.installation.skip(61)
        settle(shop)
        assert len(merchant.told) == before + 1 and len({told.id for told in merchant.told}) == 1
    assert states(shop) == [("delivered", 1)]


def test_while_one_worker_calls_an_endpoint_no_other_does(shop: ConnectedShop) -> None:
    found: list[int] = []

    def looks_meanwhile(connection: socket.socket, request: bytes) -> None:
        found.append(sending.tell_due(shop.deps, shop.shop).done)
        OK(connection, request)

    with receiving([looks_meanwhile]) as merchant:
        listen(shop, merchant.url)
        for order in (1, 2):
            buy(shop, BOB, order)
        settle(shop)
        assert found == [0, 0] and len(merchant.told) == 2


def test_for_a_day_after_a_rotation_both_secrets_sign(shop: ConnectedShop) -> None:
    with receiving() as merchant:
        before = listen(shop, merchant.url)
        endpoint = shop.one(webhook_endpoints)
        with shop.scope() as scope:
            now = endpoints.rotate(scope.connection, shop.deps.secrets, shop.id, endpoint.id, scope.machine)
        buy(shop, BOB, 1)
        settle(shop)
        shop.installation.skip(timedelta(hours=24).total_seconds() + 1)
        buy(shop, BOB, 2)
        settle(shop)
        first, second = merchant.told
    assert first.headers["webhook-signature"].split(" ") == [by_hand(now, first), by_hand(before, first)]
    assert second.headers["webhook-signature"] == by_hand(now, second)
    assert before not in (endpoint.secret, now), "at rest it is sealed"


def test_nothing_is_left_where_an_endpoint_was_removed(shop: ConnectedShop) -> None:
    with receiving([DOWN]) as merchant:
        listen(shop, merchant.url)
        buy(shop, BOB)
        settle(shop)
        with shop.scope() as scope:
            endpoints.remove(scope.connection, shop.id, shop.one(webhook_endpoints).id)
    for table in (webhook_endpoints, webhook_deliveries, webhook_attempts):
        assert shop.rows(table) == []
    with shop.scope() as scope, pytest.raises(endpoints.NoEndpoint):
        endpoints.remove(scope.connection, shop.id, 1)
