"""The same processes against servers that the project has never seen, at 3,600 times the pace of real time."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.deliveries import REAL, Poster, Shopper, moment
from tests.e2e.elsewhere import Elsewhere, Heard
from tests.e2e.product import Product, open_folder

RATE = 3600.0
HOUR = 3600.0
# One store tells nothing about anybody, the other what it pleases.
SILENT, TALKS = "a.myshopify.com", "another-teahouse.myshopify.com"
KEYS = {SILENT: "key-of-the-first", TALKS: "key-of-the-second"}
BUYS, LEAVES = Shopper(SILENT, 1), Shopper(SILENT, 2)
BUYS_TOO, LEAVES_TOO, UNKNOWN = Shopper(TALKS, 11), Shopper(TALKS, 12), Shopper(TALKS, 13)
MEMBERS = {SILENT: (BUYS, LEAVES), TALKS: (BUYS_TOO, LEAVES_TOO, UNKNOWN)}
CARTS = (BUYS, LEAVES, BUYS_TOO, LEAVES_TOO)
# A product's name may hold anything, also what the provider would evaluate.
TITLE = "Tea {{ contact.EMAIL }} {% if true %}"
# An order that names nobody the product knows: only its checkout_token does.
UNDER_ANOTHER_NAME = "somebody.else@example.com"


@pytest.fixture
def folder() -> Iterator[Path]:
    with open_folder("elsewhere") as made:
        yield made


def node(one: Shopper, at: float) -> dict[str, Any]:
    """A customer as the talking store tells it: subscribed, some fields missing, one that nobody asked for."""
    said = {"emailAddress": one.email, "marketingState": "SUBSCRIBED", "marketingUpdatedAt": moment(at)}
    return {"id": f"gid://shopify/Customer/{one.customer_id}", "defaultEmailAddress": said, "aura": "green"}


class Afternoon:
    """What happens at the two shops while business time runs, and what of it arrives at the other side."""

    def __init__(self, elsewhere: Elsewhere, product: Product, poster: Poster) -> None:
        self._elsewhere = elsewhere
        self._post = poster.post
        self._epoch = float(product.shared("CLOCK_EPOCH"))
        self.begun: dict[Shopper, float] = {}

    def business(self, real: float) -> float:
        return self._epoch + (real - self._epoch) * RATE

    def come_in(self, customers: dict[str, Any]) -> None:
        """Everybody signs up and leaves a checkout. Consent is told by a webhook or by the store, once by nobody.

        ``customers``: what the talking store knows, written here.
        """
        for one in (BUYS_TOO, LEAVES_TOO):
            known = node(one, self.business(REAL.real()))
            customers[known["id"]] = known
        for shop, members in MEMBERS.items():
            for one in members:
                now = self.business(REAL.real())
                self._post(shop, "customers/create", one.customer(now))
                if shop == SILENT:
                    self._post(shop, "customers_email_marketing_consent/update", one.consent(now))
                if one in CARTS:
                    self.begun[one] = float(int(self.business(REAL.real())))
                    self._post(shop, "checkouts/create", one.checkout(self.begun[one], self.begun[one], title=TITLE))

    def buy(self) -> None:
        now = self.business(REAL.real())
        self._post(SILENT, "orders/create", BUYS.order(now, email=UNDER_ANOTHER_NAME))
        self._post(TALKS, "orders/create", BUYS_TOO.order(now))

    def mails(self, one: Shopper) -> dict[str, Heard]:
        """message -> the request that sent it; no message comes twice."""
        sent = [m for m in self._elsewhere.calls(KEYS[one.shop], "POST /smtp/email") if m.address == one.email]
        named = {mail.body["tags"][1]: mail for mail in sent}
        assert len(named) == len(sent), f"{one.email} got an email twice: {[mail.body['tags'] for mail in sent]}"
        return named

    def told(self, shop: str, call: str) -> set[tuple[str, str]]:
        """(event name or "", address) of what this shop's account was told."""
        return {
            ((one.body or {}).get("event_name", ""), one.address) for one in self._elsewhere.calls(KEYS[shop], call)
        }

    def reminded_after(self, one: Shopper) -> float:
        """Business seconds from the last change of the checkout to the reminder, at the other side."""
        return self.business(self.mails(one)["reminder"].at) - self.begun[one]


def wait_for(what: Callable[[], object], seconds: float, product: Product) -> None:
    deadline = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < deadline, f"did not happen within {seconds:.0f} s\n{product.log[-3000:]}"
        time.sleep(0.05)


@pytest.mark.row("S5-223")
@pytest.mark.timeout(180)
def test_webhooks_become_contacts_events_and_emails_at_servers_never_seen(folder: Path) -> None:
    customers: dict[str, Any] = {}
    with (
        Elsewhere(silent={SILENT}, customers=customers) as elsewhere,
        Product(folder, {**elsewhere.settings, "CLOCK_RATE": str(RATE)}) as product,
    ):
        for shop, key in KEYS.items():
            said = product.connect(shop, token=f"shpat_{shop}", brevo_key=key)
            assert ("the store does not say who it is" in said) == (shop == SILENT)
        poster = Poster(product.url)
        day = Afternoon(elsewhere, product, poster)
        day.come_in(customers)
        arrived = REAL.real()
        for message in ("hello", "reminder"):
            wait_for(lambda name=message: all(name in day.mails(one) for one in CARTS), 20, product)
        day.buy()
        # A day later, that is 24 seconds, the others hear again; those who bought would have by then.
        wait_for(lambda: all("second-look" in day.mails(one) for one in (LEAVES, LEAVES_TOO)), 60, product)
        wait_for(lambda: ("order_placed", BUYS_TOO.email) in day.told(TALKS, "POST /events"), 20, product)
        poster.close()
        processed = {key for (key,) in product.rows("SELECT external_id FROM inbox WHERE state = 'done'")}

    assert processed == set(poster.acknowledged)
    waits = {one.email: day.reminded_after(one) / HOUR for one in CARTS}
    welcomes = {one.email: day.mails(one)["hello"].at - arrived for one in CARTS}
    print(f"reminded after hours of business time {waits}; welcomed real seconds after the webhooks {welcomes}")
    # Never early; late by what a few real seconds are at this pace.
    assert all(1.0 <= hours < 5.0 for hours in waits.values())
    assert all(seconds < 5.0 for seconds in welcomes.values())
    for one in (BUYS, BUYS_TOO):
        assert set(day.mails(one)) == {"hello", "reminder"}
    # Nobody said that this one may be written to.
    assert day.mails(UNKNOWN) == {}
    for shop, members in MEMBERS.items():
        addresses = {one.email for one in members}
        assert {("", address) for address in addresses} <= day.told(shop, "POST /contacts")
        events = day.told(shop, "POST /events")
        carts = {one.email for one in members if one in CARTS}
        assert {("checkout_started", address) for address in carts} <= events
        assert {("checkout_abandoned", address) for address in carts} <= events
        # Nothing crosses.
        heard = {address for call in ("POST /contacts", "POST /events", "POST /smtp/email") for _, address in
                 day.told(shop, call)}  # fmt: skip
        assert heard <= addresses | ({UNDER_ANOTHER_NAME} if shop == SILENT else set())
    written = [
        mail.body[part] for one in CARTS for mail in day.mails(one).values() for part in ("subject", "htmlContent")
    ]
    assert [text for text in written if "{{" in text or "{%" in text] == []
    assert "contact.EMAIL" in day.mails(LEAVES)["reminder"].body["htmlContent"]
    link = f"https://{TALKS}/checkouts/{LEAVES_TOO.token}/recover"
    assert link in day.mails(LEAVES_TOO)["reminder"].body["htmlContent"]
    assert day.mails(LEAVES)["reminder"].body["sender"]["email"] == "tea@teahouse.example"
