"""Who is who: a checkout that gets its address later, a guest who opens an account, two people with one address."""

from __future__ import annotations

from datetime import timedelta

from connector.models.event import events
from connector.models.flow import runs
from connector.models.person import consents, identities, persons
from tests.engine.installation import DAY, HOUR, START, ConnectedShop, Installation
from tests.engine.payloads import checkout, customer, embedded
from tests.engine.shoppers import agree, begin_checkout, buy, by_customer

ANN = "ann@example.com"


BEGAN = "flow: began\nname: Began\ntrigger: {on: checkout_started}\nsteps: [{email: hello}]\n"
HELLO = "---\nsubject: Hello\npurpose: marketing\ndeadline: 6h\n---\n<p>Hello</p>\n"


def named(shop: ConnectedShop) -> dict[str, int | None]:
    """Event -> whose it is."""
    return {row.name: row.person_id for row in shop.rows(events) if row.subject.startswith("checkout:")}


def test_a_checkout_without_an_address_is_nobodys_until_it_has_one(product: Installation, shop: ConnectedShop) -> None:
    shop.deliver("checkouts/create", checkout("tok", None, START))
    product.settle()
    assert shop.rows(persons) == [] and named(shop) == {"checkout_started": None}
    changed = START + timedelta(minutes=10)
    product.at(changed)
    shop.deliver("checkouts/update", checkout("tok", ANN, START, changed, buyer_accepts_marketing=True))
    product.settle()
    ann = shop.one(persons)
    assert ann.email == ANN
    assert named(shop) == {"checkout_started": ann.id, "checkout_updated": ann.id}
    product.play(2 * HOUR)
    assert shop.sent(ANN)[-1] == ("reminder", changed + HOUR)


def test_what_was_adopted_starts_flows_too(product: Installation) -> None:
    """The control: nothing was decided about the anonymous event before."""
    shop = product.connect(flows=[])
    shop.publish(BEGAN, hello=HELLO)
    shop.deliver("checkouts/create", checkout("tok", None, START))
    product.settle()
    assert shop.rows(runs, flow="began") == []
    product.at(START + HOUR / 2)
    shop.deliver("checkouts/update", checkout("tok", ANN, START, product.now, buyer_accepts_marketing=True))
    product.settle()
    assert len(shop.rows(runs, flow="began")) == 1
    assert [mail["subject"] for mail in shop.mails(ANN)] == ["Hello"]


def test_a_checkout_identified_late_is_adopted_but_starts_nothing(product: Installation) -> None:
    shop = product.connect(flows=[])
    shop.publish(BEGAN, hello=HELLO)
    shop.deliver("checkouts/create", checkout("tok", None, START))
    product.play(8 * DAY)
    shop.deliver("checkouts/update", checkout("tok", ANN, START, product.now, buyer_accepts_marketing=True))
    product.settle()
    assert named(shop)["checkout_started"] == shop.one(persons).id
    assert shop.rows(runs, flow="began") == []


def test_an_order_of_a_checkout_that_never_had_an_address_is_its_buyers(
    product: Installation, shop: ConnectedShop
) -> None:
    shop.deliver("checkouts/create", checkout("tok", None, START))
    product.settle()
    buy(shop, ANN, token="tok")
    product.play(5 * DAY)
    assert shop.one(persons).orders_count == 1
    assert shop.mails() == []


def test_a_guest_who_opens_an_account_stays_the_same_person(product: Installation, shop: ConnectedShop) -> None:
    begin_checkout(shop, ANN)
    product.play_to(START + 2 * HOUR)
    guest = shop.one(persons)
    assert guest.customer_id is None and len(shop.mails()) == 2, "welcomed and reminded"
    shop.deliver("customers/create", customer(7, ANN, product.now, first_name="Ann"))
    product.settle()
    known = shop.one(persons)
    assert (known.id, known.customer_id, known.seed) == (guest.id, 7, guest.seed)
    buy(shop, "work@example.com", **by_customer(7, "work@example.com"))
    product.play(5 * DAY)
    assert len(shop.mails()) == 2, "the order of the account ends what the guest began"
    assert len(shop.rows(persons)) == 1


def test_another_customer_with_the_same_address_stays_apart(product: Installation, shop: ConnectedShop) -> None:
    """Two records of the store with one address: an order of the second is not the first one's."""
    agree(shop, ANN, 1)
    product.settle()
    first = shop.one(persons)
    shop.deliver("customers/create", customer(2, ANN, product.now, first_name="Other"))
    buy(shop, ANN, **by_customer(2, ANN))
    product.settle()
    one, other = shop.rows(persons)
    assert (one.id, one.customer_id, one.orders_count) == (first.id, 1, 0)
    assert (other.customer_id, other.orders_count, other.first_name) == (2, 1, "Other")
    assert one.first_name is None
    assert [row.person_id for row in shop.rows(consents)] == [one.id]


def test_the_customer_decides_over_the_address(product: Installation, shop: ConnectedShop) -> None:
    """The account buys under an address that somebody else has: it is still the account's order."""
    agree(shop, ANN, 1)
    agree(shop, "bob@example.com", 2)
    buy(shop, "bob@example.com", **by_customer(1, "bob@example.com"))
    product.settle()
    counted = {row.customer_id: row.orders_count for row in shop.rows(persons)}
    assert counted == {1: 1, 2: 0}
    owners = {(row.kind, row.value): row.person_id for row in shop.rows(identities)}
    assert owners[("email", "bob@example.com")] == shop.one(persons, customer_id=2).id


def test_addresses_are_compared_without_case_and_blanks(product: Installation, shop: ConnectedShop) -> None:
    begin_checkout(shop, "  Ann@Example.com ", "one")
    begin_checkout(shop, ANN, "two")
    begin_checkout(shop, "not an address", "three")
    product.settle()
    assert [row.email for row in shop.rows(persons)] == [ANN]


def test_a_customer_without_any_address_is_kept_and_written_to_never(
    product: Installation, shop: ConnectedShop
) -> None:
    body = checkout("tok", None, START, customer=embedded(5, None))
    shop.deliver("customers/create", customer(5, None, START))
    shop.deliver("checkouts/create", body)
    product.play(5 * DAY)
    assert shop.one(persons).customer_id == 5
    assert shop.mails() == [] and shop.contacts() == {}
