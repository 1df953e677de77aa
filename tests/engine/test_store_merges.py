"""Customers whom staff of the store merge, as the simulated store tells it: one person here, one contact at Brevo."""

from __future__ import annotations

import pytest

from connector.models.person import consents, persons
from connector.models.store import orders
from tests.engine.installation import DAY, HOUR, START, ConnectedShop, Installation
from tests.engine.test_store_consent import hear, webhooks
from tests.sandbox.store_process import Receiver, StoreProcess

__all__ = ["webhooks"]


@pytest.fixture
def shop(product: Installation) -> ConnectedShop:
    return product.connect(flows=["welcome"])


@pytest.mark.parametrize("fails", [False, True])
def test_two_customers_of_the_store_become_one(
    product: Installation, shop: ConnectedShop, store: StoreProcess, webhooks: Receiver, fails: bool
) -> None:
    """``fails``, the control: the store says that the merge did not come about."""
    kind = "kept" if fails else "merged"
    addresses = [f"{kind}-{place}@example.com" for place in ("home", "work")]
    numbers = [
        store.act("create_customer", email=email, first_name="Flora", accepts_marketing=True)["customer_id"]
        for email in addresses
    ]
    hear(shop, webhooks)
    product.settle()
    assert len(shop.rows(persons)) == 2 and len(shop.mails()) == 2
    product.at(START + HOUR)
    store.act("merge_customers", one=numbers[0], two=numbers[1], fails=fails)
    assert "customers/merge" in hear(shop, webhooks)
    product.settle()
    living = [row for row in shop.rows(persons) if row.merged_into is None]
    assert len(living) == (2 if fails else 1)
    held = {email: contact for email, contact in shop.contacts().items() if email in addresses}
    if fails:
        assert set(held) == set(addresses)
        return
    product.play(30 * DAY)
    assert len(shop.mails()) == 6, "the first of two runs, and all of one"
    (left,) = [one for one in store.get("state")["shops"][shop.shop.domain]["customers"] if one["id"] in numbers]
    (one,) = living
    assert (one.customer_id, one.email) == (left["id"], left["email"])
    assert shop.one(consents, person_id=one.id, channel="email", purpose="newsletter").state == "subscribed"
    store.act("create_order", email=left["email"])
    hear(shop, webhooks)
    product.settle()
    assert shop.one(orders).person_id == one.id
    assert shop.one(persons, id=one.id).orders_count == 1
