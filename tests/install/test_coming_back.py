"""An app that is removed and comes back, as the simulated store tells it: nothing of a shop that is there again is
erased, and one that left is erased although nobody heard it leave."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import update

from connector.db.session import transaction
from connector.install.store import arrive, set_up
from connector.models.person import persons
from connector.models.privacy import privacy_requests
from connector.models.shop import shops
from connector.shops import load
from sandbox.store.apps import DEFAULT_CLIENT_ID
from sandbox.store.settings import DEFAULT_SECRET
from tests.engine.consent_histories import quiet
from tests.engine.installation import DAY, START, ConnectedShop, Installation, installation
from tests.engine.shoppers import hand_over
from tests.install.merchant import opened
from tests.sandbox.store_process import SHOP, Receiver, StoreProcess


@pytest.fixture
def store() -> Iterator[StoreProcess]:
    with opened() as one:
        yield one


@pytest.fixture
def product(database_url: str, redis_url: str, tmp_path: Path, store: StoreProcess) -> Iterator[Installation]:
    app: dict[str, Any] = {"shopify_api_key": DEFAULT_CLIENT_ID, "shopify_api_secret": DEFAULT_SECRET}
    base: dict[str, Any] = {"shopify_base_url": store.ready["base_url_template"]}
    with installation(database_url, redis_url, tmp_path, None, store, **app, **base) as made:
        yield made


@pytest.fixture
def webhooks(store: StoreProcess) -> Iterator[Receiver]:
    with Receiver() as receiver:
        yield receiver


@pytest.fixture
def shop(product: Installation, store: StoreProcess, webhooks: Receiver) -> ConnectedShop:
    """With one customer, and without Brevo."""
    made = product.connect(flows=[])
    with transaction(product.deps.engine) as connection:
        connection.execute(update(shops).where(shops.c.id == made.id).values(brevo_key=None))
    store.post("subscribe", uri=webhooks.url, shops=[SHOP])
    store.act("create_customer", email="ann@example.com")
    hear(made, webhooks)
    assert len(made.rows(persons)) == 1
    return made


def hear(shop: ConnectedShop, webhooks: Receiver) -> list[str]:
    quiet(webhooks)
    received, webhooks.received = webhooks.received, []
    hand_over(shop, received)
    shop.installation.settle("intake", "fetch", "privacy", "closing")
    return [one.topic for one in received]


def state(shop: ConnectedShop) -> str:
    with shop.deps.engine.connect() as connection:
        return load(connection, shop.id).state


def test_a_shop_that_is_there_again_when_it_is_to_be_erased_keeps_everything(
    product: Installation, shop: ConnectedShop, store: StoreProcess, webhooks: Receiver
) -> None:
    store.post("uninstall", shop=SHOP)
    assert hear(shop, webhooks) == ["app/uninstalled"] and state(shop) == "uninstalled"
    product.at(START + DAY)
    store.post("install", shop=SHOP, open=False)
    again = arrive(shop.deps, SHOP)
    shop.deps.tokens(again).exchange(str(store.post("session_token", shop=SHOP)["id_token"]))
    set_up(shop.deps, again, lambda said: None)
    assert (again.id, state(shop)) == (shop.id, "installed")
    store.act("redact_shop")
    assert hear(shop, webhooks) == ["shop/redact"]
    asked = shop.one(privacy_requests)
    assert (asked.state, asked.reason) == ("cancelled", "the shop is installed: the store still lets the app in")
    assert len(shop.rows(persons)) == 1 and state(shop) == "installed"


def test_a_shop_that_nobody_heard_leaving_is_erased(
    shop: ConnectedShop, store: StoreProcess, webhooks: Receiver
) -> None:
    store.post("uninstall", shop=SHOP)
    quiet(webhooks)
    webhooks.received = [one for one in webhooks.received if one.topic != "app/uninstalled"]
    assert state(shop) == "active"
    shop.deliver("shop/redact", {"shop_id": 1, "shop_domain": SHOP})
    shop.installation.settle("intake", "privacy")
    assert shop.rows(persons) == []
    done = shop.one(privacy_requests)
    assert done.state == "done" and "app/uninstalled was not heard" in done.receipt["found"]
