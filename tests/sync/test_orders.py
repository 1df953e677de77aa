"""Orders: counted once, undone by a cancellation, and some of them start nothing."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from connector.models.event import events, exit_marks, pending_events
from connector.models.person import persons
from connector.models.store import checkouts, orders
from connector.models.sync import fetches, sync_state
from tests.engine.installation import START, ConnectedShop, installation
from tests.engine.payloads import order
from tests.engine.shoppers import begin_checkout, by_customer

ANN, BOB = "ann@example.com", "bob@example.com"


@pytest.fixture
def shop(database_url: str, redis_url: str, tmp_path: Path) -> Iterator[ConnectedShop]:
    with installation(database_url, redis_url, tmp_path) as made:
        yield made.connect(flows=[])


def at(minutes: float) -> datetime:
    return START + timedelta(minutes=minutes)


def told(shop: ConnectedShop, topic: str = "create", order_id: int = 9, minutes: float = 0, **fields: Any) -> None:
    body = {**order(order_id, ANN, START, updated=at(minutes), token=fields.pop("token", None)), **by_customer(1, ANN)}
    body |= fields
    shop.deliver(f"orders/{topic}", body)
    shop.installation.settle("intake")


def names(shop: ConnectedShop) -> list[str]:
    return [row.name for row in sorted(shop.rows(events), key=lambda row: row.seq) if row.source == "shopify"]


def counted(shop: ConnectedShop) -> tuple[int, str]:
    person = shop.one(persons)
    return person.orders_count, str(person.total_spent)


def test_an_order_is_one_order_whatever_topics_tell_of_it(shop: ConnectedShop) -> None:
    for topic in ("paid", "create", "updated", "create"):
        told(shop, topic)
    assert names(shop) == ["order_placed", "order_paid"]
    assert counted(shop) == (1, "14.90")
    person = shop.one(persons)
    assert person.first_order_at == person.last_order_at == START


def test_an_unpaid_order_is_paid_later(shop: ConnectedShop) -> None:
    told(shop, financial_status="pending")
    assert names(shop) == ["order_placed"]
    told(shop, "paid", minutes=5)
    assert names(shop) == ["order_placed", "order_paid"]
    assert shop.one(orders).financial_status == "paid"


def test_an_older_state_that_arrives_later_changes_nothing(shop: ConnectedShop) -> None:
    told(shop, "updated", minutes=5, fulfillment_status="fulfilled")
    told(shop, minutes=0)
    assert shop.one(orders).fulfillment_status == "fulfilled"


def test_a_cancelled_order_counts_no_longer_and_once(shop: ConnectedShop) -> None:
    told(shop, order_id=8)
    told(shop, order_id=9)
    cancelled = {"minutes": 9, "cancelled_at": at(9).isoformat()}
    told(shop, "cancelled", **cancelled)
    told(shop, "updated", **cancelled)
    assert counted(shop) == (1, "14.90")
    assert names(shop).count("order_cancelled") == 1
    told(shop, "updated", minutes=12)
    assert shop.one(orders, id=9).cancelled_at == at(9), "cancelled is final"


def test_the_amount_that_is_taken_back_is_the_amount_that_was_counted(shop: ConnectedShop) -> None:
    """After a cancellation the store tells a current total of nothing."""
    told(shop)
    told(shop, "cancelled", minutes=9, cancelled_at=at(9).isoformat(), current_total_price="0.00")
    assert counted(shop) == (0, "0.00")


@pytest.mark.parametrize(
    ("fields", "reason", "setting"),
    [
        ({"test": True}, "test", "include_test_orders"),
        ({"source_name": "pos"}, "pos", "include_pos_orders"),
        ({"source_name": "shopify_draft_order"}, "draft", "include_draft_orders"),
    ],
)
def test_some_orders_count_for_nothing_unless_the_merchant_says_so(
    shop: ConnectedShop, fields: dict[str, Any], reason: str, setting: str
) -> None:
    told(shop, **fields)
    placed = next(row for row in shop.rows(events) if row.name == "order_placed")
    assert placed.props["excluded"] == reason and counted(shop)[0] == 0
    assert [row.name for row in shop.rows(exit_marks)] == ["order_placed"], "they still end what they should"
    shop.set(**{setting: True})
    told(shop, order_id=10, **fields)
    assert counted(shop)[0] == 1


def test_an_order_reaches_whoever_began_the_checkout(shop: ConnectedShop) -> None:
    begin_checkout(shop, BOB)
    shop.installation.settle("intake", "flows")
    told(shop, token="tok")
    bob, ann = shop.rows(persons)
    placed = next(row for row in shop.rows(events) if row.name == "order_placed")
    assert placed.person_id == ann.id and placed.key == "tok"
    waiting = {row.person_id for row in shop.rows(pending_events, event_id=placed.id)}
    assert waiting == {bob.id, ann.id}
    assert (bob.orders_count, ann.orders_count) == (0, 1)


def test_an_order_of_nobody_is_kept(shop: ConnectedShop) -> None:
    shop.deliver("orders/create", order(9, None, START, source_name="pos"))
    shop.installation.settle("intake")
    assert shop.one(orders).person_id is None and shop.rows(persons) == []


def test_how_many_orders_came_before_is_told_with_each(shop: ConnectedShop) -> None:
    for number in (8, 9, 10):
        told(shop, order_id=number)
    before = {row.subject: row.props["orders_before"] for row in shop.rows(events) if row.name == "order_placed"}
    assert before == {"order:8": 0, "order:9": 1, "order:10": 2}


BILLING = {
    "first_name": "Ann", "last_name": "Lee", "address1": "1 Harbour Street", "address2": None, "city": "Lyon",
    "zip": "69002", "province": None, "country": "France", "country_code": "FR", "phone": None,
}  # fmt: skip


def refund(number: int, amount: str, minutes: float, status: str = "success") -> dict[str, Any]:
    paid_back = {"kind": "refund", "status": status, "amount": amount}
    return {"id": number, "created_at": at(minutes).isoformat(), "transactions": [paid_back]}


def wished(shop: ConnectedShop) -> list[tuple[int, int]]:
    """(order, version) that Brevo's copy is to be at."""
    return [(row.entity_id, row.wanted_version) for row in shop.rows(sync_state, entity="order")]


def test_what_is_kept_of_an_order_for_messages_and_for_brevo(shop: ConnectedShop) -> None:
    line_left = {**order(9, ANN, START)["line_items"][0], "current_quantity": 0}
    told(shop, billing_address=BILLING, payment_gateway_names=["visa"], line_items=[line_left])
    row = shop.one(orders)
    assert (row.customer_id, row.payment_method, str(row.gross), str(row.refunded)) == (1, "visa", "14.90", "0.00")
    assert row.billing == {
        "name": "Ann Lee", "address": "1 Harbour Street", "city": "Lyon", "postcode": "69002", "country": "France",
        "country_code": "FR",
    }  # fmt: skip
    assert (row.items[0]["quantity"], row.items[0]["current_quantity"]) == (1, 0)


def test_fulfilment_is_told_by_whichever_topic_comes_first(shop: ConnectedShop) -> None:
    told(shop, "partially_fulfilled", minutes=1, fulfillment_status="partial")
    told(shop, "updated", minutes=2, fulfillment_status="fulfilled")
    told(shop, "fulfilled", minutes=2, fulfillment_status="fulfilled")
    sent = ["order_partially_fulfilled", "order_fulfilled"]
    assert [name for name in names(shop) if name in sent] == sent
    told(shop, "updated", minutes=3, fulfillment_status=None)
    assert shop.one(orders).fulfillment_status is None, "a parcel was called off: null is an answer"


def test_refunds_and_returned_items_correct_the_totals_once(shop: ConnectedShop) -> None:
    told(shop, total_price="100.00", current_total_price="100.00")
    assert counted(shop) == (1, "100.00")
    # 30 for a returned item, which the current total leaves out too; then 20 out of goodwill, which it does not.
    back = [refund(1, "30.00", 5)]
    told(shop, "updated", minutes=5, total_price="100.00", current_total_price="70.00", refunds=back)
    assert counted(shop) == (1, "70.00")
    back = [*back, refund(2, "20.00", 8), refund(3, "9.00", 8, "failure")]
    late = {"total_price": "100.00", "current_total_price": "70.00", "refunds": back}
    for minutes in (8, 8, 5):
        told(shop, "updated", minutes=minutes, **late)
    assert counted(shop) == (1, "50.00")
    given = {row.props["refund_id"]: row.props["amount"] for row in shop.rows(events) if row.name == "order_refunded"}
    assert given == {1: "30.00", 2: "20.00"}, "one that failed gave nothing back"
    told(shop, "cancelled", minutes=9, cancelled_at=at(9).isoformat(), **late)
    assert counted(shop) == (0, "0.00")


def test_a_deleted_order_counts_no_longer_and_stays_deleted(shop: ConnectedShop) -> None:
    told(shop)
    for _ in range(2):
        shop.deliver("orders/delete", {"id": 9})
    shop.deliver("orders/delete", {"id": 10})
    told(shop, "updated", minutes=5, financial_status="refunded")
    assert counted(shop) == (0, "0.00")
    assert [row.subject for row in shop.rows(events) if row.name == "order_deleted"] == ["order:9", "order:10"]
    assert shop.one(orders, id=9).deleted_at is not None
    assert wished(shop) == [(9, 3)], "Brevo's copy follows the deletion, and what came after it"


def test_what_a_payload_leaves_out_stays_as_it_was(shop: ConnectedShop) -> None:
    begin_checkout(shop, ANN)
    told(shop, token="tok", billing_address=BILLING, discount_codes=[{"code": "HELLO"}], closed_at=at(1).isoformat())
    before = shop.one(orders)
    shop.deliver("orders/updated", {"id": 9, "updated_at": at(5).isoformat()})
    redacted = dict.fromkeys(("email", "contact_email", "customer", "billing_address", "checkout_token", "name"))
    told(shop, "updated", minutes=6, **redacted)
    after = shop.one(orders)
    kept = ("email", "customer_id", "person_id", "billing", "name", "checkout_token", "items", "total", "created_at")
    assert {name: getattr(after, name) for name in kept} == {name: getattr(before, name) for name in kept}
    assert after.discount_codes == [], "an empty list is an answer"
    assert after.source_updated_at == at(6) and shop.one(checkouts).completed_at == START


def test_states_of_one_second_are_both_applied_and_the_order_is_read_again(shop: ConnectedShop) -> None:
    told(shop, minutes=5, fulfillment_status="partial")
    told(shop, "updated", minutes=5, fulfillment_status="partial")
    assert [row for row in shop.rows(fetches) if row.kind == "Order"] == [], "the same state once more is no tie"
    told(shop, "updated", minutes=5, fulfillment_status="fulfilled")
    assert shop.one(orders).fulfillment_status == "fulfilled"
    assert [(row.kind, row.remote_id) for row in shop.rows(fetches) if row.kind == "Order"] == [("Order", 9)]


def test_brevo_is_told_of_what_it_shows_and_of_no_excluded_or_old_order(shop: ConnectedShop) -> None:
    told(shop)
    told(shop, "updated", minutes=1)
    assert wished(shop) == [(9, 1)], "only the time of the state is new"
    told(shop, "updated", minutes=2, financial_status="partially_refunded")
    told(shop, order_id=10, test=True)
    old = (START - timedelta(days=40)).isoformat()
    told(shop, order_id=11, created_at=old)
    told(shop, "updated", order_id=11, minutes=3, created_at=old, financial_status="refunded")
    assert wished(shop) == [(9, 2)]


def test_an_old_order_starts_nothing_and_is_counted_by_the_store(shop: ConnectedShop) -> None:
    old = START - timedelta(days=40)
    told(shop, "fulfilled", created_at=old.isoformat(), fulfillment_status="fulfilled")
    assert {row.historical for row in shop.rows(events) if row.source == "shopify"} == {True}
    person = shop.one(persons)
    assert (person.orders_count, person.last_order_at) == (0, old)
    told(shop, "updated", minutes=3, created_at=old.isoformat(), refunds=[refund(1, "5.00", 2)])
    live = [row.name for row in shop.rows(events) if row.source == "shopify" and not row.historical]
    assert live == ["order_refunded"], "what happens to it now is news"


def test_an_order_that_turns_out_to_be_somebody_elses_moves(shop: ConnectedShop) -> None:
    told(shop)
    told(shop, "updated", minutes=5, email=BOB, contact_email=BOB, **by_customer(2, BOB))
    ann, bob = shop.rows(persons)
    assert (ann.orders_count, str(ann.total_spent)) == (0, "0.00")
    assert (bob.orders_count, str(bob.total_spent)) == (1, "14.90")
