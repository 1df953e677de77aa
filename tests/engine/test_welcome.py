"""The welcome flow, from the store's word that somebody subscribed to the provider's log."""

from __future__ import annotations

from datetime import timedelta

import pytest

from connector.models.flow import runs
from tests.engine.installation import DAY, START, ConnectedShop, Installation
from tests.engine.payloads import consent, customer, order

ANN = "ann@example.com"
OFFER = {"welcome": {"code": "HELLO15", "percent": 15, "expires_days": 9}}


def subscribe(shop: ConnectedShop, email: str = ANN, customer_id: int = 1) -> None:
    now = shop.installation.now
    shop.deliver("customers/create", customer(customer_id, email, now, first_name="Ann"))
    shop.deliver("customers_email_marketing_consent/update", consent(customer_id, email, "subscribed", now))


@pytest.mark.row("S5-085")
@pytest.mark.row("S4-14", "S3-06")
def test_a_subscriber_gets_five_messages_on_days_0_2_4_6_8(product: Installation, shop: ConnectedShop) -> None:
    shop.set(offers=OFFER)
    subscribe(shop)
    product.play_to(START + 30 * DAY)
    days = [(name, (at - START) / DAY) for name, at in shop.sent(ANN)]
    assert days == [("hello", 0), ("story", 2), ("favourites", 4), ("guide", 6), ("last-call", 8)]
    assert shop.one(runs).outcome == "completed"
