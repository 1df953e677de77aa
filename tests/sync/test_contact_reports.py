"""What is changed about contacts at Brevo: what counts as somebody's word, and what is only our own coming back."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from connector.models.event import events
from connector.models.person import consent_ledger, consents, persons
from connector.models.sync import sync_state
from sync.reports import contacts
from tests.engine.installation import HOUR, START, ConnectedShop, installation
from tests.engine.payloads import consent, customer
from tests.engine.shoppers import agree

ANN = "ann@example.com"
SECOND = timedelta(seconds=1)
OUR_KEY, OTHER_KEY = "shopify-connector", "some-crm"


@pytest.fixture
def shop(database_url: str, redis_url: str, tmp_path: Path) -> Iterator[ConnectedShop]:
    """Ann agreed to emails when it began; Brevo has her."""
    with installation(database_url, redis_url, tmp_path) as made:
        shop = made.connect(flows=[], contact_list=34, brevo_key_names=[OUR_KEY], consent_to_store=True)
        agree(shop, ANN)
        made.settle("intake")
        shop.change(sync_state, {"state": "done", "sent_version": 9, "wanted_version": 9}, entity="contact")
        shop.change(persons, {"version": 9})
        made.at(START + HOUR)
        yield shop


def tell(shop: ConnectedShop, event: str = "contact_updated", at: datetime | None = None, **fields: Any) -> None:
    moment = at or shop.installation.now
    shop.deliver(
        "contact", {"event": event, "email": ANN, "ts": int(moment.timestamp()), "id": 5, **fields}, source="brevo"
    )
    shop.installation.settle("intake")


def blocklist(shop: ConnectedShop, value: object = True, name: str = "emailBlacklisted", **fields: Any) -> None:
    tell(shop, content=[{name: value}], **fields)


def state(shop: ConnectedShop, channel: str = "email") -> str:
    return str(shop.one(consents, channel=channel).state)


def wishes(shop: ConnectedShop) -> int:
    """Whether Brevo is to be told something of the contact: the version that is wanted beyond the one it has."""
    row = shop.one(sync_state, entity="contact")
    return int(row.wanted_version - row.sent_version)


@pytest.mark.parametrize("key", [{"api_key_name": ""}, {"api_key_name": OTHER_KEY}, {}])
def test_an_opt_out_made_there_is_one_with_its_time(shop: ConnectedShop, key: dict[str, str]) -> None:
    blocklist(shop, at=START + HOUR - SECOND, **key)
    row = shop.one(consents)
    assert (row.state, row.source, row.evidence_at) == ("unsubscribed", "brevo", START + HOUR - SECOND)
    assert {one.name for one in shop.rows(events, source="brevo")} == {
        "contact_updated_at_brevo", "consent_changed", "unsubscribed",
    }  # fmt: skip
    assert wishes(shop) == 1 and shop.one(sync_state, entity="store_consent").state == "due"


def test_other_spellings_and_channels(shop: ConnectedShop) -> None:
    blocklist(shop, "true", name="SMS_BLACKLISTED")
    blocklist(shop, 1, name="whatsappBlacklisted")
    assert (state(shop, "sms"), state(shop, "whatsapp"), state(shop)) == ("unsubscribed", "unsubscribed", "subscribed")


def test_what_our_key_wrote_is_no_word_of_anybody(shop: ConnectedShop) -> None:
    blocklist(shop, api_key_name=OUR_KEY)
    assert state(shop) == "subscribed" and wishes(shop) == 0 and not shop.rows(events, source="brevo")


def echo(shop: ConnectedShop, key: dict[str, str]) -> None:
    """Ann opts out and in again within a minute; Brevo's report of the first, which our call made there a little later,
    is dated after the second."""
    agree(shop, ANN, state="unsubscribed")
    shop.installation.settle("intake")
    shop.installation.at(START + HOUR + 20 * SECOND)
    agree(shop, ANN)
    shop.installation.settle("intake")
    shop.change(sync_state, {"sent_version": shop.one(persons).version}, entity="contact")
    blocklist(shop, at=shop.installation.now + 10 * SECOND, **key)


@pytest.mark.parametrize("key", [{"api_key_name": OUR_KEY}, {"api_key_name": "not in the settings"}, {}])
def test_what_we_told_brevo_does_not_come_back_as_an_opt_out(shop: ConnectedShop, key: dict[str, str]) -> None:
    before = (echo(shop, key), state(shop))[1]
    assert before == "subscribed" and wishes(shop) == 0


def test_a_hand_that_says_the_same_is_a_word(shop: ConnectedShop) -> None:
    echo(shop, {"api_key_name": ""})
    assert state(shop) == "unsubscribed"


def test_without_recognition_our_own_word_would_opt_her_out(
    shop: ConnectedShop, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The control."""
    monkeypatch.setattr(contacts, "_opted_out_lately", lambda *_: False)
    echo(shop, {})
    assert state(shop) == "unsubscribed" and wishes(shop) == 1


def test_what_is_known_already_is_no_news_however_often_it_is_told(shop: ConnectedShop) -> None:
    blocklist(shop, api_key_name="")
    lines, wanted = len(shop.rows(consent_ledger)), wishes(shop)
    for minutes in range(1, 4):
        blocklist(shop, at=shop.installation.now + timedelta(minutes=minutes), api_key_name="")
    assert (len(shop.rows(consent_ledger)), wishes(shop)) == (lines, wanted)


def test_staff_at_brevo_take_back_only_what_was_done_there(shop: ConnectedShop) -> None:
    blocklist(shop, api_key_name="")
    blocklist(shop, False, at=START + HOUR + SECOND, api_key_name=OTHER_KEY)
    assert state(shop) == "unsubscribed", "a program subscribes nobody"
    blocklist(shop, False, at=START + HOUR + 2 * SECOND, api_key_name="")
    assert state(shop) == "subscribed"
    shop.installation.at(START + 2 * HOUR)
    agree(shop, ANN, state="unsubscribed")
    blocklist(shop, False, at=START + 3 * HOUR, api_key_name="")
    assert state(shop) == "unsubscribed", "she said so herself, in the store"


@pytest.mark.parametrize(
    ("before", "lists", "after"),
    [
        ("not_subscribed", [34, 12], "subscribed"),
        ("not_subscribed", [12], "not_subscribed"),
        ("unsubscribed", [34], "unsubscribed"),
    ],
)
def test_a_sign_up_to_our_list_counts_for_who_never_said_no(
    shop: ConnectedShop, before: str, lists: list[int], after: str
) -> None:
    agree(shop, ANN, state=before)
    shop.installation.at(START + 2 * HOUR)
    tell(shop, "list_addition", list_id=lists, api_key_name="")
    row = shop.one(consents)
    assert row.state == after and (row.level == "implied") == (after == "subscribed")


def test_a_deleted_contact_is_made_again_when_the_store_tells_something_new(shop: ConnectedShop) -> None:
    tell(shop, "contact_deleted", list_id=[34])
    row = shop.one(sync_state, entity="contact")
    assert (row.sent_version, row.state, row.reason) == (0, "done", contacts.DELETED)
    shop.installation.at(START + 2 * HOUR)
    shop.deliver("customers/update", customer(1, ANN, shop.installation.now, first_name="Ann"))
    shop.installation.settle("intake")
    row = shop.one(sync_state, entity="contact")
    assert (row.sent_version, row.state) == (0, "due") and row.wanted_version > 9


def test_a_contact_under_an_old_address_says_nothing_of_the_one_under_the_new(shop: ConnectedShop) -> None:
    shop.deliver("customers/update", customer(1, "ann@new.example", shop.installation.now))
    shop.installation.settle("intake")
    shop.change(sync_state, {"sent_version": 10}, entity="contact")
    tell(shop, "contact_deleted")
    assert shop.one(sync_state, entity="contact").sent_version == 10


def test_somebody_who_opted_out_there_before_the_store_knew_them(shop: ConnectedShop) -> None:
    blocklist(shop, email="later@example.com", api_key_name="")
    shop.deliver("customers_email_marketing_consent/update", consent(2, "later@example.com", "subscribed", START))
    shop.installation.settle("intake")
    person = shop.one(persons, email="later@example.com")
    assert shop.one(consents, person_id=person.id).state == "unsubscribed"


def test_changed_attributes_are_nobodys_business(shop: ConnectedShop) -> None:
    tell(shop, content=[{"FIRSTNAME": "Ann", "work_phone": "+1"}], api_key_name="")
    tell(shop, content="nonsense", list_id="7", api_key_name=7)
    assert not shop.rows(events, source="brevo") and wishes(shop) == 0
