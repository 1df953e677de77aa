"""What other systems tell of somebody who was erased brings nobody back."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from connector.models.event import events
from connector.models.inbox import inbox
from connector.models.person import persons
from connector.models.told import form_answers, support_tickets
from tests.engine.installation import ConnectedShop, Installation
from tests.privacy.crowd import Soul, Store, ask_for_help, hits, sign_up, tables

ANN = Soul(1)


def tell(shop: ConnectedShop, number: int, at: Any = None, **person: Any) -> None:
    body = {"id": f"late-{number}", "type": "login", "person": person}
    when = {"occurred_at": at.isoformat()} if at else {}
    shop.deliver("events/login", {**body, **when}, source="api", webhook_id=f"late-{number}")


def live(product: Installation, store: Store) -> ConnectedShop:
    store.nodes = {f"gid://shopify/Customer/{ANN.customer_id}": ANN.node()}
    shop = product.connect(flows=[])
    sign_up(shop, ANN)
    product.settle()
    ask_for_help(shop, ANN)
    product.settle()
    assert ANN.mark in repr((shop.rows(form_answers), shop.rows(support_tickets)))
    return shop


def test_it_is_not_applied_and_nothing_of_it_is_kept(product: Installation, store: Store) -> None:
    shop = live(product, store)
    before = product.now
    ANN.redact(shop)
    product.settle()
    assert shop.rows(form_answers) == shop.rows(support_tickets) == []
    product.at(before + timedelta(hours=1))
    # By the ids that named them for good; by the address of what was before, which may be somebody's again.
    tell(shop, 1, customer_id=ANN.customer_id)
    tell(shop, 2, external_id=ANN.says("crm"))
    tell(shop, 3, before, email=ANN.email)
    tell(shop, 5, visitor_id=ANN.says("browser"))
    product.settle("intake")
    late = [row for row in shop.rows(inbox, source="api") if row.external_id.startswith("late")]
    assert [(row.state, row.reason, bytes(row.raw)) for row in late] == [("ignored", "erased", b"")] * 4
    assert shop.rows(events, name="login") == []
    assert hits("\n".join(tables(shop.deps.settings.database_url).values()), ANN) == {}
    # Whoever signs in with the address afterwards is somebody new.
    tell(shop, 4, product.now, email=ANN.email)
    product.settle("intake")
    assert [row.email for row in shop.rows(persons) if row.email] == [ANN.email]


def test_without_the_external_id_among_the_names_it_would_be_kept(
    product: Installation, store: Store, monkeypatch: Any
) -> None:
    """The control."""
    monkeypatch.setattr("sync.privacy.names._OF_API", "another/")
    shop = live(product, store)
    ANN.redact(shop)
    product.settle()
    tell(shop, 2, external_id=ANN.says("crm"))
    product.settle("intake")
    assert shop.one(events, name="login").person_id is None
