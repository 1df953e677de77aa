"""A person with two carts: what happens to one of them says nothing of the other."""

from __future__ import annotations

from datetime import timedelta

import pytest

from connector.models.flow import runs
from flows.core import goals
from flows.engine import endings
from tests.engine.installation import DAY, HOUR, START, ConnectedShop, Installation
from tests.engine.payloads import checkout
from tests.engine.shoppers import begin_checkout

BOB = "bob@example.com"
# Entered once for each cart, unlike the flow that ships.
FLOW = """
flow: both-carts
name: Both carts
trigger: {on: checkout_abandoned, after: 1h, key: event.checkout_token}
reentry: always
cap: own
exit: [order_placed, checkout_deleted, cart_cleared]
steps:
  - email: hello
  - wait: 1d
  - email: hello
"""
MESSAGE = """---
subject: Your cart
purpose: marketing
deadline: 5d
---
<p>It waits.</p>
"""


@pytest.fixture
def shop(product: Installation) -> ConnectedShop:
    """Two carts of one person, an hour and two after they were left."""
    shop = product.connect(flows=[])
    shop.publish(FLOW, hello=MESSAGE)
    begin_checkout(shop, BOB, "one")
    begin_checkout(shop, BOB, "two", at=START + timedelta(minutes=10))
    product.play_to(START + 2 * HOUR)
    assert {row.key: row.state for row in shop.rows(runs)} == {"one": "live", "two": "live"}
    return shop


def outcomes(shop: ConnectedShop) -> dict[str, str | None]:
    return {row.key: row.outcome for row in shop.rows(runs)}


def clear_the_first(shop: ConnectedShop) -> None:
    now = shop.installation.now
    shop.deliver("checkouts/update", checkout("one", BOB, START, now, items=[]))


def test_a_cleared_cart_ends_its_own_flow_only(product: Installation, shop: ConnectedShop) -> None:
    clear_the_first(shop)
    product.play(5 * DAY)
    assert outcomes(shop) == {"one": "exit:cart_cleared", "two": "completed"}


def test_the_mark_of_a_cleared_cart_stops_no_message_about_the_other(
    product: Installation, shop: ConnectedShop
) -> None:
    """The messages are wanted already when the cart is cleared: what stops one of them is the mark."""
    product.at(START + DAY + 2 * HOUR)
    product.settle("flows")
    clear_the_first(shop)
    product.settle("intake")
    before = len(shop.mails())
    product.settle("deliver")
    assert len(shop.mails()) == before + 1
    product.settle()
    assert {row.key: row.outcome for row in shop.rows(runs) if row.outcome} == {
        "one": "exit:cart_cleared",
        "two": "completed",
    }


@pytest.mark.row("S5-095")
def test_an_emptied_cart_and_a_deleted_checkout_end_their_flows(product: Installation, shop: ConnectedShop) -> None:
    now = product.now.isoformat()
    shop.deliver("carts/create", {"token": "cart-one", "created_at": START.isoformat(), "line_items": [{"price": "1"}]})
    shop.deliver("carts/update", {"token": "cart-one", "updated_at": now, "line_items": []})
    shop.deliver("checkouts/delete", {"id": 1, "cart_token": "cart-two"})
    product.play(5 * DAY)
    assert outcomes(shop) == {"one": "exit:cart_cleared", "two": "exit:checkout_deleted"}


def test_a_checkout_that_was_deleted_before_its_hour_is_not_abandoned(product: Installation) -> None:
    shop = product.connect(flows=["cart-recovery"])
    begin_checkout(shop, BOB, "one")
    product.settle()
    shop.deliver("checkouts/delete", {"id": 1, "cart_token": "cart-one"})
    # A late edit arms the clock anew; it looks for itself when it fires.
    shop.deliver("checkouts/update", checkout("one", BOB, START, START + timedelta(minutes=5)))
    product.play(2 * DAY)
    assert shop.rows(runs) == [] and shop.mails() == []


@pytest.mark.long
def test_by_person_the_other_cart_would_be_lost(
    product: Installation, shop: ConnectedShop, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The control: reached by person, as an order is, one cleared cart ends both flows."""
    monkeypatch.setattr(goals, "OF_THEIR_KEY", frozenset())
    monkeypatch.setattr(endings, "OF_THEIR_KEY", frozenset())
    clear_the_first(shop)
    product.play(5 * DAY)
    assert outcomes(shop) == {"one": "exit:cart_cleared", "two": "exit:cart_cleared"}
