"""Pools of codes: made once, handed out once each, filled again; and collections at Brevo with codes of the store."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from connector.cli.brevo import coupons as brevo_coupons
from connector.cli.coupon import list_, pool
from connector.clock import pause
from connector.models.coupon import coupon_pools, coupons
from connector.models.outbox import outbox
from flows.engine import acting
from sync.coupons import filling, pools
from tests.engine.discounts import Deaf, Death, shop_of_its_own
from tests.engine.installation import ConnectedShop, Installation, installation
from tests.engine.shoppers import subscribe
from tests.sandbox.provider_process import Provider
from tests.sandbox.store_process import SHOP, StoreProcess

TEN = pools.terms_of(10, None, None)
OFFER = """
flow: offers
name: Offers
trigger: {on: newsletter_subscribed}
steps:
  - coupon: {as: offer, pool: summer}
  - email: incentive
"""
INCENTIVE = """---
subject: "{{ coupon.offer.code }}"
purpose: marketing
---
<p>{{ coupon.offer.percent }} % off.</p>

{% render 'button', label: "To the shop", url: shop.url %}
"""


@pytest.fixture
def http() -> Deaf:
    return Deaf(b"discountRedeemCodeBulkAdd")


@pytest.fixture
def product(
    database_url: str, redis_url: str, tmp_path: Path, provider: Provider, store: StoreProcess, http: Deaf
) -> Iterator[Installation]:
    with installation(database_url, redis_url, tmp_path, provider, store, http) as made:
        yield made


@pytest.fixture
def shop(product: Installation, request: pytest.FixtureRequest) -> ConnectedShop:
    return shop_of_its_own(product, request)


def keep(shop: ConnectedShop, name: str = "summer", size: int = 3, **more: Any) -> None:
    with shop.scope() as scope:
        pools.keep(scope, name, terms=TEN, size=size, prefix="SUN", **more)


def fill(product: Installation, shop: ConnectedShop) -> None:
    """Until nothing is due, however long the store takes."""
    for _ in range(100):
        product.settle("coupons")
        states = {(row.state, row.reason) for row in shop.rows(coupon_pools)}
        assert "failed" not in {state for state, _ in states}, states
        if states == {("ready", None)}:
            return
        product.skip(30)
        # The store takes a moment of real time.
        pause(0.02)
    raise AssertionError([row.reason for row in shop.rows(coupon_pools)])


def at_store(store: StoreProcess, shop: ConnectedShop) -> list[str]:
    """The codes of ours that the store has."""
    known = {row.code for row in shop.rows(coupons)}
    (mine,) = [one for one in store.get("state")["shops"][SHOP]["discounts"] if known & set(one["codes"])]
    return sorted(mine["codes"])


def referenced(shop: ConnectedShop) -> list[str]:
    return sorted(row.code for row in shop.rows(coupons, state="made"))


def test_a_pool_is_filled_and_hands_out_each_code_once(
    product: Installation, shop: ConnectedShop, store: StoreProcess
) -> None:
    keep(shop, size=4)
    fill(product, shop)
    assert len(referenced(shop)) == 4 and at_store(store, shop) == referenced(shop)
    shop.publish(OFFER, incentive=INCENTIVE)
    for number in range(1, 7):
        subscribe(shop, f"p{number}@example.com", number)
        product.settle("intake", "fetch", "flows", "deliver")
        fill(product, shop)
    product.settle()
    given = [row.code for row in shop.rows(coupons) if row.given_at]
    assert sorted(mail["subject"] for mail in shop.mails()) == sorted(given) and len(set(given)) == 6
    assert len([row for row in shop.rows(coupons) if row.given_at is None]) >= 2, "it was filled again"
    assert at_store(store, shop) == referenced(shop)


def test_who_finds_a_pool_empty_waits_until_it_is_filled(product: Installation, shop: ConnectedShop) -> None:
    keep(shop, size=1)
    shop.publish(OFFER, incentive=INCENTIVE)
    subscribe(shop, "ann@example.com")
    product.settle("intake", "fetch", "flows")
    acting.act_due(shop.deps, shop.shop)
    assert [(row.state, row.reason) for row in shop.rows(outbox)] == [("due", "pool_empty")]
    fill(product, shop)
    product.at(shop.rows(outbox)[0].due_at)
    product.settle()
    assert [mail["subject"] for mail in shop.mails()] == referenced(shop)[:1] or len(shop.mails()) == 1


@pytest.mark.parametrize(
    "point", ["coupons.leased", "coupons.made", "coupons.answered", "coupons.looked", "coupons.recorded"]
)
def test_a_death_while_it_is_filled_makes_no_code_that_nobody_knows(
    product: Installation, shop: ConnectedShop, store: StoreProcess, monkeypatch: pytest.MonkeyPatch, point: str
) -> None:
    died: list[str] = []

    def reach(name: str) -> None:
        if name == point and not died:
            died.append(name)
            raise Death(name)

    monkeypatch.setattr(filling, "reach", reach)
    keep(shop)
    with pytest.raises(Death):
        fill(product, shop)
    product.skip(100)
    fill(product, shop)
    assert died and len(referenced(shop)) == 3 and at_store(store, shop) == referenced(shop)


def test_codes_whose_addition_nobody_heard_of_are_taken_for_ours(
    product: Installation, shop: ConnectedShop, store: StoreProcess, http: Deaf
) -> None:
    http.deaf_to = 1
    keep(shop, size=5)
    fill(product, shop)
    assert http.deaf_to == 0
    assert len(referenced(shop)) == 5 and at_store(store, shop) == referenced(shop)


def test_a_collection_at_brevo_gets_codes_that_the_store_takes(
    product: Installation, shop: ConnectedShop, store: StoreProcess
) -> None:
    keep(shop, "brevo-spring", 4, collection="Spring", fallback="ASK-US")
    fill(product, shop)
    (held,) = shop.account.state()["coupon_collections"]
    assert (held["name"], held["default"]) == ("Spring", "ASK-US")
    assert sorted(held["codes"]) == referenced(shop) == at_store(store, shop) and len(held["codes"]) == 4
    # The same again changes nothing; a higher number adds what is lacking.
    keep(shop, "brevo-spring", 4, collection="Spring", fallback="ASK-US")
    fill(product, shop)
    keep(shop, "brevo-spring", 6, collection="Spring", fallback="ASK-US")
    fill(product, shop)
    (held,) = shop.account.state()["coupon_collections"]
    assert sorted(held["codes"]) == referenced(shop) == at_store(store, shop) and len(held["codes"]) == 6


def test_codes_for_brevo_are_not_handed_out_by_flows(product: Installation, shop: ConnectedShop) -> None:
    keep(shop, collection="Summer", fallback="ASK-US")
    fill(product, shop)
    shop.publish(OFFER, incentive=INCENTIVE)
    subscribe(shop, "ann@example.com")
    product.settle()
    assert [(row.channel, row.reason) for row in shop.rows(outbox)][0] == ("coupon", "no_pool")


def test_the_commands_say_what_is_asked_for(product: Installation, shop: ConnectedShop) -> None:
    settings, named = product.deps.settings, ["--shop", SHOP]
    told = CliRunner().invoke(pool, [*named, "--name", "vip", "--amount", "5", "--keep", "2"], obj=settings)
    assert told.exit_code == 0, told.output
    spring = ["--collection", "Spring!", "--count", "2", "--percent", "20", "--valid", "30d", "--fallback", "ASK"]
    told = CliRunner().invoke(brevo_coupons, [*named, *spring], obj=settings)
    assert told.exit_code == 0, told.output
    vip, brevo = shop.rows(coupon_pools)[1], shop.rows(coupon_pools)[0]
    assert (vip.terms["amount"], brevo.name, brevo.collection) == ("5.00", "brevo-spring", "Spring!")
    listed = CliRunner().invoke(list_, named, obj=settings)
    assert "vip: for flows, 0 made" in listed.output
    twice = CliRunner().invoke(pool, [*named, "--name", "vip", "--percent", "5"], obj=settings)
    assert twice.exit_code != 0 and "has another terms" in twice.output
    neither = CliRunner().invoke(pool, [*named, "--name", "none"], obj=settings)
    assert neither.exit_code != 0 and "per cent, or an amount" in neither.output
