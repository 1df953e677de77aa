"""Draft orders: made, sent for payment, completed, thrown away; kept out of flows unless the shop says so."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from connector.models.event import events
from connector.models.person import persons
from tests.engine.installation import START, ConnectedShop, installation
from tests.engine.payloads import embedded, line

ANN = "ann@example.com"


@pytest.fixture
def shop(database_url: str, redis_url: str, tmp_path: Path) -> Iterator[ConnectedShop]:
    with installation(database_url, redis_url, tmp_path) as made:
        yield made.connect(flows=[])


def draft(**fields: Any) -> dict[str, Any]:
    return {
        "id": 11, "name": "#D11", "email": ANN, "customer": embedded(1, ANN), "currency": "EUR",
        "total_price": "14.90", "created_at": START.isoformat(), "updated_at": START.isoformat(),
        "line_items": [line()], **fields,
    }  # fmt: skip


def told(shop: ConnectedShop) -> dict[str, Any]:
    return {row.name: row for row in sorted(shop.rows(events), key=lambda row: row.seq) if row.source == "shopify"}


def test_the_life_of_a_draft_is_told_once(shop: ConnectedShop) -> None:
    sent = (START + timedelta(hours=1)).isoformat()
    for _ in range(2):
        shop.deliver("draft_orders/create", draft())
        shop.deliver("draft_orders/update", draft(invoice_sent_at=sent))
        shop.deliver("draft_orders/update", draft(invoice_sent_at=sent, completed_at=sent, order_id=9))
        shop.deliver("draft_orders/delete", {"id": 11})
        shop.installation.settle("intake")
    found = told(shop)
    assert list(found) == [
        "draft_order_created", "draft_order_invoiced", "draft_order_completed", "draft_order_deleted",
    ]  # fmt: skip
    assert len(shop.rows(events, source="shopify")) == 4
    assert {row.person_id for row in found.values()} == {shop.one(persons).id}, "a deletion names the draft only"
    assert {row.props["excluded"] for row in found.values()} == {"draft"}
    assert found["draft_order_completed"].props["order_id"] == 9


def test_drafts_count_when_the_merchant_says_so(shop: ConnectedShop) -> None:
    shop.set(include_draft_orders=True)
    shop.deliver("draft_orders/create", draft(customer=None, email=None))
    shop.installation.settle("intake")
    created = told(shop)["draft_order_created"]
    assert created.props["excluded"] is None and created.person_id is None
