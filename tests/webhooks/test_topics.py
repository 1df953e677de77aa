"""The registry of topics: what is in which lane, and that a body of the simulated store fits each."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from connector.models.inbox import inbox
from connector.models.person import consents, persons
from connector.models.store import checkouts, orders
from tests.engine.installation import START, ConnectedShop, installation
from tests.engine.shoppers import hand_over
from tests.sandbox.store_process import SHOP, Receiver, StoreProcess
from webhooks.topics import TOPICS, _register
from webhooks.topics.orders import TOPICS as ORDERS

STOPPING = {"orders", "checkouts", "customers_email_marketing_consent"}


@pytest.fixture
def shop(database_url: str, redis_url: str, tmp_path: Path) -> Iterator[ConnectedShop]:
    with installation(database_url, redis_url, tmp_path) as made:
        yield made.connect(flows=[])


def test_whatever_may_stop_a_message_is_in_the_commerce_lane() -> None:
    lanes = {topic.name: topic.lane for topic in TOPICS.values() if topic.source == "shopify"}
    assert {name for name, lane in lanes.items() if lane == "commerce"} == {
        name for name in lanes if name.split("/")[0] in STOPPING
    }


def test_a_topic_is_registered_once() -> None:
    with pytest.raises(ValueError, match="twice"):
        _register(ORDERS, ORDERS)


def test_every_topic_reads_what_the_store_sends(shop: ConnectedShop, tmp_path: Path) -> None:
    """A sign-up, a checkout, a purchase and its cancellation: every body of every topic is applied."""
    with StoreProcess(tmp_path) as store, Receiver() as receiver:
        store.step(START.timestamp())
        store.post("subscribe", uri=receiver.url, shops=[SHOP])
        store.act("create_customer", email="ann@example.com", accepts_marketing=True)
        begun = store.act("start_checkout", email="ann@example.com", items=[{"product": 3, "quantity": 2}])
        store.act("update_checkout", checkout=begun["checkout_token"], first_name="Ann", last_name="Lee")
        store.act("complete_checkout", checkout=begun["checkout_token"])
        store.act("cancel_order", checkout=begun["checkout_token"])
        hand_over(shop, [one for one in receiver.received if ("shopify", one.topic) in TOPICS])
    shop.installation.settle("intake")
    rows = shop.rows(inbox)
    assert {(row.state, row.reason) for row in rows} == {("done", None)}
    assert {row.topic for row in rows} == {name for source, name in TOPICS if source == "shopify"}
    person = shop.one(persons)
    assert (person.email, shop.one(consents).state, person.orders_count) == ("ann@example.com", "subscribed", 0)
    assert shop.one(checkouts).completed_at is not None and shop.one(orders).cancelled_at is not None
