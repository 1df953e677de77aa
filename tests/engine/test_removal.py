"""A merchant removes the app: nothing leaves any more from that commit on, and nothing is left to go on later."""

from __future__ import annotations

import pytest

from connector.install import store as install_store
from connector.models.flow import runs, timers
from connector.models.inbox import inbox
from connector.models.outbox import outbox
from connector.models.shop import shops as shops_table
from connector.shops import load
from connector.work import work_of
from tests.engine.installation import DAY, HOUR, START, ConnectedShop, Installation
from tests.engine.shoppers import begin_checkout, subscribe
from tests.sandbox.store_process import OTHER_SHOP

ANN, BOB = "ann@example.com", "bob@example.com"
REMOVED = {"id": 1, "name": "A", "domain": None, "myshopify_domain": None}


def state(shop: ConnectedShop) -> str:
    with shop.deps.engine.connect() as connection:
        return load(connection, shop.id).state


def test_everything_stops_at_once_and_the_other_shop_goes_on(product: Installation, shop: ConnectedShop) -> None:
    other = product.connect(OTHER_SHOP)
    for one, email in ((shop, ANN), (other, BOB)):
        subscribe(one, email)
        begin_checkout(one, email, f"tok-{email}")
    product.play_to(START + 2 * HOUR)
    before = shop.sent()
    assert [name for name, _ in before] == ["hello", "reminder"]
    # A message is due when the news arrives.
    shop.change(outbox, {"state": "due", "due_at": product.now, "attempts": 0}, message="reminder")
    shop.deliver("app/uninstalled", REMOVED)
    product.settle("intake")
    assert state(shop) == "uninstalled"
    # Nobody has closed anything yet, and still nothing is claimed, by whatever was loaded before.
    for kind in ("deliver", "sync", "flows"):
        assert not work_of(kind)(shop.deps, shop.shop).more
    assert shop.sent() == before
    product.settle("closing")
    assert {run.state for run in shop.rows(runs)} == {"done"} and shop.rows(timers) == []
    assert ("reminder", "skipped", "app_removed") in shop.reasons()
    assert all(shop_id != shop.id for _, shop_id in product.due())
    # The control: the same people of the other shop are still in their flows.
    assert other.rows(timers) and "live" in {run.state for run in other.rows(runs)}


def test_what_comes_afterwards_is_of_no_concern(product: Installation, shop: ConnectedShop) -> None:
    shop.deliver("app/uninstalled", REMOVED)
    product.settle("intake")
    subscribe(shop, ANN)
    product.settle("intake")
    told = {(row.topic, row.state, row.reason) for row in shop.rows(inbox) if row.topic != "app/uninstalled"}
    assert told and {(known, reason) for _, known, reason in told} == {("ignored", "app_removed")}


@pytest.mark.parametrize("told_late", [True, False])
def test_the_end_of_an_earlier_installation_does_not_end_this_one(
    product: Installation, shop: ConnectedShop, told_late: bool
) -> None:
    with shop.deps.engine.begin() as connection:
        installed_at = START + (HOUR if told_late else -HOUR)
        connection.execute(shops_table.update().where(shops_table.c.id == shop.id).values(installed_at=installed_at))
    shop.deliver("app/uninstalled", REMOVED)
    product.settle("intake")
    assert state(shop) == ("active" if told_late else "uninstalled")


def test_a_shop_that_comes_back_begins_anew(product: Installation, shop: ConnectedShop) -> None:
    subscribe(shop, ANN)
    product.settle()
    shop.deliver("app/uninstalled", REMOVED)
    product.settle("intake")
    assert "live" in {run.state for run in shop.rows(runs)}
    product.at(START + DAY)
    assert product.store is not None
    said: list[str] = []
    gone = install_store.arrive(shop.deps, shop.shop.domain)
    assert gone.state == "uninstalled" and gone.shopify_token is None
    back = install_store.give_token(shop.deps, gone, product.store.ready["tokens"][shop.shop.domain])
    back = install_store.set_up(shop.deps, back, said.append)
    assert back.state == "active", "its Brevo account is known"
    assert {run.state for run in shop.rows(runs)} == {"done"} and shop.rows(timers) == []
    with shop.deps.engine.connect() as connection:
        row = connection.execute(shops_table.select().where(shops_table.c.id == shop.id)).one()
    assert row.uninstalled_at is None and row.installed_at == product.now


def test_granted_scopes_are_kept_the_newest_last(product: Installation, shop: ConnectedShop) -> None:
    def told(*scopes: str, minute: int) -> None:
        at = f"2026-11-02T10:{minute:02}:00Z"
        body = {"id": 1, "shop_id": "gid://shopify/Shop/1", "previous": [], "current": list(scopes), "updated_at": at}
        shop.deliver("app/scopes_update", body)
        product.settle("intake")

    told("read_orders", "read_customers", minute=30)
    told("read_orders", minute=20)
    with shop.deps.engine.connect() as connection:
        assert load(connection, shop.id).granted_scopes == ("read_customers", "read_orders")
