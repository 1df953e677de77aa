"""Brevo reports all our own writes of contacts: none is taken for somebody's word, and none is answered by a write."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from connector.models.person import consent_ledger, consents
from sync.reports import contacts
from sync.reports.contacts import ContactReport
from tests.engine.installation import HOUR, ConnectedShop, Installation
from tests.engine.shoppers import agree, leave_by_page, subscribe
from tests.sandbox.store_process import Receiver

PEOPLE = [f"p{number}@example.com" for number in range(1, 4)]
EVENTS = ["contactUpdated", "contactDeleted", "listAddition", "unsubscribed"]


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with Receiver() as one:
        yield one


def register(shop: ConnectedShop, receiver: Receiver) -> None:
    body = {"url": receiver.url, "type": "marketing", "events": EVENTS}
    assert shop.account.post("/webhooks", body).status_code == 201


def settle(product: Installation, shop: ConnectedShop, receiver: Receiver) -> int:
    """Settle, and bring back what Brevo reports, until nothing follows any more; how many reports there were."""
    heard = 0
    for _ in range(12):
        product.settle()
        product.skip(5)
        product.settle()
        assert product.provider is not None
        product.provider.control("POST", "advance")
        fresh, receiver.received[:] = list(receiver.received), []
        if not fresh:
            return heard
        heard += len(fresh)
        for one in fresh:
            shop.deliver("contact", one.body, source="brevo")
    raise AssertionError("every report is answered by a write, which is reported")


def writes(shop: ConnectedShop) -> int:
    calls = shop.account.log("request")
    return sum(1 for call in calls if call["method"] != "GET" and call["path"].startswith("/v3/contacts"))


def live(product: Installation, shop: ConnectedShop, receiver: Receiver) -> int:
    """Three people agree, one leaves by our page and comes back, another leaves in the store."""
    for number, email in enumerate(PEOPLE, start=1):
        subscribe(shop, email, number)
    heard = settle(product, shop, receiver)
    (mail,) = shop.mails(PEOPLE[0])[:1]
    leave_by_page(product, mail)
    agree(shop, PEOPLE[1], 2, "unsubscribed")
    heard += settle(product, shop, receiver)
    product.at(product.now + HOUR)
    leave_by_page(product, mail, again=True)
    return heard + settle(product, shop, receiver)


def states(shop: ConnectedShop) -> list[str]:
    return [row.state for row in shop.rows(consents, channel="email")]


def unheard(product: Installation, receiver: Receiver) -> ConnectedShop:
    """A shop that has lived the same, without any report of Brevo's; its people are out of the next one's way."""
    shop = product.connect(flows=["welcome"], consent_to_store=False)
    live(product, shop, receiver)
    with shop.deps.engine.begin() as connection:
        connection.exec_driver_sql("UPDATE shops SET domain = 'gone.myshopify.com', state = 'paused'")
    return shop


@pytest.mark.parametrize("named", [True, pytest.param(False, marks=pytest.mark.long)])
def test_every_write_is_echoed_and_nothing_follows(product: Installation, receiver: Receiver, named: bool) -> None:
    """The same life with nobody listening is the measure: as many writes, and not one word more in the ledger."""
    quiet = unheard(product, receiver)
    shop = product.connect(flows=["welcome"], consent_to_store=False, brevo_key_names=["sandbox"] if named else [])
    register(shop, receiver)
    heard = live(product, shop, receiver)
    assert heard >= 3, "opting out and in again was reported"
    assert states(shop) == states(quiet) == ["subscribed", "unsubscribed", "subscribed"]
    assert writes(shop) == writes(quiet)
    assert len(shop.rows(consent_ledger)) == len(quiet.rows(consent_ledger))


@pytest.mark.long
def test_taking_every_report_for_news_doubles_the_writes(
    product: Installation, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The control."""

    def believe(scope: object, report: ContactReport) -> None:
        person_id = contacts.people.person_of(scope, "email", report.email)  # type: ignore[arg-type]
        if person_id is not None:
            contacts.people.touch(scope, person_id)  # type: ignore[arg-type]

    monkeypatch.setattr(contacts, "told", believe)
    quiet = unheard(product, receiver)
    shop = product.connect(flows=["welcome"], consent_to_store=False)
    register(shop, receiver)
    live(product, shop, receiver)
    assert writes(shop) > writes(quiet)
