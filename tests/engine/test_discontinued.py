"""A product that is not sold any more is not recommended for a reorder, counted at the provider."""

from __future__ import annotations

import pytest

from connector import eventlog
from connector.models.event import events
from flows.definition_files import read_folder
from tests.engine.installation import DAY, START, ConnectedShop, Installation
from tests.engine.payloads import line
from tests.engine.shoppers import buy, subscribe
from tests.library.playing import LIBRARY

ANN = "ann@example.com"
LASTS_30_DAYS = {"products": [{"product": 5, "kind": "supplement-30"}]}


def tell(shop: ConnectedShop, topic: str, status: str = "active") -> None:
    body = {
        "id": 5,
        "title": "Tablets",
        "handle": "tablets",
        "status": status,
        "variants": [{"id": 6, "price": "9.00"}],
    }
    shop.deliver(topic, {**body, "updated_at": shop.installation.now.isoformat()})
    shop.installation.settle()


@pytest.mark.row("S5-129")
@pytest.mark.parametrize("marked", [True, False])
def test_what_was_archived_after_the_first_reminder_has_no_second(
    product: Installation, marked: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The control: without the mark that a send must not pass it leaves."""
    if not marked:
        monkeypatch.setattr(eventlog, "EXIT_WORTHY", eventlog.EXIT_WORTHY - {"product_discontinued"})
    shop = product.connect(flows=[])
    shop.set(signals={"replenishment_due": LASTS_30_DAYS})
    shop.activate(read_folder(LIBRARY / "replenishment"))
    subscribe(shop, ANN)
    tell(shop, "products/create")
    buy(shop, ANN, 1, line_items=[{**line("Tablets", product_id=5), "variant_id": 6}])
    product.play_to(START + 25 * DAY)
    tell(shop, "products/update", "archived")
    tell(shop, "products/delete")
    product.play_to(START + 29 * DAY)
    late = [] if marked else [("reorder", START + 28 * DAY)]
    assert shop.sent() == [("running-low", START + 23 * DAY), *late]
    assert [row.key for row in shop.rows(events, name="product_discontinued")] == ["5"]
