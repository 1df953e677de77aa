"""Two shops and two provider accounts: the same people buy in both, and nothing crosses."""

from __future__ import annotations

from connector.models.event import events
from connector.models.flow import runs
from connector.models.inbox import inbox
from connector.models.person import consents, persons
from connector.models.store import orders
from tests.engine.installation import DAY, HOUR, START, ConnectedShop, Installation
from tests.engine.payloads import order
from tests.engine.shoppers import agree, begin_checkout, buy, by_customer, leave_by_page, subscribe
from tests.sandbox.store_process import OTHER_SHOP, SHOP

ANN = "ann@example.com"


def both(product: Installation) -> tuple[ConnectedShop, ConnectedShop]:
    """Ann is a customer with the same number in both, and has a checkout with the same token in both."""
    one, two = product.connect(SHOP), product.connect(OTHER_SHOP)
    for shop in (one, two):
        subscribe(shop, ANN)
        begin_checkout(shop, ANN)
    return one, two


def test_a_purchase_in_one_shop_ends_nothing_in_the_other(product: Installation) -> None:
    one, two = both(product)
    product.play_to(START + 2 * HOUR)
    buy(one, ANN, token="tok", **by_customer(1, ANN))
    product.play(10 * DAY)
    assert [name for name, _ in one.sent()] == ["hello", "reminder"]
    assert len(two.sent()) == 9
    assert {row.outcome for row in one.rows(runs)} == {"goal"}
    assert {row.outcome for row in two.rows(runs)} == {"completed"}
    assert two.rows(orders) == [] and one.rows(orders) != []


def test_an_opt_out_in_one_shop_is_none_in_the_other(product: Installation) -> None:
    one, two = both(product)
    product.settle()
    leave_by_page(product, one.mails()[0])
    product.play(3 * HOUR)
    assert (one.one(consents).state, two.one(consents).state) == ("unsubscribed", "subscribed")
    assert one.contacts()[ANN]["emailBlacklisted"] and not two.contacts()[ANN]["emailBlacklisted"]
    assert len(one.mails()) == 1 and len(two.mails()) == 2


def test_links_events_and_ids_are_the_shops_own(product: Installation) -> None:
    one, two = both(product)
    product.play(2 * HOUR)
    told = [{row.id for row in shop.rows(events)} for shop in (one, two)]
    assert told[0] and not told[0] & told[1]
    assert {row.id for row in one.rows(persons)}.isdisjoint(row.id for row in two.rows(persons))
    keys = [{mail["idempotency_key"] for mail in shop.mails()} for shop in (one, two)]
    assert len(keys[0]) == len(keys[1]) == 2 and not keys[0] & keys[1]
    assert len(one.account.state()["events"]) == len(two.account.state()["events"]) > 0


def test_a_body_that_names_the_other_shop_changes_nothing(product: Installation) -> None:
    one, two = both(product)
    product.settle()
    foreign = order(9, ANN, product.now, token="tok", order_status_url=f"https://{OTHER_SHOP}/9/orders/x/authenticate")
    one.deliver("orders/create", foreign)
    product.settle()
    (row,) = one.rows(inbox, topic="orders/create")
    assert (row.state, row.reason) == ("ignored", "names_another_shop")
    assert one.rows(orders) == [] and two.rows(orders) == []
    own = order(9, ANN, product.now, token="tok", order_status_url=f"https://{SHOP}/9/orders/x/authenticate")
    one.deliver("orders/create", own)
    product.settle()
    assert len(one.rows(orders)) == 1, "the control: the same order under its own name"


def test_what_one_shop_agreed_to_sends_nothing_from_the_other(product: Installation) -> None:
    one, two = product.connect(SHOP), product.connect(OTHER_SHOP)
    agree(one, ANN)
    product.play(DAY)
    assert len(one.mails()) == 1 and two.mails() == [] and two.contacts() == {}
