"""Somebody whom two shops of one Brevo account know is erased for one of them: Brevo keeps what the other told."""

from __future__ import annotations

import pytest

from connector.models.person import persons
from connector.models.privacy import privacy_requests
from sync.privacy import at_brevo
from tests.engine.installation import ConnectedShop, Installation
from tests.engine.payloads import customer
from tests.engine.test_shared_account import join
from tests.privacy.crowd import Soul, Store, hits, sign_up
from tests.sandbox.store_process import OTHER_SHOP, SHOP

ANN = Soul(1)
# Her number in the second shop.
OTHER_NUMBER = 72


@pytest.fixture
def pair(product: Installation, store: Store) -> tuple[ConnectedShop, ConnectedShop]:
    """Ann has an account in both, with the same address."""
    store.nodes = {f"gid://shopify/Customer/{ANN.customer_id}": ANN.node()}
    one, two = product.connect(SHOP, flows=[]), product.connect(OTHER_SHOP, flows=[])
    join(product, one, two)
    two.deliver("customers/create", customer(OTHER_NUMBER, ANN.email, product.now, first_name="Annie"))
    sign_up(one, ANN)
    product.settle()
    assert {"FIRSTNAME", *_of(two)} <= set(one.contacts()[ANN.email]["attributes"])
    return one, two


def _of(two: ConnectedShop) -> set[str]:
    """The attributes that the second shop gives."""
    held = two.contacts()[ANN.email]["attributes"]
    return {name for name, value in held.items() if value in ("Annie", str(OTHER_NUMBER))}


def test_what_the_other_shop_knows_is_told_anew_and_nothing_else(
    product: Installation, pair: tuple[ConnectedShop, ConnectedShop]
) -> None:
    one, two = pair
    before = _of(two)
    ANN.redact(one)
    product.settle()
    assert one.one(privacy_requests).receipt["brevo"]["other_shops"] == 1
    held = one.contacts()[ANN.email]["attributes"]
    assert _of(two) == before and len(before) == 2
    assert hits(repr({name: value for name, value in held.items() if name != "EMAIL"}), ANN) == {}
    assert two.one(persons).email == ANN.email and one.one(persons).erased_at is not None


def test_control_without_it_the_other_shop_has_lost_its_contact(
    product: Installation, pair: tuple[ConnectedShop, ConnectedShop], monkeypatch: pytest.MonkeyPatch
) -> None:
    one, _ = pair
    monkeypatch.setattr(at_brevo, "restore_for_others", lambda deps, shop, needed: 0)
    ANN.redact(one)
    product.settle()
    assert one.contacts() == {}


def test_a_shop_with_an_account_of_its_own_hears_nothing(product: Installation, store: Store) -> None:
    store.nodes = {f"gid://shopify/Customer/{ANN.customer_id}": ANN.node()}
    one, two = product.connect(SHOP, flows=[]), product.connect(OTHER_SHOP, flows=[])
    for shop in (one, two):
        sign_up(shop, ANN)
    product.settle()
    version = two.one(persons).version
    ANN.redact(one)
    product.settle()
    assert one.one(privacy_requests).receipt["brevo"]["other_shops"] == 0
    assert (two.one(persons).version, ANN.email in two.contacts()) == (version, True)
