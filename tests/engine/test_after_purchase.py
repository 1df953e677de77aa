"""Flows that start after a purchase, by what the store tells of its parcels, refunds and payments."""

from __future__ import annotations

import pytest

from connector.models.flow import runs, timers
from tests.engine.installation import HOUR, ConnectedShop, Installation
from tests.engine.shoppers import agree, buy, by_customer, hand_over
from tests.sandbox.store_process import SHOP, Receiver, StoreProcess

ANN = "ann@example.com"
MESSAGE = """---
subject: About your order {{ event.order_name }}
purpose: transactional
---
<p>{{ event.tracking_number | default: "-" }}</p>
"""
TRIGGERS = ("order_shipped", "order_delivered", "order_refunded", "payment_failed", "return_requested")


def flow(trigger: str) -> str:
    name = trigger.replace("_", "-")
    return f"flow: {name}\nname: {name}\ntrigger: {{on: {trigger}}}\nreentry: always\nsteps: [{{email: hello}}]\n"


@pytest.fixture
def shop(product: Installation) -> ConnectedShop:
    shop = product.connect(flows=[])
    for trigger in TRIGGERS:
        shop.publish(flow(trigger), hello=MESSAGE)
    return shop


@pytest.mark.row("S5-233")
@pytest.mark.row("S5-234")
def test_each_fact_starts_its_flow_once(product: Installation, shop: ConnectedShop, store: StoreProcess) -> None:
    """From the deeds at the simulated store to the mails at the provider; every webhook arrives twice."""
    buyer = "after-purchase@example.com"
    with Receiver() as receiver:
        store.post("subscribe", uri=receiver.url, shops=[SHOP])
        order = store.act("create_order", email=buyer)["order_id"]
        store.act("fulfil_order", order=order, tracking_number="1Z")
        store.act("move_parcel", order=order, status="in_transit")
        store.act("move_parcel", order=order, status="delivered")
        store.act("refund_order", order=order, amount="5.00")
        store.act("try_payment", order=order, status="failure")
        store.act("request_return", order=order)
        store.post("unsubscribe")
        received = list(receiver.received)
    hand_over(shop, received)
    for one in received:
        shop.deliver(one.topic, one.body)
    product.play(HOUR)
    flows = sorted(mail["tags"][0] for mail in shop.mails(buyer))
    assert flows == sorted(trigger.replace("_", "-") for trigger in TRIGGERS)
    shipped = next(mail for mail in shop.mails(buyer) if mail["tags"][0] == "order-shipped")
    assert ">1Z<" in shipped["html"]


def test_an_excluded_order_starts_none(product: Installation, shop: ConnectedShop) -> None:
    agree(shop, ANN, 1)
    parcel = {"order_id": 9, "status": "success", "created_at": product.now.isoformat()}
    buy(shop, ANN, 9, test=True, **by_customer(1, ANN))
    shop.deliver("fulfillments/create", {**parcel, "id": 4})
    product.play(HOUR)
    assert shop.mails() == []
    shop.set(include_test_orders=True)
    shop.deliver("fulfillments/create", {**parcel, "id": 5})
    product.play(HOUR)
    assert [mail["tags"][0] for mail in shop.mails()] == ["order-shipped"]


def test_a_purchase_that_ends_a_run_and_starts_the_same_flow_again_begins_a_new_one(product: Installation) -> None:
    shop = product.connect(flows=[])
    again = "flow: again\nname: Again\ntrigger: {on: order_placed}\nreentry: always\nexit: [order_placed]\n"
    shop.publish(again + "steps: [{wait: 1d}, {email: hello}]\n", hello=MESSAGE)
    agree(shop, ANN)
    for number in (1, 2, 3):
        buy(shop, ANN, number)
        product.settle("intake", "flows")
    states = sorted(run.state for run in shop.rows(runs))
    assert states == ["done", "done", "live"], "each purchase has its run, and only the newest waits"
    live = next(run for run in shop.rows(runs) if run.state == "live")
    assert [timer.owner for timer in shop.rows(timers, kind="run")] == [str(live.id)]
