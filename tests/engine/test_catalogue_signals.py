"""News of products as messages, counted at the provider: true when they leave."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from connector import eventlog
from connector.models.catalogue_signal import product_alerts
from tests.api.teller import teller_of
from tests.engine.installation import DAY, HOUR, ConnectedShop, Installation
from tests.engine.payloads import line
from tests.engine.shoppers import begin_checkout

ANN = "ann@example.com"
CHEAPER = """flow: cheaper
name: Cheaper
trigger: {on: price_dropped, key: event.variant_id}
exit: [price_raised, out_of_stock_again, order_placed]
steps: [{wait: 1h}, {email: news}]
"""
NEWS = """---
subject: '{{ event.title }} is cheaper'
purpose: marketing
deadline: 2d
---
<p>{{ event.title }}: {{ event.new }} instead of {{ event.old }}</p>
"""


@pytest.fixture
def shop(product: Installation) -> ConnectedShop:
    made = product.connect(flows=[])
    made.publish(CHEAPER, news=NEWS)
    offer(made, "10.00", 9)
    begin_checkout(made, ANN, items=[{**line("Tea", product_id=5), "variant_id": 6}])
    made.installation.settle()
    return made


def offer(shop: ConnectedShop, price: str, left: int) -> None:
    variant: dict[str, Any] = {
        "id": 6, "title": "Tin", "sku": "T", "price": price, "compare_at_price": None, "position": 1,
        "inventory_item_id": 66, "inventory_quantity": left,
    }  # fmt: skip
    body = {"id": 5, "title": "Tea", "handle": "tea", "status": "active", "variants": [variant]}
    shop.deliver("products/update", {**body, "updated_at": shop.installation.now.isoformat()})
    shop.installation.settle()


def test_a_drop_becomes_one_message(product: Installation, shop: ConnectedShop) -> None:
    product.play(timedelta(minutes=5))
    offer(shop, "8.00", 9)
    product.play(DAY)
    (mail,) = shop.mails(ANN)
    assert mail["subject"] == "Tea is cheaper" and "8.00 instead of 10.00" in mail["html"]


@pytest.mark.parametrize("then", [("10.00", 9), ("8.00", 0)], ids=["raised", "sold out"])
@pytest.mark.parametrize("marked", [True, False])
def test_what_is_taken_back_before_the_message_leaves_is_not_sent(
    product: Installation, shop: ConnectedShop, then: tuple[str, int], marked: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The control: without the mark that a send must not pass it leaves."""
    if not marked:
        monkeypatch.setattr(eventlog, "EXIT_WORTHY", eventlog.EXIT_WORTHY - {"price_raised", "out_of_stock_again"})
    product.play(timedelta(minutes=5))
    offer(shop, "8.00", 9)
    product.play(HOUR / 2)
    offer(shop, *then)
    product.play(DAY)
    assert len(shop.mails(ANN)) == (0 if marked else 1)
    assert shop.reasons() == [("news", *(("skipped", "exit_rule") if marked else ("sent", None)))]


def test_who_asks_by_a_form_waits_at_brevo_where_the_merchant_wants_its_alerts(
    product: Installation, shop: ConnectedShop
) -> None:
    shop.set(catalogue_signals={"brevo_alerts": True})
    told = {"form": "back-in-stock", "answers": {"product_id": "5"}}
    teller = teller_of(shop)
    teller.tell("form_submitted", {"email": ANN}, **told)
    teller.tell("form_submitted", {"email": "bob@example.com"}, **{**told, "form": "quiz"})
    for _ in range(4):
        product.settle()
        product.skip(3600)
    assert shop.account.state()["alerts"] == [["5", ANN]]
    assert [row.state for row in shop.rows(product_alerts)] == ["brevo"]
