"""Orders: counted once, undone by a cancellation, and some of them start nothing."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from connector.models.event import events, exit_marks, pending_events
from connector.models.person import persons
from connector.models.store import orders
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


def told(
    shop: ConnectedShop, topic: str = "create", order_id: int = 9, minutes: float = 0, **fields: Any
) -> None:
    body = order(order_id, ANN, START, **{"updated": at(minutes), **by_customer(1, ANN), **fields})
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
