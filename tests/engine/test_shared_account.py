"""Two shops on one Brevo account: they share its contacts, its limits and what it says of opt-outs."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from sqlalchemy import update

from connector import shops
from connector.brevo.client import BrevoAccount
from connector.brevo.credentials import ApiKey
from connector.db.session import transaction
from connector.models.person import consents
from connector.models.shop import shops as shops_table
from connector.shops import prefix_of
from sync import attributes
from sync.mapping import contact as mapping
from tests.engine.installation import HOUR, ConnectedShop, Installation
from tests.engine.payloads import customer
from tests.engine.shoppers import agree, buy, by_customer, hand_over_reports, leave_by_page, subscribe
from tests.sandbox.provider_process import Receiver, receiver
from tests.sandbox.store_process import OTHER_SHOP, SHOP

__all__ = ["receiver"]

ANN = "ann@example.com"


def join(product: Installation, one: ConnectedShop, two: ConnectedShop, *, known: bool = True) -> None:
    """Give the second shop the first one's account; ``known``: as connecting finds out."""
    deps = product.deps
    with transaction(deps.engine) as connection:
        key = deps.secrets.encrypt(two.id, "brevo_key", one.account.key)
        connection.execute(update(shops_table).where(shops_table.c.id == two.id).values(brevo_key=key))
        if known:
            both = shops_table.c.id.in_((one.id, two.id))
            connection.execute(update(shops_table).where(both).values(brevo_account="org-1"))
        for shop in (one, two):
            shop.shop = shops.load(connection, shop.id)
    two._account = one.account
    for shop in (one, two):
        attributes.ensure(deps.brevo(shop.shop), mapping.of_shop(shop.shop))


@pytest.fixture
def pair(product: Installation) -> Iterator[tuple[ConnectedShop, ConnectedShop]]:
    one, two = product.connect(SHOP, flows=["welcome"]), product.connect(OTHER_SHOP, flows=["welcome"])
    yield one, two


def test_the_first_shop_owns_the_id_and_each_has_attributes_of_its_own(
    product: Installation, pair: tuple[ConnectedShop, ConnectedShop]
) -> None:
    one, two = pair
    join(product, one, two)
    assert (one.shop.owns_contacts, two.shop.owns_contacts) == (True, False)
    two.deliver("customers/create", customer(72, ANN, product.now, first_name="Annie"))
    product.settle()
    one.deliver("customers/create", customer(71, ANN, product.now, first_name="Ann"))
    buy(two, ANN, 9, **by_customer(72, ANN))
    product.settle()
    held = one.contacts()[ANN]["attributes"]
    prefix = prefix_of(OTHER_SHOP)
    assert (held["EXT_ID"], held["FIRSTNAME"], held[f"{prefix}FIRSTNAME"]) == ("71", "Ann", "Annie")
    assert held[f"{prefix}SHOPIFY_CUSTOMER_ID"] == "72" and held["SHOPIFY_CUSTOMER_ID"] == "71"
    told = [entry["identifiers"] for entry in one.account.log("event") if entry.get("identifiers")]
    assert all(found.get("ext_id") in (None, "71") for found in told)


@pytest.mark.long
def test_control_shops_that_do_not_know_of_each_other_write_over_each_other(
    product: Installation, pair: tuple[ConnectedShop, ConnectedShop]
) -> None:
    one, two = pair
    join(product, one, two, known=False)
    one.deliver("customers/create", customer(71, ANN, product.now, first_name="Ann"))
    product.settle()
    two.deliver("customers/create", customer(72, ANN, product.now, first_name="Annie"))
    product.settle()
    assert one.contacts()[ANN]["attributes"]["FIRSTNAME"] == "Annie"


def test_a_prefix_is_the_merchants_to_choose(product: Installation) -> None:
    shop = product.connect(attribute_prefix="SHOES_")
    names = {one.name for one in mapping.of_shop(shop.shop)}
    assert "SHOES_FIRSTNAME" in names and "FIRSTNAME" not in names
    assert "SMS" in names, "an identifier is Brevo's"


def test_two_keys_of_one_account_share_its_limits(product: Installation) -> None:
    deps = product.deps

    def identity(key: str, account: str | None) -> str:
        return BrevoAccount(1, ApiKey(key), deps.settings, deps.http, deps.limiter, account=account).identity

    assert identity("key-a", "org-1") == identity("key-b", "org-1") != identity("key-b", "org-2")
    # The control: without the account each key has limits of its own.
    assert identity("key-a", None) != identity("key-b", None)


def test_an_account_tells_which_it_is(product: Installation, pair: tuple[ConnectedShop, ConnectedShop]) -> None:
    one, two = (product.deps.brevo(shop.shop).account_id() for shop in pair)
    assert one and two and one != two


def test_an_opt_out_at_brevo_is_heard_by_both_shops(
    product: Installation, pair: tuple[ConnectedShop, ConnectedShop], receiver: Receiver
) -> None:
    """Each shop has its own webhook at the account, and Brevo reports to all of them, whoever sent the message."""
    one, two = pair
    join(product, one, two)
    for shop in pair:
        hook = {"url": f"{receiver.url}/{shop.id}", "type": "transactional", "events": ["unsubscribed", "hardBounce"]}
        assert one.account.post("/webhooks", hook).status_code == 201
    one.account.settings(opens=1.0, list_unsubscribes=1.0)
    agree(two, ANN, 72)
    product.settle("intake")
    subscribe(one, ANN, 71)
    product.settle()
    assert [row.state for shop in pair for row in shop.rows(consents)] == ["subscribed"] * 2
    hand_over_reports(product, receiver, pair)
    assert [row.state for shop in pair for row in shop.rows(consents)] == ["unsubscribed"] * 2


@pytest.mark.parametrize("known", [True, False], ids=["known", "control: not known"])
def test_nobody_is_taken_off_the_blocklist_for_a_shop_that_they_left(
    product: Installation, pair: tuple[ConnectedShop, ConnectedShop], known: bool
) -> None:
    """Ann leaves both shops by their pages and comes back to the second only."""
    one, two = pair
    join(product, one, two, known=known)
    for shop, number in zip(pair, (71, 72), strict=True):
        subscribe(shop, ANN, number)
        product.settle()
        leave_by_page(product, shop.mails(ANN)[-1])
        product.settle()
    assert one.contacts()[ANN]["emailBlacklisted"]
    product.at(product.now + HOUR)
    agree(two, ANN, 72)
    product.settle()
    assert two.one(consents, channel="email", purpose="newsletter").state == "subscribed"
    assert one.contacts()[ANN]["emailBlacklisted"] is known
