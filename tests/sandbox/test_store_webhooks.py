"""Deliveries: signatures, headers, order, retries, faults, and the log that judges them."""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Iterator
from pathlib import Path

import pytest

from sandbox.store.settings import DEFAULT_SECRET
from tests.sandbox.store_process import SHOP, START, Received, Receiver, StoreProcess

QUICK = {"delivery": {"retries": 3, "first_retry_seconds": 0.02}}


@pytest.fixture(scope="module")
def process(tmp_path_factory: pytest.TempPathFactory) -> Iterator[StoreProcess]:
    with StoreProcess(tmp_path_factory.mktemp("store"), QUICK) as running:
        yield running


@pytest.fixture
def store(process: StoreProcess) -> Iterator[StoreProcess]:
    process.step(START)
    yield process
    process.post("faults", faults=[])
    process.post("unsubscribe")


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with Receiver() as listening:
        yield listening


def signed(received: Received, secret: str = DEFAULT_SECRET) -> bool:
    digest = hmac.new(secret.encode(), received.body, hashlib.sha256).digest()
    return received.headers["x-shopify-hmac-sha256"] == base64.b64encode(digest).decode()


def wait_until_idle(store: StoreProcess) -> None:
    for _ in range(2000):
        if store.get("idle")["pending_deliveries"] == 0:
            return
    raise AssertionError("deliveries are still pending")


_people = iter(range(10_000))


def somebody() -> str:
    return f"p{next(_people)}@example.com"


def test_a_purchase_is_told_by_signed_webhooks_that_share_one_event(store: StoreProcess, receiver: Receiver) -> None:
    store.post("subscribe", uri=receiver.url)
    store.act("start_checkout", label="whole", email=somebody())
    receiver.clear()
    done = store.act("complete_checkout", checkout="whole")
    assert sorted(receiver.topics()) == [
        "checkouts/update",
        "customers/create",
        "customers/purchasing_summary",
        "customers/update",
        "orders/create",
        "orders/paid",
        "orders/updated",
    ]
    assert all(signed(one) for one in receiver.received)
    assert len({one.headers["x-shopify-event-id"] for one in receiver.received}) == 1
    assert len({one.headers["x-shopify-webhook-id"] for one in receiver.received}) == 7
    headers = receiver.received[0].headers
    assert headers["x-shopify-shop-domain"] == SHOP
    assert headers["x-shopify-api-version"] == "2026-10"
    assert headers["x-shopify-triggered-at"] == "2026-09-21T14:13:20.000000000Z"
    assert {one["acknowledged_at"] for one in done["webhooks"]} == {START}


def test_the_signature_covers_every_byte_and_the_secret(store: StoreProcess, receiver: Receiver) -> None:
    store.post("subscribe", uri=receiver.url, topics=["customers/create"])
    store.act("create_customer", email=somebody())
    [one] = receiver.received
    assert signed(one)
    assert not signed(one, "another secret")
    assert not signed(Received(one.headers, one.body.replace(b"{", b"{ ", 1), 200))


def test_first_attempts_of_one_object_arrive_in_order_over_kept_connections(
    store: StoreProcess, receiver: Receiver
) -> None:
    store.post("subscribe", uri=receiver.url, topics=["checkouts/create", "checkouts/update"])
    store.act("start_checkout", label="typing", wait_seconds=0)
    emails = [somebody() for _ in range(25)]
    for email in emails:
        store.act("update_checkout", checkout="typing", email=email, wait_seconds=0)
    wait_until_idle(store)
    assert [one.json["email"] for one in receiver.received] == [None, *emails]
    assert len(receiver.connections) < 10


def test_a_refused_webhook_is_retried_with_the_same_id_until_acknowledged(
    store: StoreProcess, receiver: Receiver
) -> None:
    store.post("subscribe", uri=receiver.url, topics=["customers/create"])
    receiver.statuses = [500, 302, 200]
    since = store.get("log?since=0")["next"]
    store.act("create_customer", email=somebody())
    wait_until_idle(store)
    assert [one.status for one in receiver.received] == [500, 302, 200]
    assert len({(one.headers["x-shopify-webhook-id"], one.body) for one in receiver.received}) == 1
    entries = store.get(f"log?since={since}")["entries"]
    assert [entry["kind"] for entry in entries] == [
        "action",
        "webhook",
        "attempt",
        "attempt",
        "attempt",
        "acknowledged",
    ]
    assert entries[-1]["real"] >= entries[-2]["began"] > entries[2]["real"]


def test_a_webhook_is_given_up_and_only_an_admin_api_subscription_ends(store: StoreProcess, receiver: Receiver) -> None:
    for origin, left in (("app", 1), ("admin_api", 0)):
        store.post("subscribe", uri=receiver.url, topics=["customers/create"], shops=[SHOP], origin=origin)
        receiver.clear()
        receiver.statuses = [500] * 4
        store.act("create_customer", email=somebody())
        wait_until_idle(store)
        assert len(receiver.received) == 4
        assert len(store.get("state")["shops"][SHOP]["subscriptions"]) == left
        store.post("unsubscribe")


def test_retries_may_wait_for_the_business_clock_over_four_hours(store: StoreProcess, receiver: Receiver) -> None:
    """An app that is back after two hours still gets what it missed; one that stays away for longer does not."""
    store.post("delivery", retries=8, retries_over_seconds=14_400)
    store.post("subscribe", uri=receiver.url, topics=["customers/create"])
    for back_after, arrived in ((7_200, 1), (20_000, 0)):
        receiver.clear()
        receiver.statuses = [503] * 9 if arrived == 0 else [503] * 8
        store.step(START)
        store.act("create_customer", email=somebody())
        assert store.get("idle") == {"pending_deliveries": 0, "held": 1}
        tried_until = START
        while (due := store.get("next")["at"]) is not None:
            store.step(due)
            if arrived and due > START + back_after:
                receiver.statuses.clear()
            store.post("advance")
            wait_until_idle(store)
            tried_until = due
        assert sum(one.status == 200 for one in receiver.received) == arrived
        assert len(receiver.received) == 9
        assert tried_until == pytest.approx(START + 14_400, abs=1)
    store.post("delivery", retries=3, retries_over_seconds=0)


def test_a_subscription_may_end_after_so_many_straight_failures(store: StoreProcess, receiver: Receiver) -> None:
    store.post("delivery", retries=0, straight_failures=3)
    for statuses, left in (([500, 500, 200, 500, 500], 1), ([500, 500, 500], 0)):
        store.post("unsubscribe")
        store.post("subscribe", uri=receiver.url, topics=["customers/create"], shops=[SHOP], origin="admin_api")
        receiver.statuses = list(statuses)
        for _ in statuses:
            store.act("create_customer", email=somebody())
        wait_until_idle(store)
        assert len(store.get("state")["shops"][SHOP]["subscriptions"]) == left
    store.post("delivery", retries=3, straight_failures=0)


def test_nobody_listening_is_a_failure_not_an_acknowledgement(store: StoreProcess) -> None:
    store.post("subscribe", uri="http://127.0.0.1:9/nobody", topics=["customers/create"])
    [webhook] = store.act("create_customer", email=somebody())["webhooks"]
    assert webhook["acknowledged_real"] is None
    assert webhook["attempts"][0]["error"]
    wait_until_idle(store)


def test_duplicates_share_an_id_unless_asked_for_new_ones(store: StoreProcess, receiver: Receiver) -> None:
    store.post("subscribe", uri=receiver.url, topics=["customers/create"])
    for new_id, ids in ((False, 1), (True, 8)):
        receiver.clear()
        store.post("faults", faults=[{"kind": "duplicate", "times": 8, "new_id": new_id}])
        store.act("create_customer", email=somebody())
        assert len(receiver.received) == 8
        assert len({one.body for one in receiver.received}) == 1
        assert len({one.headers["x-shopify-webhook-id"] for one in receiver.received}) == ids
        assert len({one.headers["x-shopify-event-id"] for one in receiver.received}) == 1


def test_shuffled_webhooks_arrive_out_of_order_and_all_of_them(store: StoreProcess, receiver: Receiver) -> None:
    store.post("subscribe", uri=receiver.url, topics=["checkouts/create", "checkouts/update"])
    store.post("faults", faults=[{"kind": "shuffle", "seconds": 0.2}])
    store.act("start_checkout", label="mixed", wait_seconds=0)
    emails = [somebody() for _ in range(20)]
    for email in emails:
        store.act("update_checkout", checkout="mixed", email=email, wait_seconds=0)
    wait_until_idle(store)
    arrived = [one.json["email"] for one in receiver.received]
    assert arrived != [None, *emails]
    assert sorted(arrived, key=str) == sorted([None, *emails], key=str)


def test_a_late_webhook_waits_for_the_business_clock(store: StoreProcess, receiver: Receiver) -> None:
    store.post("subscribe", uri=receiver.url, topics=["customers/create"])
    store.post("faults", faults=[{"kind": "late", "seconds": 3600, "count": 1}])
    store.act("create_customer", email=somebody())
    store.act("create_customer", email=somebody())
    assert len(receiver.received) == 1
    assert store.get("next")["at"] == START + 3600
    store.step(START + 3600)
    assert store.post("advance")["acknowledged"] == 1
    assert receiver.received[1].headers["x-shopify-triggered-at"].startswith("2026-09-21T14:13:20")


def test_a_dropped_webhook_never_leaves_and_a_forged_one_is_an_extra(store: StoreProcess, receiver: Receiver) -> None:
    store.post("subscribe", uri=receiver.url, topics=["customers/create"])
    store.post("faults", faults=[{"kind": "drop", "count": 1}])
    since = store.get("log")["next"]
    assert store.act("create_customer", email=somebody())["webhooks"] == []
    assert [entry["kind"] for entry in store.get(f"log?since={since}")["entries"]] == ["action", "dropped"]
    store.post("faults", faults=[{"kind": "wrong_signature", "topic": "customers/create"}])
    receiver.statuses = [401, 401]
    store.act("create_customer", email=somebody())
    wait_until_idle(store)
    assert sorted(signed(one) for one in receiver.received) == [False, True, True]


def test_fields_and_filter_of_a_subscription_are_kept(store: StoreProcess, receiver: Receiver) -> None:
    mutation = """mutation($t: WebhookSubscriptionTopic!, $w: WebhookSubscriptionInput!) {
      webhookSubscriptionCreate(topic: $t, webhookSubscription: $w) { userErrors { message } } }"""
    wanted = {
        "uri": receiver.url,
        "includeFields": ["id", "total_price", "customer.email"],
        "filter": "total_price:>100",
        "name": "big-ones",
    }
    store.data(mutation, t="ORDERS_CREATE", w=wanted)
    email = somebody()
    store.act("create_order", email=email, items=[{"product": 10}])
    done = store.act("create_order", email=email, items=[{"product": 15}])
    [one] = receiver.received
    assert one.json == {"id": done["order_id"], "total_price": "129.00", "customer": {"email": email}}
    assert one.headers["x-shopify-name"] == "big-ones"


def test_the_control_api_refuses_nonsense_in_words(store: StoreProcess, tmp_path: Path) -> None:
    for path, body in (
        ("act", {"action": "fly"}),
        ("act", {"action": "complete_checkout", "checkout": "none"}),
        ("act", {"action": "create_customer", "colour": "red"}),
        ("faults", {"faults": [{"kind": "gremlins"}]}),
        ("subscribe", {"uri": "http://app.example.com/x"}),
    ):
        answer = store.session.post(f"{store.url}/_control/{path}", json=body, timeout=5)
        assert answer.status_code == 400, (path, answer.text)
        assert answer.json()["error"]
