"""Consent heard elsewhere reaches the store: once, without an echo, and without the store's own welcome mail."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from connector.http import Answer
from connector.models.person import consents, persons
from connector.models.sync import sync_state
from sync import consent
from sync.copies.sending import send_due
from sync.copies.store_consent import STORE_CONSENT
from tests.engine.consent_histories import quiet
from tests.engine.installation import DAY, HOUR, START, ConnectedShop, Installation, installation
from tests.engine.payloads import reported
from tests.engine.shoppers import hand_over, subscribe
from tests.sandbox.store_process import SHOP, Receiver, StoreProcess
from tests.sync.store_answers import AnsweringStore, customer_node


@pytest.fixture
def shop(product: Installation) -> ConnectedShop:
    return product.connect(flows=[])


@pytest.fixture
def webhooks(store: StoreProcess) -> Iterator[Receiver]:
    with Receiver() as receiver:
        store.post("subscribe", uri=receiver.url, shops=[SHOP])
        yield receiver
        store.post("unsubscribe")


def hear(shop: ConnectedShop, webhooks: Receiver) -> list[str]:
    """Take what the store has sent until it says nothing more; the topics."""
    topics = []
    quiet(webhooks)
    while webhooks.received:
        received, webhooks.received = webhooks.received, []
        topics += [one.topic for one in received]
        hand_over(shop, received)
        shop.installation.settle()
        quiet(webhooks)
    return topics


def at_store(store: StoreProcess, email: str) -> dict[str, Any]:
    (found,) = [one for one in store.get("state")["shops"][SHOP]["customers"] if one["email"] == email]
    return found


def told(shop: ConnectedShop) -> Any:
    return shop.one(sync_state, entity="store_consent")


def say(shop: ConnectedShop, state: str, *, source: str = "admin") -> None:
    with shop.scope() as scope:
        person_id = shop.one(persons).id
        consent.record(scope, person_id, "email", state, source=source, evidence_at=scope.now)


def welcomes(store: StoreProcess, email: str) -> int:
    entries = store.get("log?since=0&limit=100000")["entries"]
    return sum(one["kind"] == "welcome_mail" and one["email"] == email for one in entries)


def test_an_opt_out_at_the_provider_reaches_the_store_and_its_echo_changes_nothing(
    product: Installation, shop: ConnectedShop, store: StoreProcess, webhooks: Receiver
) -> None:
    email = "echo@example.com"
    store.act("create_customer", email=email, accepts_marketing=True)
    hear(shop, webhooks)
    product.at(START + HOUR)
    shop.deliver("transactional", reported("unsubscribed", email, START + HOUR), source="brevo")
    product.settle()
    assert at_store(store, email)["consent"] == "unsubscribed"
    before = shop.one(consents)
    assert (before.state, before.source) == ("unsubscribed", "brevo")
    # The store tells of our own write.
    assert "customers_email_marketing_consent/update" in hear(shop, webhooks)
    assert shop.one(consents) == before and told(shop).reason == "email: the store has it"
    assert hear(shop, webhooks) == []


def test_a_yes_is_written_when_the_store_does_not_welcome_it_any_more(
    product: Installation, shop: ConnectedShop, store: StoreProcess, webhooks: Receiver
) -> None:
    email = "back@example.com"
    store.act("create_customer", email=email)
    store.act("set_consent", email=email, state="unsubscribed")
    hear(shop, webhooks)
    product.at(START + HOUR)
    say(shop, "subscribed")
    product.settle()
    assert at_store(store, email)["consent"] == "unsubscribed"
    product.at(START + HOUR + DAY)
    product.skip(DAY.total_seconds())
    product.settle()
    assert at_store(store, email)["consent"] == "subscribed" and welcomes(store, email) == 0


def test_a_no_does_not_wait_for_the_yes_that_is_held_back(
    product: Installation, shop: ConnectedShop, store: StoreProcess, webhooks: Receiver
) -> None:
    email = "changed-my-mind@example.com"
    store.act("create_customer", email=email, accepts_marketing=True)
    hear(shop, webhooks)
    with shop.scope() as scope:
        person_id = shop.one(persons).id
        consent.record(scope, person_id, "sms", "subscribed", source="admin", evidence_at=scope.now)
    store.act("change_customer", email=email, phone="+33699999901")
    hear(shop, webhooks)
    assert told(shop).state == "due"
    product.at(START + HOUR)
    say(shop, "unsubscribed")
    product.settle()
    assert at_store(store, email)["consent"] == "unsubscribed"


def test_a_merchant_may_want_the_welcome(
    product: Installation, shop: ConnectedShop, store: StoreProcess, webhooks: Receiver
) -> None:
    """The control: written at once, and the store welcomes."""
    shop.set(store_may_welcome=True)
    email = "welcome@example.com"
    store.act("create_customer", email=email)
    store.act("set_consent", email=email, state="unsubscribed")
    hear(shop, webhooks)
    product.at(START + HOUR)
    say(shop, "subscribed")
    product.settle()
    assert at_store(store, email)["consent"] == "subscribed" and welcomes(store, email) == 1


def test_a_later_word_of_the_store_is_not_overwritten(
    product: Installation, shop: ConnectedShop, store: StoreProcess, webhooks: Receiver
) -> None:
    """Unsubscribed at Brevo, subscribed in the store an hour later, and only the first is known here yet."""
    email = "later@example.com"
    store.act("create_customer", email=email)
    hear(shop, webhooks)
    product.at(START + 2 * HOUR)
    store.act("set_consent", email=email, state="subscribed", opt_in_level="single_opt_in")
    quiet(webhooks)
    webhooks.received.clear()
    shop.deliver("transactional", reported("unsubscribed", email, START + HOUR), source="brevo")
    product.settle()
    # The store was asked, because it knows something newer.
    assert at_store(store, email)["consent"] == "subscribed"
    assert shop.one(consents).state == "subscribed"


def test_a_shop_may_keep_its_consent_to_itself(
    product: Installation, shop: ConnectedShop, store: StoreProcess, webhooks: Receiver
) -> None:
    shop.set(consent_to_store=False)
    email = "apart@example.com"
    store.act("create_customer", email=email, accepts_marketing=True)
    hear(shop, webhooks)
    product.at(START + HOUR)
    say(shop, "unsubscribed")
    product.settle()
    assert at_store(store, email)["consent"] == "subscribed"
    assert shop.rows(sync_state, entity="store_consent") == []


class Refusing(AnsweringStore):
    """Says no to whatever is written."""

    def post_to_store(self, url: str, headers: Any, body: bytes) -> Answer:
        if b"mutation" not in body:
            return super().post_to_store(url, headers, body)
        refusal = b'{"field": ["input"], "message": "Customer not found", "code": "INVALID"}'
        answer = b'{"data": {"customerEmailMarketingConsentUpdate": {"userErrors": [' + refusal + b"]}}}"
        return Answer(200, {}, answer)


def test_what_the_store_refuses_is_shown_with_its_words(database_url: str, redis_url: str, tmp_path: Path) -> None:
    answering = Refusing()
    answering.nodes["gid://shopify/Customer/1"] = customer_node(1)
    with installation(database_url, redis_url, tmp_path, http=answering) as made:
        shop = made.connect(flows=[], consent_to_store=True)
        subscribe(shop, "ann@example.com")
        made.settle("intake")
        say(shop, "unsubscribed")
        send_due(shop.deps, shop.shop, [STORE_CONSENT])
        row = told(shop)
        assert row.state == "failed" and "Customer not found" in row.reason
