"""What Brevo already knew is known before anything is told or sent, counted at the provider."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import delete, text

from connector import pauses, worker
from connector.brevo import contact_calls
from connector.brevo.credentials import ApiKey
from connector.db.session import transaction
from connector.install import checklist, holdings, survey, survey_stages
from connector.install.account import connect_brevo
from connector.install.store import set_up
from connector.models.pause import channel_pauses
from connector.models.person import consent_ledger, consents, persons, suppressions
from connector.models.survey import address_opt_outs, brevo_surveys, brevo_templates
from connector.models.sync import sync_state
from connector.shops import load
from connector.suppression import address_digest
from tests.engine.installation import DAY, HOUR, START, ConnectedShop, Installation, installation
from tests.engine.payloads import consent, customer
from tests.sandbox.provider_process import SENDER, Account, Provider
from tests.sandbox.store_process import StoreProcess

BACK, LATER, GONE, SPAM, FINE = (f"{name}@example.com" for name in ("back", "later", "gone", "spam", "fine"))
LONG_AGO, BLOCKED_AT = (START - 300 * DAY).timestamp(), (START - HOUR / 2).timestamp()


def contact(email: str, **fields: Any) -> dict[str, Any]:
    return {"email": email, "createdAt": LONG_AGO, "modifiedAt": LONG_AGO, **fields}


@pytest.fixture
def product(
    database_url: str, redis_url: str, tmp_path: Path, provider: Provider, store: StoreProcess
) -> Iterator[Installation]:
    with installation(database_url, redis_url, tmp_path, provider, store) as made:
        yield made


@pytest.fixture
def shop(product: Installation) -> ConnectedShop:
    """A store that has installed the app, and is not connected to Brevo yet."""
    made = product.connect(flows=["welcome"], consent_to_store=False)
    with transaction(product.deps.engine) as connection:
        connection.execute(text("UPDATE shops SET state = 'installed', brevo_key = NULL, brevo_account = NULL"))
        made.shop = load(connection, made.id)
    return made


def lived_in(provider: Provider, **more: Any) -> Account:
    """An account with a past: two on the blocklist, a bounce, a complaint."""
    contacts = [contact(BACK, emailBlacklisted=True), contact(LATER, emailBlacklisted=True), contact(FINE)]
    blocked = [
        {"email": GONE, "reason": "hardBounce", "at": BLOCKED_AT},
        {"email": SPAM, "reason": "contactFlaggedAsSpam", "at": BLOCKED_AT},
    ]
    return provider.account(tier="extended", senders=[SENDER], contacts=contacts, blocked=blocked, **more)


def connect(shop: ConnectedShop, account: Account) -> list[str]:
    said: list[str] = []
    shop.shop = connect_brevo(shop.deps, shop.shop, ApiKey(account.key), SENDER, say=said.append)
    shop._account = account
    return said


def agree(shop: ConnectedShop, number: int, email: str, at: Any, state: str = "subscribed") -> None:
    shop.deliver("customers/create", customer(number, email, at))
    shop.deliver("customers_email_marketing_consent/update", consent(number, email, state, at))


def first_sync(product: Installation, shop: ConnectedShop) -> None:
    """Those who are known when Brevo is connected, and those who come after."""
    # Out and in again at the store: without Brevo's own word this takes somebody off its blocklist.
    agree(shop, 1, BACK, START - 30 * DAY, "unsubscribed")
    agree(shop, 1, BACK, START - 20 * DAY)
    agree(shop, 2, FINE, START - 20 * DAY)
    product.settle("intake")


def newcomers(product: Installation, shop: ConnectedShop) -> None:
    for number, email in enumerate((LATER, GONE, SPAM), start=3):
        agree(shop, number, email, START - HOUR)
    product.settle()
    product.play(12 * DAY)


def listed(shop: ConnectedShop) -> list[checklist.Item]:
    with transaction(shop.deps.engine) as connection:
        return checklist.items(connection, shop.id)


def subscribed_at_brevo(shop: ConnectedShop) -> set[str]:
    return {email for email, found in shop.contacts().items() if not found["emailBlacklisted"]}


def test_the_first_sync_re_subscribes_nobody_and_writes_to_nobody_who_opted_out(
    product: Installation, shop: ConnectedShop, provider: Provider
) -> None:
    account = lived_in(provider)
    first_sync(product, shop)
    said = connect(shop, account)
    assert any("who has opted out" in line for line in said)
    assert [row.reason for row in shop.rows(channel_pauses)] == [pauses.SURVEY]
    product.settle("sync", "deliver", "imports")
    assert not [one for one in account.log("request") if one["path"] == "/v3/contacts" and one["method"] == "POST"]
    product.settle()
    assert shop.rows(channel_pauses) == []
    newcomers(product, shop)
    assert subscribed_at_brevo(shop) == {FINE}
    assert {mail["to"] for mail in account.log("email")} == {FINE}
    states = {row.email: shop.one(consents, person_id=row.id).state for row in shop.rows(persons)}
    assert states == {BACK: "unsubscribed", LATER: "unsubscribed", GONE: "undeliverable", SPAM: "unsubscribed",
                      FINE: "subscribed"}  # fmt: skip
    stopped = {row.address_digest: row.reason for row in shop.rows(suppressions)}
    salt = shop.shop.salt
    assert stopped == {address_digest(salt, GONE): "hard_bounce", address_digest(salt, SPAM): "complaint"}
    told = {row.person_id: row.evidence_at for row in shop.rows(consent_ledger, source="brevo")}
    assert told[shop.one(persons, email=GONE).id].timestamp() == BLOCKED_AT, "the time that Brevo tells"

    # Who agrees now, after all of that, is subscribed again.
    agree(shop, 3, LATER, product.now)
    product.settle()
    assert subscribed_at_brevo(shop) == {FINE, LATER}


@pytest.mark.long
def test_control_without_the_survey_they_are_taken_off_the_blocklist_and_written_to(
    product: Installation, shop: ConnectedShop, provider: Provider
) -> None:
    account = lived_in(provider)
    first_sync(product, shop)
    connect(shop, account)
    with transaction(product.deps.engine) as connection:
        connection.execute(delete(brevo_surveys))
        connection.execute(delete(channel_pauses))
    product.settle()
    newcomers(product, shop)
    assert BACK in subscribed_at_brevo(shop)
    assert {LATER, GONE, SPAM} <= {mail["to"] for mail in account.log("email")}


def test_a_survey_goes_on_where_it_was_killed_and_counts_nobody_twice(
    product: Installation, shop: ConnectedShop, provider: Provider, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Dies once at every point of every stage; pages are small, so that there are several."""
    monkeypatch.setattr(contact_calls, "CONTACTS_PAGE", 4)
    monkeypatch.setattr(survey_stages, "CONTACTS_PAGE", 4)
    monkeypatch.setattr(survey_stages, "_OVERLAP", 1)
    people = [contact(f"p{number}@example.com", emailBlacklisted=number % 2 == 0) for number in range(10)]
    account = provider.account(tier="extended", senders=[SENDER], contacts=people)
    connect(shop, account)
    died: set[tuple[str, str]] = set()

    def die_once(point: str) -> None:
        place = (point, row().stage)
        if place not in died:
            died.add(place)
            raise KeyboardInterrupt(point)

    def row() -> Any:
        return shop.one(brevo_surveys)

    monkeypatch.setattr(survey, "reach", die_once)
    while row().state == "due":
        before = row()
        try:
            worker.work(shop.deps, "survey", shop.id)
        except KeyboardInterrupt:
            # What was not committed is not there, and the next one waits for the lease.
            assert row().place == before.place and row().stage == before.stage
            product.skip(120)
    assert {stage for _, stage in died} == set(survey_stages.STAGES) and len(died) == 3 * len(survey_stages.STAGES)
    assert len(shop.rows(address_opt_outs)) == 5
    assert row().counts["contacts"] == [10, 10]
    assert shop.rows(channel_pauses) == []
    pages = [one for one in account.log("request") if one["path"] == "/v3/contacts"]
    assert len(pages) <= 4 + 2, "each page once, and once more for each that was read and lost"


def test_what_the_account_holds_is_known_afterwards(
    product: Installation, shop: ConnectedShop, provider: Provider
) -> None:
    account = lived_in(
        provider,
        lists=["identified_contacts"],
        templates={7: {"name": "Confirm", "tag": "optin"}, 8: {"name": "Old", "isActive": False}},
        domains=[{"name": "example.com", "dkim": False}],
    )
    connect(shop, account)
    product.settle("survey")
    found = shop.one(brevo_surveys).found
    assert found["account"]["organisation"] and found["plan"][0]["type"] == "subscription"
    assert [one["email"] for one in found["senders"]] == [SENDER]
    assert found["domains"][0]["missing"] == ["DKIM"]
    assert {one["name"] for one in found["lists"]} >= {"identified_contacts"}
    assert any(one["url"].startswith("https://shop.example/webhooks/brevo/") for one in found["webhooks"])
    templates = {(row.id, row.active, row.double_opt_in) for row in shop.rows(brevo_templates)}
    assert templates == {(7, True, True), (8, False, False)}
    (item,) = [one for one in listed(shop) if one.key == "brevo.shopify_app"]
    assert item.seen == ("list identified_contacts",)


def test_a_shop_that_is_connected_again_is_read_on_and_an_opt_in_of_meanwhile_stands(
    product: Installation, shop: ConnectedShop, provider: Provider
) -> None:
    account = lived_in(provider)
    connect(shop, account)
    product.settle()
    product.at(product.now + HOUR)
    agree(shop, 1, LATER, product.now)
    product.settle("intake")
    # Brevo has not heard of it yet, and says what it said before.
    connect(shop, account)
    assert shop.rows(channel_pauses) == [], "nothing waits for what is read again"
    assert shop.one(brevo_surveys).since is not None
    product.settle()
    person = shop.one(persons, email=LATER)
    assert shop.one(consents, person_id=person.id).state == "subscribed"
    assert LATER in subscribed_at_brevo(shop)
    # What was changed at Brevo without our hearing of it is found.
    product.at(product.now + DAY)
    account.put(f"/contacts/{LATER}", {"emailBlacklisted": True})
    product.at(product.now + DAY)
    connect(shop, account)
    for _ in range(5):
        product.settle()
        if shop.one(brevo_surveys).state == "done":
            break
        # A limit of Brevo's that is used up is waited for.
        product.skip(60)
    assert shop.one(consents, person_id=person.id).state == "unsubscribed"


def test_a_key_of_another_account_is_said_and_everybody_is_told_there_again(
    product: Installation, shop: ConnectedShop, provider: Provider
) -> None:
    connect(shop, lived_in(provider))
    agree(shop, 1, FINE, product.now)
    product.settle()
    assert shop.one(sync_state, entity="contact").sent_version > 0
    other = lived_in(provider)
    said = connect(shop, other)
    assert [line for line in said if "another Brevo account" in line]
    assert shop.one(sync_state, entity="contact").sent_version == 0
    assert [row.reason for row in shop.rows(channel_pauses)] == [pauses.SURVEY], "its opt-outs come first"
    product.settle()
    assert shop.contacts()[FINE]["attributes"]["SHOPIFY_CUSTOMER_ID"] == "1"
    assert not [line for line in connect(shop, other) if "another Brevo account" in line]


def test_an_address_that_brevo_does_not_know_is_shown_with_what_to_do_and_nothing_is_sent_meanwhile(
    product: Installation, shop: ConnectedShop, provider: Provider
) -> None:
    account = lived_in(provider)
    connect(shop, account)
    wording = "We have detected you are using an unrecognised IP address 203.0.113.9"
    account.fault("status", path="/contacts", status=401, message=wording)
    worker.work(shop.deps, "survey", shop.id)
    (pause,) = shop.rows(channel_pauses)
    assert pause.reason == pauses.SURVEY and wording in pause.detail and "Authorised IPs" in pause.detail
    assert wording in shop.one(brevo_surveys).reason
    account.provider.control("DELETE", "faults")
    product.settle("sync", "deliver")
    assert shop.rows(channel_pauses) != []
    product.skip(120)
    product.settle()
    assert shop.rows(channel_pauses) == [] and shop.one(brevo_surveys).state == "done"


def test_the_webhooks_go_with_the_app_and_come_back_with_it(
    product: Installation, shop: ConnectedShop, provider: Provider
) -> None:
    account = lived_in(provider)
    foreign = {"url": "https://else.example/", "events": ["delivered"], "type": "transactional"}
    account.post("/webhooks", foreign)
    connect(shop, account)
    product.settle()

    def urls() -> set[str]:
        found = [account.call("GET", "/webhooks", type=kind).json().get("webhooks", ()) for kind in holdings.HOOKS]
        return {hook["url"] for hooks in found for hook in hooks}

    ours = f"https://shop.example/webhooks/brevo/{shop.id}"
    assert urls() == {ours, foreign["url"]}
    shop.deliver("app/uninstalled", {"id": 1, "domain": shop.shop.domain})
    product.settle()
    assert urls() == {foreign["url"]}
    with transaction(shop.deps.engine) as connection:
        shop.shop = load(connection, shop.id)
    again = set_up(shop.deps, shop.shop, lambda _: None)
    assert again.state == "active" and urls() == {ours, foreign["url"]}
    assert shop.one(brevo_surveys).state == "due", "what Brevo reported meanwhile is asked for"
