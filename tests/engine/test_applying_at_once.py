"""Records applied by the hundred while everything else goes on for the same few people: nobody waits in a circle."""

from __future__ import annotations

from collections.abc import Callable
from random import Random

import pytest

from connector.models.store import orders
from sync.applying import apply_batch
from tests.engine.installation import HOUR, ConnectedShop, Installation
from tests.engine.shoppers import begin_checkout, subscribe
from tests.engine.test_lock_order import PEOPLE, Bustle, circles, deeds
from tests.sync.store_answers import Node, customer_node, order_node

SECONDS = 3.0
# The name of orders that came in a batch.
READ = "#read"


@pytest.fixture
def shop(product: Installation) -> ConnectedShop:
    return product.connect()


def readers(product: Installation, shop: ConnectedShop) -> list[Callable[[], object]]:
    """Two who apply the same customers and their orders, in any order, known people and new ones."""

    def applies(chance: Random) -> Callable[[], object]:
        def deed() -> None:
            numbers = [*range(1, PEOPLE + 1), chance.randrange(1_000, 10**9)]
            chance.shuffle(numbers)
            kind, node = chance.choice([("Customer", _customer), ("Order", _order)])
            with product.deps.open(shop.shop, quiet=True) as scope:
                done = apply_batch(scope, kind, [node(number, product) for number in numbers])
            assert not done.failed

        return deed

    return [applies(Random(seed)) for seed in (1, 2)]


def _customer(number: int, product: Installation) -> Node:
    stamp = product.now.isoformat()
    told = {"emailAddress": _email(number), "marketingState": "SUBSCRIBED", "marketingUpdatedAt": stamp}
    return customer_node(number, defaultEmailAddress=told)


def _order(number: int, product: Installation) -> Node:
    # Any order with the address of the one or the other.
    buyer = {"id": f"gid://shopify/Customer/{number}", "defaultEmailAddress": {"emailAddress": _email(number)}}
    stamp = (product.now - 100 * HOUR).isoformat()
    told = {"name": READ, "updatedAt": product.now.isoformat(), "email": _email(number + 1), "customer": buyer}
    return order_node(number, stamp, **told)


def _email(number: int) -> str:
    return f"p{number - 1}@example.com"


@pytest.mark.long
def test_batches_and_everything_else_wait_in_no_circle(product: Installation, shop: ConnectedShop) -> None:
    """What two in another order do is shown by the control in tests/engine/test_lock_order.py."""
    for number in range(PEOPLE):
        subscribe(shop, f"p{number}@example.com", number + 1)
        begin_checkout(shop, f"p{number}@example.com", f"tok-{number}-0")
    product.settle("intake")
    product.at(product.now + HOUR)
    before, bustle = circles(product), Bustle()
    bustle.run([*deeds(product, shop), *readers(product, shop)], SECONDS)
    assert bustle.failures == []
    assert any(row.name == READ for row in shop.rows(orders)), "batches were among it"
    assert circles(product) == before
