"""What happened before the webhooks were in place is history, what happened since is news, whichever path brings it."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from connector.models.event import events
from connector.models.person import persons
from connector.models.store import orders
from sync import customers
from sync.applying import apply_batch
from tests.engine.installation import HOUR
from tests.sync.backfill.warehouse import Warehouse

THANKS = "flow: thanks\nname: thanks\ntrigger: {on: order_placed}\nreentry: always\nsteps: [{email: hello}]\n"
MESSAGE = "---\nsubject: Thank you\npurpose: transactional\n---\n<p>Thank you</p>\n"


def bought(house: Warehouse, ago: timedelta) -> None:
    """Forty orders were placed at that time, of which no webhook has told."""
    at = (house.product.now - ago).timestamp()
    span = {"from": at - 60, "to": at}
    house.populate(customers=40, orders=40, products=5, collections=1, abandoned_checkouts=0, **span)


def thanked(house: Warehouse) -> set[str]:
    """Whom a flow on orders has written to."""
    house.shop.publish(THANKS, hello=MESSAGE)
    found = house.whole()
    assert found.state == "done"
    house.settle()
    return {mail["to"] for mail in house.shop.mails()}


def test_an_order_of_before_starts_nothing(house: Warehouse) -> None:
    bought(house, HOUR)
    assert thanked(house) == set()
    assert {row.historical for row in house.shop.rows(orders)} == {True}


def test_an_order_since_starts_what_its_webhook_would_have_started(house: Warehouse) -> None:
    house.product.at(house.product.now + HOUR)
    bought(house, timedelta(minutes=30))
    buyers = thanked(house)
    assert buyers == {row.email for row in house.shop.rows(orders)} - {None} and len(buyers) > 10
    placed = house.shop.rows(events, name="order_placed")
    assert {(row.historical, row.props.get("found_by")) for row in placed} == {(False, "backfill")}


def test_of_a_shop_of_which_nobody_knows_since_when_it_is_live_all_is_history(house: Warehouse) -> None:
    house.live_since(None)
    house.product.at(house.product.now + HOUR)
    bought(house, timedelta(minutes=30))
    assert thanked(house) == set()


def node(**values: Any) -> dict[str, Any]:
    whole = {
        "id": "gid://shopify/Customer/77",
        "firstName": "Ada",
        "lastName": "Byron",
        "locale": "en",
        "tags": ["vip"],
        "updatedAt": "2026-11-01T10:00:00Z",
        "numberOfOrders": "3",
        "amountSpent": {"amount": "99.00", "currencyCode": "EUR"},
        "defaultEmailAddress": {
            "emailAddress": "ada@shop.example", "marketingState": "SUBSCRIBED",
            "marketingOptInLevel": "SINGLE_OPT_IN", "marketingUpdatedAt": "2026-10-01T10:00:00Z",
        },
        "defaultPhoneNumber": {"phoneNumber": "+4915112345678"},
        "defaultAddress": {"city": "Berlin", "countryCodeV2": "DE"},
    }  # fmt: skip
    return {**whole, **values}


KEPT = ("email", "phone", "first_name", "last_name", "country", "city", "tags", "orders_count", "total_spent")


def applied(house: Warehouse, *nodes: dict[str, Any]) -> dict[str, Any]:
    with house.shop.deps.open(house.shop.shop, quiet=True, found_by="backfill") as scope:
        apply_batch(scope, "Customer", list(nodes))
    row = house.shop.one(persons, customer_id=77)
    return {name: getattr(row, name) for name in KEPT}


def test_what_the_store_does_not_let_us_read_erases_nothing(house: Warehouse) -> None:
    """Without approval for protected customer data the fields are null."""
    before = applied(house, node())
    assert before["email"] == "ada@shop.example"
    nothing = dict.fromkeys(node(), None)
    hidden = {**nothing, "id": node()["id"], "updatedAt": "2026-11-01T11:00:00Z"}
    assert applied(house, hidden) == before


def test_a_file_older_than_what_a_webhook_told_does_not_bring_it_back(house: Warehouse) -> None:
    """Control: a file newer than that does."""
    applied(house, node())
    newer = node(firstName="Augusta", updatedAt="2026-11-01T12:00:00Z", tags=["vip", "press"])
    with house.shop.scope() as scope:
        customers.refresh(scope, newer)
    old = node(updatedAt="2026-11-01T11:00:00Z", lastName="King")
    assert applied(house, old)["first_name"] == "Augusta"
    again = applied(house, node(updatedAt="2026-11-01T13:00:00Z"))
    assert (again["first_name"], again["tags"]) == ("Ada", ["vip"])


def test_consent_of_old_whose_time_the_store_does_not_tell_is_no_news(house: Warehouse) -> None:
    undated = {**node()["defaultEmailAddress"], "marketingUpdatedAt": None}
    applied(house, node(defaultEmailAddress=undated))
    assert {row.historical for row in house.shop.rows(events, name="consent_changed")} == {True}
