"""Orders, products and collections at Brevo, over real HTTP; every body is held against Brevo's own description."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from connector.models.store import collections, orders, products, variants
from sync.copies import CONTACTS, RESOURCES
from sync.copies import order as orders_at_brevo
from sync.copies.sending import send_due
from tests.adapters.brevo_contract import described, problems
from tests.sandbox.provider_process import Account, provider  # noqa: F401  a fixture
from tests.sync.commerce import ITEM, change, collection, connected, later, order, product
from tests.sync.world import World

Url = str


@pytest.fixture
def account(provider: Any) -> Account:  # noqa: F811
    return provider.account(tier="extended", ecommerce=True)


@pytest.fixture
def shop(database_url: Url, redis_url: Url, account: Account) -> Iterator[World]:
    with connected(database_url, redis_url, account) as made:
        yield made
        contract = described()
        for path in ("/orders/status", "/products", "/products/batch", "/categories/batch"):
            for body in made.brevo.bodies(f"/v3{path}"):
                assert problems(contract, "post", path, body) == [], f"{path}: {body}"


def drain(shop: World) -> None:
    while send_due(shop.deps, shop.shop).more:
        shop.clock.pass_seconds(1.1)


def paths(shop: World) -> list[str]:
    return [request.url.path.removeprefix("/v3") for request in shop.brevo.requests]


# Orders


def test_a_live_order_follows_its_contact_and_sets_off_automations(shop: World, account: Account) -> None:
    person = shop.person(1)
    order(shop, 17, person)
    shop.wish(person)
    drain(shop)
    assert paths(shop) == ["/contacts", "/orders/status"], "in one turn, the contact first"
    there = account.state()["orders"]["17"]
    assert there["contact_id"] is not None and there["historical"] is False
    assert shop.brevo.bodies("/v3/orders/status") == [
        {
            "id": "17",
            "createdAt": "2026-11-01T12:00:00Z",
            "updatedAt": "2026-11-01T12:00:00Z",
            "status": "paid",
            "amount": 40.0,
            "products": [{"productId": "11", "price": 9.5, "quantity": 2, "variantId": "111"}],
            "identifiers": {"email_id": "p1@x.test", "ext_id": "1001"},
            "billing": {"city": "Bonn", "countryCode": "DE", "paymentMethod": "card"},
            "coupons": ["BACK10"],
            "storeId": "one.myshopify.com",
            "metaInfo": {"name": "#17", "currency": "EUR", "financial_status": "paid", "source": "web"},
        }
    ]
    assert [(one["order"], one["status"]) for one in account.log("automation")] == [("17", "paid")]
    row = shop.state(17, "order")
    assert (row.state, row.sent_version) == ("done", 1)


def test_an_order_waits_for_the_contact_and_is_woken_by_it(shop: World) -> None:
    person = shop.person(1)
    order(shop, 17, person)
    send_due(shop.deps, shop.shop)
    assert shop.state(17, "order").state == "due" and paths(shop) == [], "nobody has wished for the contact yet"
    shop.wish(person)
    shop.clock.pass_seconds(1.1)
    send_due(shop.deps, shop.shop, [one for one in RESOURCES if one is not CONTACTS])
    assert shop.state(17, "order").state == "waiting"
    assert send_due(shop.deps, shop.shop, [CONTACTS]).more
    drain(shop)
    assert paths(shop) == ["/contacts", "/orders/status"]


def test_control_an_order_that_does_not_wait_is_nobodys(
    shop: World, account: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept = orders_at_brevo._snapshot
    monkeypatch.setattr(
        orders_at_brevo,
        "_snapshot",
        lambda shop, held, row, rates: kept(shop, held, {**row, "contact_version": 1}, rates),
    )
    order(shop, 17, shop.person(1))
    drain(shop)
    assert account.state()["orders"]["17"]["contact_id"] is None


def test_an_order_of_somebody_brevo_cannot_have_waits_with_the_reason_until_it_can(shop: World) -> None:
    person = shop.person(1, email=None)
    order(shop, 17, person)
    shop.wish(person)
    drain(shop)
    row = shop.state(17, "order")
    assert (row.state, row.reason) == ("waiting", "no contact: no_email") and paths(shop) == []
    shop.change(person, email="late@x.test")
    drain(shop)
    assert paths(shop) == ["/contacts", "/orders/status"] and shop.state(17, "order").state == "done"


def test_refunds_cancellations_and_deletions_follow(shop: World, account: Account) -> None:
    person = shop.person(1)
    shop.wish(person)
    order(shop, 17, person)
    drain(shop)

    def became(**values: Any) -> tuple[str, float]:
        change(shop, orders, "order", 17, source_updated_at=later(5), **values)
        drain(shop)
        there = account.state()["orders"]["17"]
        return there["status"], there["amount"]

    assert became(refunded=10, financial_status="partially_refunded") == ("partially_refunded", 30.0)
    # One of the two mugs comes back: the store's own total is lower already, and is not lowered twice.
    taken_back = [{**_line(), "current_quantity": 1}]
    assert became(refunded=19.5, total=20.5, items=taken_back) == ("partially_refunded", 20.5)
    assert account.state()["orders"]["17"]["products"][0]["quantity"] == 1
    assert became(cancelled_at=later(6)) == ("cancelled", 0.0)
    assert became(deleted_at=later(7)) == ("deleted", 0.0)
    assert account.state()["orders"]["17"]["updatedAt"] == "2026-11-01T12:05:00Z"


def test_history_never_goes_by_the_call_that_starts_automations(shop: World, account: Account) -> None:
    person = shop.person(1)
    shop.wish(person)
    order(shop, 17, person, historical=True)
    order(shop, 18, person, test=True)
    order(shop, 19, person, source_name="pos")
    drain(shop)
    assert [shop.state(one, "order").reason for one in (17, 18, 19)] == ["historical", "test", "pos"]
    assert account.state()["orders"] == {} and account.log("automation") == []


def test_a_refused_order_has_its_reason_and_holds_up_nobody(shop: World, account: Account) -> None:
    person = shop.person(1)
    shop.wish(person)
    order(shop, 17, person)
    order(shop, 18, person)
    account.fault("status", status=400, path="/orders/status", count=1, message="products are not valid")
    drain(shop)
    assert shop.state(17, "order").state == "failed" and "products are not valid" in shop.state(17, "order").reason
    assert list(account.state()["orders"]) == ["18"]


@pytest.mark.parametrize("price", ["inf", "a gift"])
def test_an_order_that_no_request_can_be_made_of_holds_up_nobody(shop: World, account: Account, price: str) -> None:
    person = shop.person(1)
    shop.wish(person)
    order(shop, 17, person, items=[{**_line(), "price": price}])
    order(shop, 18, person)
    drain(shop)
    row = shop.state(17, "order")
    assert row.state == "failed" and "ValueError" in row.reason and list(account.state()["orders"]) == ["18"]


def test_an_anonymous_order_is_told_without_a_contact(shop: World, account: Account) -> None:
    order(shop, 17, None)
    drain(shop)
    assert account.state()["orders"]["17"]["contact_id"] is None
    assert "identifiers" not in shop.brevo.bodies("/v3/orders/status")[0]


# The catalogue


def test_a_product_with_one_variant_is_one_record(shop: World, account: Account) -> None:
    product(shop, 11, {111: "19.00"})
    drain(shop)
    assert paths(shop) == ["/products"]
    assert account.state()["products"] == {
        "11": {
            "id": "11", "name": "Mug 11", "url": "https://one.example/products/mug-11", "brand": "Potter",
            "imageUrl": "https://img.example/m.png", "categories": ["7"], "price": 19.0, "alternativePrice": 30.0,
            "sku": "M-111", "stock": 5, "metaInfo": {"product_type": "Mugs", "tags": "blue", "status": "active"},
            "isDeleted": False,
        }
    }  # fmt: skip


def test_variants_are_records_of_their_own_under_their_product(shop: World, account: Account) -> None:
    product(shop, 11, {111: "19.00", 112: "24.00"})
    drain(shop)
    assert paths(shop) == ["/products/batch"], "three records, one call"
    there = account.state()["products"]
    assert {one: there[one].get("parentId") for one in there} == {"11": None, "111": "11", "112": "11"}
    assert (there["11"]["price"], there["11"]["stock"]) == (19.0, 10)
    assert there["112"]["name"] == "Mug 11 - Size 2" and there["112"]["price"] == 24.0
    assert there["112"]["url"] == "https://one.example/products/mug-11?variant=112"


def test_price_stock_and_deletion_follow(shop: World, account: Account) -> None:
    product(shop, 11, {111: "19.00"})
    drain(shop)
    with shop.transaction() as connection:
        connection.execute(variants.update().values(inventory_quantity=0, compare_at_price=None))
    change(shop, products, "product", 11, price_min="9.00")
    drain(shop)
    there = account.state()["products"]["11"]
    assert (there["price"], there["stock"]) == (9.0, 0)
    change(shop, products, "product", 11, deleted_at=later(9))
    drain(shop)
    there = account.state()["products"]["11"]
    assert (there["isDeleted"], there["deletedAt"]) == (True, "2026-11-01T12:09:00.000Z")


def test_a_product_off_sale_is_deleted_at_brevo_and_comes_back(shop: World, account: Account) -> None:
    product(shop, 11, {111: "19.00"})
    product(shop, 12, {121: "19.00"}, status="draft")
    drain(shop)
    assert list(account.state()["products"]) == ["11"] and shop.state(12, "product").reason == "not_on_sale"
    for status, deleted in (("archived", True), ("active", False)):
        change(shop, products, "product", 11, status=status)
        drain(shop)
        assert account.state()["products"]["11"]["isDeleted"] is deleted


def test_a_catalogue_goes_in_lists(shop: World, account: Account) -> None:
    for number in range(40):
        product(shop, 100 + number, {1000 + 10 * number + one: "5.00" for one in range(4)})
    for number in range(30):
        collection(shop, number + 1)
    drain(shop)
    assert len(account.state()["products"]) == 200 and len(account.state()["categories"]) == 30
    assert sorted(paths(shop)) == ["/categories/batch", *["/products/batch"] * 2]
    assert account.state()["categories"]["3"] == {
        "id": "3", "name": "Kitchen 3", "url": "https://one.example/collections/kitchen-3", "isDeleted": False,
    }  # fmt: skip
    change(shop, collections, "category", 3, deleted_at=later(3))
    drain(shop)
    assert account.state()["categories"]["3"]["isDeleted"] is True


def test_one_bad_product_of_a_list_is_found_and_the_others_arrive(shop: World, account: Account) -> None:
    for number in range(6):
        product(shop, 100 + number, {1000 + number: "5.00"}, tags=["x" * 30_000] if number == 4 else [])
    # More than metaInfo takes: the simulated provider refuses the whole list, as a 400 of Brevo does.
    with shop.transaction() as connection:
        connection.execute(products.update().where(products.c.id == 104).values(product_type="y" * 30_000))
    drain(shop)
    assert sorted(account.state()["products"]) == ["100", "101", "102", "103", "105"]
    row = shop.state(104, "product")
    assert row.state == "failed" and "metaInfo" in row.reason


# Activation


def test_an_account_without_e_commerce_is_activated_by_the_first_refusal(
    database_url: Url,
    redis_url: Url,
    provider: Any,  # noqa: F811
) -> None:
    account = provider.account(tier="extended")
    with connected(database_url, redis_url, account) as shop:
        person = shop.person(1)
        shop.wish(person)
        order(shop, 17, person)
        drain(shop)
        assert paths(shop) == ["/contacts", "/orders/status", "/ecommerce/activate", "/orders/status"]
        assert list(account.state()["orders"]) == ["17"]


def test_where_activation_is_refused_contacts_go_on_and_brevo_is_not_asked_again_and_again(
    database_url: Url,
    redis_url: Url,
    provider: Any,  # noqa: F811
) -> None:
    account = provider.account(tier="extended")
    account.fault("status", status=403, path="/ecommerce/activate")
    with connected(database_url, redis_url, account) as shop:
        for number in range(4):
            person = shop.person(number)
            shop.wish(person)
            order(shop, 20 + number, person)
            send_due(shop.deps, shop.shop)
            shop.clock.pass_seconds(6)
        assert paths(shop).count("/contacts") == 4 and paths(shop).count("/ecommerce/activate") == 1
        assert shop.state(20, "order").state == "due" and "403" in shop.state(20, "order").reason


def _line() -> dict[str, Any]:
    return dict(ITEM)
