"""A message that an order must stop waits for the orders that were acknowledged before it, and asks the store."""

from __future__ import annotations

import threading
from datetime import timedelta

import pytest
from sqlalchemy import RowMapping

from connector.locks import lock_persons
from connector.models.flow import runs, trail
from connector.models.inbox import inbox
from connector.models.outbox import attempts, outbox
from connector.models.person import persons
from flows.engine import dispatch
from flows.engine.claim import Claimed, _Judge
from sync import consent
from tests.engine.installation import HOUR, NOBODY, START, ConnectedShop, Installation
from tests.engine.payloads import customer
from tests.engine.shoppers import begin_checkout, buy, hand_over, subscribe
from tests.sandbox.store_process import SHOP, Receiver, StoreProcess
from webhooks import process

BOB = "bob@example.com"
PATIENCE = 61.0


@pytest.fixture
def shop(product: Installation) -> ConnectedShop:
    return product.connect(flows=["cart-recovery"])


def wanted(product: Installation, shop: ConnectedShop) -> None:
    """Bob's reminder is due and nothing else is."""
    begin_checkout(shop, BOB)
    product.settle()
    product.at(START + HOUR)
    product.settle("flows")
    assert shop.one(outbox).state == "due"


def dispatched(shop: ConnectedShop) -> None:
    dispatch.dispatch_due(shop.deps, shop.shop)


def dispatched_somehow(shop: ConnectedShop) -> None:
    """On a busy machine the permission to send may run out before the first byte: then at once again."""
    for _ in range(5):
        dispatched(shop)
        if shop.mails():
            return
    raise AssertionError(shop.reasons())


def test_an_unprocessed_order_of_anybody_holds_the_message(product: Installation, shop: ConnectedShop) -> None:
    wanted(product, shop)
    buy(shop, "somebody@example.com")
    for _ in range(2):
        dispatched(shop)
    assert shop.mails() == []
    assert shop.one(outbox).lane_waiting_real is not None
    product.settle()
    assert [mail["to"] for mail in shop.mails()] == [BOB]


def test_the_order_that_was_waited_for_stops_the_message(product: Installation, shop: ConnectedShop) -> None:
    wanted(product, shop)
    buy(shop, BOB)
    dispatched(shop)
    product.settle()
    assert shop.mails() == [] and shop.one(outbox).state == "skipped"


def test_a_sender_that_does_not_look_at_the_lane_mails_after_the_purchase(
    product: Installation, shop: ConnectedShop, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The control of the two tests above."""
    wanted(product, shop)
    buy(shop, BOB)
    monkeypatch.setattr(dispatch.lane, "clear", lambda deps, shop: True)
    dispatched_somehow(shop)
    assert len(shop.mails()) == 1


def test_the_lane_is_waited_for_while_another_worker_clears_it(product: Installation, shop: ConnectedShop) -> None:
    wanted(product, shop)
    buy(shop, "somebody@example.com")
    worker = threading.Timer(0.1, product.settle, ["intake"])
    worker.start()
    dispatched_somehow(shop)
    worker.join()
    assert len(shop.mails()) == 1


@pytest.mark.parametrize("state", ["poison", "quarantined", "ignored", "retry"])
def test_a_row_that_has_left_the_lane_holds_nothing(product: Installation, shop: ConnectedShop, state: str) -> None:
    wanted(product, shop)
    buy(shop, "somebody@example.com")
    later = product.clock.machine() + timedelta(hours=1) if state == "retry" else None
    shop.change(inbox, {"state": state, "retry_real": later}, topic="orders/create")
    dispatched_somehow(shop)
    assert len(shop.mails()) == 1


def test_what_cannot_stop_a_message_holds_none(product: Installation, shop: ConnectedShop) -> None:
    """A profile change is not in the lane; and a welcome message waits for no order webhook of others."""
    wanted(product, shop)
    shop.deliver("customers/update", customer(5, "somebody@example.com", product.now))
    dispatched_somehow(shop)
    assert len(shop.mails()) == 1


def test_a_stuck_lane_holds_no_longer_than_its_patience(product: Installation, shop: ConnectedShop) -> None:
    wanted(product, shop)
    buy(shop, "somebody@example.com")
    dispatched(shop)
    product.skip(PATIENCE - 10)
    dispatched(shop)
    assert shop.mails() == []
    product.skip(10)
    dispatched_somehow(shop)
    assert len(shop.mails()) == 1
    assert [row.state for row in shop.rows(inbox, topic="orders/create")] == ["new"]
    assert shop.one(attempts).detail == {"store_asked": True}


def bought_at_the_store(product: Installation, shop: ConnectedShop, store: StoreProcess, email: str) -> None:
    """A reminder is due for somebody who completed the checkout, and no webhook tells of it."""
    with Receiver() as receiver:
        product.at(START)
        store.post("subscribe", uri=receiver.url, shops=[SHOP])
        begun = store.act("start_checkout", email=email)
        store.act("update_checkout", checkout=begun["checkout_token"], accepts_marketing=True)
        store.post("unsubscribe")
        hand_over(shop, receiver.received)
    product.settle()
    product.at(START + HOUR)
    store.act("complete_checkout", checkout=begun["checkout_token"])
    product.settle("flows")
    assert shop.one(outbox).state == "due"


def test_the_store_says_that_the_checkout_was_completed(
    product: Installation, shop: ConnectedShop, store: StoreProcess
) -> None:
    bought_at_the_store(product, shop, store, "asked@example.com")
    product.settle()
    assert shop.mails() == []
    assert shop.reasons() == [("reminder", "skipped", "exit_rule")]
    assert shop.one(runs).outcome == "exit:checkout_completed"


def test_a_store_that_cannot_be_asked_holds_nothing(
    product: Installation, shop: ConnectedShop, store: StoreProcess
) -> None:
    """The control: asking is what stopped it. The first byte does not wait for a store that is down."""
    bought_at_the_store(product, shop, store, "unasked@example.com")
    object.__setattr__(shop.deps.settings, "shopify_base_url", f"{NOBODY}/{{shop}}")
    product.settle()
    assert len(shop.mails()) == 1
    assert shop.one(attempts).detail == {"store_asked": False}


def test_an_order_that_is_being_applied_comes_before_the_message(product: Installation, shop: ConnectedShop) -> None:
    """Whoever holds the person goes first: the message is left for the next round, not sent past the lock."""
    wanted(product, shop)
    with shop.scope() as scope:
        lock_persons(scope, [shop.one(persons).id])
        dispatched(shop)
        assert shop.mails() == [] and shop.one(outbox).state == "due"
    dispatched_somehow(shop)
    assert len(shop.mails()) == 1


def test_an_order_that_comes_while_the_message_is_claimed_is_after_it(
    product: Installation, shop: ConnectedShop, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The other way round: who claims holds the person, and applying the order waits until that is committed."""
    wanted(product, shop)
    applied: list[str] = []
    claiming = _Judge.claim

    def apply() -> None:
        process.handle_due(shop.deps, shop.shop)
        applied.append(shop.one(outbox).state)

    order = threading.Thread(target=apply)

    def claim(judge: _Judge, row: RowMapping, asked: bool) -> Claimed | None:
        buy(shop, BOB)
        order.start()
        order.join(0.3)
        assert applied == [], "the order waits"
        return claiming(judge, row, asked)

    monkeypatch.setattr(_Judge, "claim", claim)
    dispatched(shop)
    order.join()
    monkeypatch.undo()
    product.settle()
    # None where the permission to send had run out on a busy machine; then the order came first after all.
    accepted = [row.result for row in shop.rows(attempts)].count("accepted")
    assert len(shop.mails()) == accepted <= 1
    assert shop.one(runs).outcome == "exit:order_placed"


def test_an_unsubscribe_in_the_second_of_the_message_is_before_or_after_it_never_beside_it(
    product: Installation, shop: ConnectedShop
) -> None:
    """Ten people at once: everyone whose opt-out was recorded before the claim gets nothing."""
    everyone = [f"p{number}@example.com" for number in range(10)]
    welcome = product.connect("b.myshopify.com", flows=["welcome"])
    for number, email in enumerate(everyone):
        subscribe(welcome, email, 100 + number)
    product.settle("intake", "fetch", "flows")
    assert len(welcome.rows(outbox, state="due")) == 10
    people = {row.email: row.id for row in welcome.rows(persons)}
    out = [threading.Thread(target=_leave, args=(welcome, people[email])) for email in everyone]
    senders = [threading.Thread(target=dispatched, args=(welcome,)) for _ in range(4)]
    for thread in [*out[:5], *senders, *out[5:]]:
        thread.start()
    for thread in [*out, *senders]:
        thread.join()
    product.settle()
    mailed = {mail["to"] for mail in welcome.mails()}
    assert len(welcome.mails()) == len(mailed)
    for row in welcome.rows(outbox):
        email = next(address for address, person in people.items() if person == row.person_id)
        assert (row.state == "sent") == (email in mailed)
        assert row.state in ("sent", "skipped")
        told = {line.code: line.id for line in welcome.rows(trail, person_id=row.person_id)}
        assert ("provider_accepted" in told) == (row.state == "sent")


def _leave(shop: ConnectedShop, person_id: int) -> None:
    with shop.scope() as scope:
        consent.record(
            scope, person_id, "email", "unsubscribed", source="unsubscribe_page", evidence_at=scope.now + HOUR
        )
