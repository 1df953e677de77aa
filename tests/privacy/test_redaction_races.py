"""A redaction while a message to the same person is on its way: nothing leaves after it, and what had left before its
answer was read is found at Brevo and deleted there."""

from __future__ import annotations

import threading
from datetime import timedelta
from typing import Any

import pytest

from connector import worker
from connector.models.outbox import outbox
from connector.models.privacy import privacy_requests
from sync.privacy import at_brevo
from tests.engine.installation import ConnectedShop, Installation
from tests.privacy.crowd import GREETING, HELLO, Soul, Store, shop_around, sign_up
from tests.sandbox.provider_process import wait_until

ANN, BEN = Soul(1), Soul(2)
# Machine seconds until leases have run out and the provider's log knows what it took.
_LONG = 120


@pytest.fixture
def shop(product: Installation, store: Store) -> ConnectedShop:
    """Ann and Ben are each about to get a message."""
    store.nodes = {f"gid://shopify/Customer/{soul.customer_id}": soul.node() for soul in (ANN, BEN)}
    made = product.connect(flows=[])
    made.publish(GREETING, hello=HELLO)
    for soul in (ANN, BEN):
        sign_up(made, soul)
    product.settle()
    for soul in (ANN, BEN):
        shop_around(made, soul)
    product.settle("intake", "fetch", "flows")
    assert [row.state for row in made.rows(outbox)] == ["due", "due"]
    return made


def sending(shop: ConnectedShop) -> threading.Thread:
    def work() -> None:
        while worker.work(shop.deps, "deliver", shop.id):
            pass

    thread = threading.Thread(target=work)
    thread.start()
    return thread


def redact(shop: ConnectedShop, *souls: Soul) -> None:
    """The store asks for it, and a worker carries out what can be done now."""
    for soul in souls:
        soul.redact(shop)
    shop.installation.settle("intake", "privacy")


def carried_out(shop: ConnectedShop) -> None:
    """Every request to its end: what a busy machine made fail is tried again when its longest back-off is over."""
    for _ in range(5):
        shop.installation.settle("privacy")
        if all(row.state == "done" for row in shop.rows(privacy_requests)):
            return
        shop.installation.skip(shop.deps.settings.retry_seconds[-1])
    raise AssertionError([(row.stage, row.state) for row in shop.rows(privacy_requests)])


def records(shop: ConnectedShop, soul: Soul) -> int:
    """What the provider's log tells of messages to this address."""
    return int(shop.account.get("/smtp/emails", email=soul.email)["count"])


def receipts(shop: ConnectedShop) -> list[dict[str, Any]]:
    return [row.receipt["brevo"] for row in shop.rows(privacy_requests, state="done")]


def test_what_was_in_flight_is_found_at_brevo_and_deleted(shop: ConnectedShop, product: Installation) -> None:
    """The provider has taken the message and takes a while to answer; meanwhile Ann is erased."""
    shop.account.fault("slow", path="/smtp/email", delay=1.5, after=True, count=2)
    sender = sending(shop)
    wait_until(lambda: len(shop.mails()) == 2)
    redact(shop, ANN)
    assert sender.is_alive(), "it was erased before the answer came"
    assert [row.stage for row in shop.rows(privacy_requests)] == ["brevo"]
    sender.join(30)
    product.skip(_LONG)
    product.play(timedelta(days=3))
    carried_out(shop)
    assert (records(shop, ANN), len(shop.mails(ANN.email))) == (0, 1)
    (receipt,) = receipts(shop)
    assert receipt["messages_deleted"] == 1 and list(receipt["messages_in_flight"].values()) == [True]
    # Ben, whom nobody erased, has his second message too.
    assert len(shop.mails(BEN.email)) == 2


@pytest.mark.long
def test_control_without_asking_brevos_log_its_record_stays(
    shop: ConnectedShop, product: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(at_brevo, "_in_flight", lambda account, needed, now: {})
    shop.account.fault("slow", path="/smtp/email", delay=1.0, after=True, count=2)
    sender = sending(shop)
    wait_until(lambda: len(shop.mails()) == 2)
    redact(shop, ANN)
    sender.join(30)
    product.skip(_LONG)
    product.settle()
    assert [row.state for row in shop.rows(privacy_requests)] == ["done"] and records(shop, ANN) == 1


def test_what_had_not_left_is_named_and_never_leaves(shop: ConnectedShop, product: Installation) -> None:
    """The connection is cut before the provider has read anything."""
    shop.account.fault("cut", path="/smtp/email", count=2)
    sending(shop).join(30)
    assert {row.state for row in shop.rows(outbox)} <= {"unknown", "due"}
    held = [row for row in shop.rows(outbox) if row.state == "unknown"]
    redact(shop, ANN, BEN)
    product.skip(_LONG)
    product.play(timedelta(days=3))
    carried_out(shop)
    assert shop.mails() == [] and shop.rows(outbox) == []
    named = [key for receipt in receipts(shop) for key in receipt.get("messages_in_flight", {}).items()]
    assert len(receipts(shop)) == 2 and len(named) == len(held) and not any(had for _, had in named)


@pytest.mark.parametrize("delay", [0.0, 0.01, 0.03])
def test_whoever_comes_first_nothing_leaves_after_the_receipt(
    shop: ConnectedShop, product: Installation, delay: float
) -> None:
    for soul in (ANN, BEN):
        soul.redact(shop)
    product.settle("intake")
    start = threading.Barrier(2)

    def send() -> None:
        start.wait(10)
        threading.Event().wait(delay)
        while worker.work(shop.deps, "deliver", shop.id):
            pass

    sender = threading.Thread(target=send)
    sender.start()
    start.wait(10)
    product.settle("privacy")
    sender.join(30)
    left = len(shop.mails())
    product.skip(_LONG)
    product.play(timedelta(days=3))
    carried_out(shop)
    assert len(receipts(shop)) == 2 and len(shop.mails()) == left
    assert records(shop, ANN) == records(shop, BEN) == 0 and shop.rows(outbox) == []
