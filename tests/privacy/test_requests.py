"""What is asked for by law is carried out once and to its end, and what arrives late brings nobody back."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import orjson
import pytest
from sqlalchemy import delete, update

from connector.db.session import transaction
from connector.models.inbox import inbox
from connector.models.outbox import outbox
from connector.models.person import consents, identities, persons, suppressions
from connector.models.privacy import erasures, privacy_requests
from connector.models.shop import shops
from connector.models.store import orders
from connector.models.sync import sync_state
from connector.suppression import address_digest
from sync import people
from sync.privacy import erase_person, late, requests, whole_shop
from tests.engine.installation import ConnectedShop, Installation
from tests.engine.payloads import checkout, consent, customer, line, order, reported
from tests.engine.shoppers import agree
from tests.privacy.crowd import GREETING, HELLO, Soul, Store, buy, hits, redis_contents, shop_around, sign_up, tables

ANN, BEN = Soul(1), Soul(2)


@pytest.fixture
def shop(product: Installation, store: Store) -> ConnectedShop:
    store.nodes = {f"gid://shopify/Customer/{soul.customer_id}": soul.node() for soul in (ANN, BEN)}
    return product.connect(flows=[])


def request(shop: ConnectedShop, kind: str = "redact") -> Any:
    return shop.one(privacy_requests, kind=kind)


def erased(shop: ConnectedShop, soul: Soul = ANN) -> None:
    soul.redact(shop)
    shop.installation.settle()


def marks(shop: ConnectedShop, *souls: Soul) -> dict[str, int]:
    """Whose marks are in the database, but for the store's numbers of orders."""
    held = {name: said for name, said in tables(shop.deps.settings.database_url).items() if name != "orders"}
    return hits("\n".join(held.values()), *souls)


class Died(Exception):
    pass


@pytest.mark.parametrize("point", ["privacy.leased", "privacy.erased", "privacy.told"])
def test_whoever_dies_on_the_way_is_followed_by_somebody_who_ends_it(
    shop: ConnectedShop, monkeypatch: pytest.MonkeyPatch, point: str
) -> None:
    sign_up(shop, ANN)
    shop.installation.settle()

    def die(name: str) -> None:
        if name == point:
            raise Died

    with monkeypatch.context() as broken:
        broken.setattr("sync.privacy.work.reach", die)
        with pytest.raises(Died):
            erased(shop)
    assert request(shop).state == "leased"
    assert (ANN.email in shop.contacts()) is (point != "privacy.told")
    shop.installation.settle()
    assert request(shop).state == "leased", "the lease is another's"
    shop.installation.skip(61)
    shop.installation.settle()
    assert (request(shop).state, marks(shop, ANN), shop.contacts()) == ("done", {}, {})


def test_brevos_part_is_tried_until_it_is_done_and_says_what_it_waits_for(shop: ConnectedShop) -> None:
    sign_up(shop, ANN)
    shop.installation.settle()
    shop.account.fault("status", status=500, path="/contacts", method="DELETE", count=1)
    erased(shop)
    waiting = request(shop)
    assert (waiting.state, waiting.stage) == ("due", "brevo") and waiting.reason.startswith("brevo answered 500")
    assert marks(shop, ANN) == {} and ANN.email in shop.contacts()
    shop.installation.skip(61)
    shop.installation.settle()
    assert (request(shop).state, shop.contacts()) == ("done", {})


def test_a_contact_that_is_just_being_told_is_waited_for(shop: ConnectedShop) -> None:
    """A call that is under way could make the contact anew after Brevo has deleted it."""
    sign_up(shop, ANN)
    shop.installation.settle("intake", "fetch")
    lease = shop.installation.clock.machine() + timedelta(seconds=20)
    shop.change(sync_state, {"state": "leased", "lease_real": lease}, entity="contact")
    ANN.redact(shop)
    shop.installation.settle("intake", "privacy")
    assert (request(shop).state, request(shop).stage, request(shop).due_real) == ("due", "brevo", lease)
    shop.installation.skip(21)
    shop.installation.settle()
    assert request(shop).state == "done"


LATE = [
    ("customers/update", lambda now: customer(ANN.customer_id, "new-address@goods.example", now)),
    ("orders/updated", lambda now: order(ANN.order_id, None, now, billing_address=ANN.address())),
    ("checkouts/update", lambda now: checkout(ANN.token, ANN.email, now)),
    ("carts/update", lambda now: {"token": f"cart-{ANN.token}", "line_items": [line(ANN.says("cup"))]}),
    ("customers_email_marketing_consent/update", lambda now: consent(ANN.customer_id, ANN.email, "subscribed", now)),
    # Told as of before.
    ("checkouts/create", lambda now: checkout("another", ANN.email, now - timedelta(hours=2))),
]


def test_what_arrives_late_brings_nobody_back(shop: ConnectedShop) -> None:
    sign_up(shop, ANN)
    shop_around(shop, ANN)
    shop.installation.settle()
    buy(shop, ANN)
    shop.installation.settle()
    erased(shop)
    people_before = len(shop.rows(persons))
    shop.installation.at(shop.installation.now + timedelta(hours=1))
    for topic, body in LATE:
        shop.deliver(topic, body(shop.installation.now))
    opened = reported("opened", ANN.email, shop.installation.now, link=ANN.mark)
    shop.deliver("transactional", orjson.dumps([opened]), source="brevo")
    shop.installation.settle()
    arrived = shop.rows(inbox)[-len(LATE) - 1 :]
    assert {(row.state, row.reason, bytes(row.raw)) for row in arrived} == {("ignored", "erased", b"")}
    assert marks(shop, ANN) == {} and len(shop.rows(persons)) == people_before
    # An answer of the store that was under way.
    with shop.scope() as scope:
        assert late.of_the_living(scope, [ANN.node(), BEN.node(), None]) == [BEN.node()]


def test_without_the_tombstones_they_come_back(shop: ConnectedShop) -> None:
    """The control."""
    sign_up(shop, ANN)
    shop.installation.settle()
    erased(shop)
    assert shop.rows(erasures) != []
    with shop.scope() as scope:
        scope.connection.execute(delete(erasures))
    topic, body = LATE[0]
    shop.deliver(topic, body(shop.installation.now))
    shop.installation.settle()
    assert marks(shop, ANN) != {}


def test_somebody_who_comes_back_with_a_new_account_is_somebody_new(shop: ConnectedShop) -> None:
    sign_up(shop, ANN)
    shop.installation.settle()
    erased(shop)
    shop.installation.at(shop.installation.now + timedelta(days=1))
    shop.deliver("customers/create", customer(4711, ANN.email, shop.installation.now))
    shop.deliver("checkouts/create", checkout("fresh", ANN.email, shop.installation.now))
    shop.installation.settle("intake")
    assert {(row.kind, row.value) for row in shop.rows(identities)} >= {("customer", "4711"), ("email", ANN.email)}
    assert shop.one(persons, customer_id=4711).email == ANN.email


def test_who_opted_out_stays_suppressed_by_a_digest(shop: ConnectedShop) -> None:
    for soul in (ANN, BEN):
        sign_up(shop, soul)
    shop.installation.settle()
    shop.installation.at(shop.installation.now + timedelta(hours=1))
    agree(shop, ANN.email, ANN.customer_id, state="unsubscribed")
    shop.installation.settle("intake")
    for soul in (ANN, BEN):
        erased(shop, soul)
    # An opt-out that Brevo reports after the erasure counts too.
    shop.deliver("transactional", reported("spam", BEN.email, shop.installation.now), source="brevo")
    shop.installation.settle()
    assert {(row.channel, row.address_digest, row.reason) for row in shop.rows(suppressions)} == {
        ("email", address_digest(b"salt", ANN.email), "unsubscribed"),
        ("email", address_digest(b"salt", BEN.email), "complaint"),
    }
    assert marks(shop, ANN, BEN) == {} and shop.rows(consents) == []


def test_two_people_in_one_delivery_keep_their_own(shop: ConnectedShop, store: Store) -> None:
    """A batch of Brevo, an order of one that names the address of the other, and a telephone that both have."""
    store.nodes[f"gid://shopify/Customer/{BEN.customer_id}"] = BEN.node(defaultPhoneNumber={"phoneNumber": ANN.phone})
    for soul in (ANN, BEN):
        sign_up(shop, soul)
    shop.deliver("customers/update", customer(BEN.customer_id, BEN.email, shop.installation.now, phone=ANN.phone))
    shop.installation.settle()
    at = shop.installation.now
    opened = [reported("opened", soul.email, at, link=soul.mark) for soul in (ANN, BEN)]
    shop.deliver("transactional", orjson.dumps(opened), source="brevo")
    shop.deliver(
        "orders/create", order(BEN.order_id, ANN.email, at, customer=BEN.embedded(), billing_address=BEN.address())
    )
    shop.installation.settle("intake")
    erased(shop)
    raws = [bytes(row.raw).decode() for row in shop.rows(inbox)]
    # What is left of hers is the number that is his too.
    assert ANN.hits("\n".join(raws).replace(ANN.phone, "")) == 0 and any(ANN.phone in raw for raw in raws)
    assert any(BEN.mark in raw and "opened" in raw for raw in raws)
    assert any(f'"id":{BEN.order_id}' in raw.replace(" ", "") and "[somebody erased]" in raw for raw in raws)
    ben = shop.one(persons, email=BEN.email)
    assert (ben.phone, shop.one(orders, id=BEN.order_id).person_id) == (ANN.phone, ben.id)


def test_a_request_for_data_waits_to_be_handed_out(shop: ConnectedShop) -> None:
    sign_up(shop, ANN)
    shop.installation.settle()
    ANN.ask(shop)
    shop.installation.settle()
    asked = request(shop, "data_request")
    assert (asked.state, asked.due_at) == ("ready", shop.installation.now + timedelta(days=30))
    assert asked.receipt["tables"]["persons"] == 1
    with shop.scope() as scope:
        assert requests.handed_out(scope, ANN.customer_id, {"persons": 1}) == 1
        assert requests.handed_out(scope, ANN.customer_id, {"persons": 1}) == 0
    assert (request(shop, "data_request").state, request(shop, "data_request").named) == ("done", {})


def test_staff_erase_a_person_without_an_account(shop: ConnectedShop) -> None:
    shop.deliver("checkouts/create", checkout(ANN.token, ANN.email, shop.installation.now))
    shop.installation.settle()
    with shop.scope() as scope:
        person_id = people.person_of(scope, "email", ANN.email)
    assert person_id is not None
    receipt = erase_person(shop.deps, shop.shop, person_id, "staff")
    assert receipt["tables"]["checkouts"] == 1 and receipt["brevo"]["contacts_deleted"] == 1
    assert marks(shop, ANN) == {}
    again = erase_person(shop.deps, shop.shop, person_id, "staff")
    assert again["brevo"]["contacts_deleted"] == 0


def leave(shop: ConnectedShop, state: str = "uninstalled") -> None:
    with transaction(shop.deps.engine) as connection:
        connection.execute(update(shops).where(shops.c.id == shop.id).values(state=state))


def test_a_shop_that_left_is_erased_but_for_a_receipt(shop: ConnectedShop, product: Installation) -> None:
    sign_up(shop, ANN)
    shop_around(shop, ANN)
    product.settle()
    buy(shop, ANN)
    product.settle()
    leave(shop)
    shop.deliver("shop/redact", {"shop_domain": shop.shop.domain})
    product.settle()
    left = {name: said for name, said in tables(shop.deps.settings.database_url).items() if said}
    assert set(left) - {"alembic_version"} == {"privacy_requests"}
    (receipt,) = shop.rows(privacy_requests)
    assert (receipt.kind, receipt.state, receipt.named) == ("shop_redact", "done", {})
    assert receipt.receipt["domain_digest"] == whole_shop.domain_digest(shop.shop.domain)
    assert receipt.receipt["tables"]["persons"] == 1 and shop.shop.domain not in left["privacy_requests"]
    assert hits(redis_contents(shop.deps.redis), ANN) == {}


def test_a_shop_that_is_installed_again_is_left_alone(shop: ConnectedShop, product: Installation) -> None:
    sign_up(shop, ANN)
    product.settle()
    shop.deliver("shop/redact", {"shop_domain": shop.shop.domain})
    product.settle()
    assert (request(shop, "shop_redact").state, request(shop, "shop_redact").reason) == (
        "cancelled",
        "the shop is active: the store still lets the app in",
    )
    assert marks(shop, ANN) != {}


@pytest.mark.parametrize("status", [401, 403, 404])
def test_a_shop_whose_uninstalling_was_not_heard_of_is_erased_when_its_store_refuses_us(
    shop: ConnectedShop, product: Installation, store: Store, status: int
) -> None:
    sign_up(shop, ANN)
    product.settle()
    store.status = status
    shop.deliver("shop/redact", {"shop_domain": shop.shop.domain})
    product.settle()
    assert marks(shop, ANN) == {}
    (receipt,) = shop.rows(privacy_requests)
    assert receipt.state == "done" and receipt.receipt["found"].endswith(f"the store answered {status}")


@pytest.mark.parametrize("status", [402, 423, 500])
def test_a_store_that_cannot_say_is_asked_again(
    shop: ConnectedShop, product: Installation, store: Store, status: int
) -> None:
    sign_up(shop, ANN)
    product.settle()
    store.status = status
    shop.deliver("shop/redact", {"shop_domain": shop.shop.domain})
    product.settle("intake", "privacy")
    assert (request(shop, "shop_redact").state, marks(shop, ANN) != {}) == ("due", True)
    store.status = 200
    product.skip(3600)
    product.settle("intake", "privacy")
    assert request(shop, "shop_redact").state == "cancelled"


def test_no_message_begins_after_the_erasure(shop: ConnectedShop, product: Installation) -> None:
    shop.publish(GREETING, hello=HELLO)
    sign_up(shop, ANN)
    product.settle()
    shop_around(shop, ANN)
    product.settle("intake", "fetch", "flows")
    assert [row.state for row in shop.rows(outbox)] == ["due"]
    ANN.redact(shop)
    product.settle("intake", "privacy")
    product.play(timedelta(days=2))
    assert shop.rows(outbox) == [] and shop.mails() == []
