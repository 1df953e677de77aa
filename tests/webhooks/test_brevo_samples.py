"""Every sample of Brevo's webhooks that there is: what each becomes, applied from its bytes."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import orjson
import pytest
from sqlalchemy import delete

from connector.models.event import events
from connector.models.inbox import inbox
from connector.models.person import consent_ledger, suppressions
from tests.engine.installation import START, ConnectedShop, installation
from tests.engine.shoppers import agree
from tests.webhooks.test_topics import CONTRACTS
from webhooks.brevo_entries import family_of_all, objects

SAMPLES = CONTRACTS / "brevo" / "webhooks"
pytestmark = [
    pytest.mark.contract,
    pytest.mark.skipif(not SAMPLES.is_dir(), reason=f"no contracts at {CONTRACTS} (set CONTRACTS_DIR)"),
]
# Sample -> (its topic, what is told of it, who it is that is not to be written to any more).
BECOMES: dict[str, tuple[str, list[str], str | None]] = {
    "tx_blocked": ("transactional", ["message_blocked"], "unsubscribed"),
    "tx_click": ("transactional", ["message_clicked"], None),
    "tx_complaint": ("transactional", ["message_complained"], "unsubscribed"),
    "tx_deferred": ("transactional", ["message_deferred"], None),
    "tx_delivered": ("transactional", ["message_delivered"], None),
    "tx_error_as_invalid_email": ("transactional", ["message_bounced"], "undeliverable"),
    "tx_hard_bounce": ("transactional", ["message_bounced"], "undeliverable"),
    "tx_invalid_email": ("transactional", ["message_bounced"], "undeliverable"),
    "tx_opened": ("transactional", ["message_opened"], None),
    "tx_request": ("transactional", ["message_requested"], None),
    "tx_request_with_template_and_custom_header": ("transactional", ["message_requested"], None),
    "tx_request_without_tags": ("transactional", ["message_requested"], None),
    "tx_soft_bounce": ("transactional", ["message_soft_bounced"], None),
    "tx_unique_opened": ("transactional", ["message_opened"], None),
    "tx_unsubscribed": ("transactional", ["message_unsubscribed"], "unsubscribed"),
    "docs/loyalty_balance_minimum_value_reached.event_properties": ("loyalty", ["loyalty_reported"], None),
    "docs/loyalty_subscription_anniversary.event_properties": ("loyalty", ["loyalty_reported"], None),
    "docs/mk_click": ("marketing", ["message_clicked"], None),
    "docs/mk_contact_deleted": ("contact", ["contact_deleted_at_brevo"], None),
    "docs/mk_contact_updated": ("contact", [], None),
    "docs/mk_delivered": ("marketing", ["message_delivered"], None),
    "docs/mk_hard_bounced": ("marketing", ["message_bounced"], "undeliverable"),
    "docs/mk_list_addition": ("contact", ["list_addition_at_brevo"], None),
    "docs/mk_opened": ("marketing", ["message_opened"], None),
    "docs/mk_soft_bounced": ("marketing", ["message_soft_bounced"], None),
    "docs/mk_spam": ("marketing", ["message_complained"], "unsubscribed"),
    "docs/mk_unsubscribe": ("marketing", ["message_unsubscribed"], "unsubscribed"),
    "docs/push_notification_clicked": ("push", ["push_reported"], None),
    "docs/push_subscribed": ("push", ["push_reported"], None),
    "docs/tx_complaint": ("transactional", ["message_complained"], "unsubscribed"),
    "docs/tx_error": ("transactional", ["message_error"], None),
    "docs/tx_proxy_open": ("transactional", ["message_opened_by_proxy"], None),
    "docs/tx_request": ("transactional", ["message_requested"], None),
    "docs/tx_unique_proxy_open": ("transactional", ["message_opened_by_proxy"], None),
    "constructed/batched": ("transactional", ["message_delivered", "message_opened"], None),
    "constructed/loyalty_balance_minimum_value_reached": ("loyalty", ["loyalty_reported"], None),
    "constructed/mk_contact_updated_with_api_key_name": ("contact", [], None),
    "constructed/mk_list_addition_with_api_key_name": ("contact", ["list_addition_at_brevo"], None),
    "constructed/sms_delivered": ("sms", ["message_delivered"], None),
    "constructed/sms_hard_bounce": ("sms", ["message_bounced"], "undeliverable"),
    "constructed/sms_sent": ("sms", ["message_requested"], None),
    "constructed/sms_soft_bounce": ("sms", ["message_soft_bounced"], None),
    "constructed/tx_click_with_contact_fields": ("transactional", ["message_clicked"], None),
}
PEOPLE = ("example@gmail.com", "example@domain.com", "recipient@example.com")
PHONE = "+918076001713"


def sample(name: str) -> bytes:
    return (SAMPLES / f"{name}.json").read_bytes()


def test_every_sample_is_looked_at() -> None:
    there = {str(path.relative_to(SAMPLES))[: -len(".json")] for path in SAMPLES.rglob("*.json")}
    assert there == set(BECOMES)


@pytest.mark.parametrize("name", BECOMES)
def test_its_topic_is_read_off_its_fields(name: str) -> None:
    assert family_of_all(objects(sample(name))) == BECOMES[name][0]


@pytest.fixture
def shop(database_url: str, redis_url: str, tmp_path: Path) -> Iterator[ConnectedShop]:
    with installation(database_url, redis_url, tmp_path) as made:
        shop = made.connect(flows=[], contact_list=34)
        yield shop


def reset(shop: ConnectedShop) -> None:
    """Three people who agreed to everything, whom Brevo has as contacts, and nothing that happened."""
    with shop.deps.engine.begin() as connection:
        for table in ("events", "suppressions", "address_opt_outs", "consents", "persons", "identities", "sync_state"):
            connection.exec_driver_sql(f"DELETE FROM {table}")
        connection.exec_driver_sql("ALTER TABLE consent_ledger DISABLE TRIGGER ALL; DELETE FROM consent_ledger")
    for number, email in enumerate(PEOPLE, start=1):
        state = "not_subscribed" if "domain" in email else "subscribed"
        agree(shop, email, number, state)
    shop.installation.settle("intake")
    with shop.deps.engine.begin() as connection:
        connection.exec_driver_sql("UPDATE sync_state SET sent_version = 1, state = 'done'")
        connection.exec_driver_sql(f"UPDATE persons SET phone = '{PHONE}' WHERE email = 'example@gmail.com'")
        connection.execute(delete(events))


def test_what_each_becomes(shop: ConnectedShop, subtests: pytest.Subtests) -> None:
    for number, (name, (topic, told, opt_out)) in enumerate(BECOMES.items()):
        with subtests.test(name=name):
            reset(shop)
            shop.deliver(topic, sample(name), source="brevo", webhook_id=f"{number}")
            shop.installation.settle("intake")
            row = shop.one(inbox, source="brevo", external_id=f"{number}")
            assert (row.state, row.reason) == ("done", None)
            heard = [one for one in shop.rows(events) if one.source == "brevo"]
            assert sorted(one.name for one in heard if one.name not in ("consent_changed", "unsubscribed")) == told
            # The samples are years old, and the people have agreed since: it is the ledger that shows them.
            said = {one.state for one in shop.rows(consent_ledger, source="brevo")} - {"subscribed"}
            assert said == ({opt_out} if opt_out else set())
            assert bool(shop.rows(suppressions)) == bool({"message_bounced", "message_complained"} & set(told))


def test_no_person_of_a_payload_is_kept_with_it(shop: ConnectedShop) -> None:
    """Of what is new to us the shape stays, and of a person nothing."""
    reset(shop)
    body: dict[str, Any] = {"event": "teleported", "email": PEOPLE[0], "first_name": "Ada", "count": 3}
    shop.deliver("other", body, source="brevo")
    deep = orjson.dumps(body)[:-1] + b',"deep":' + b"[" * 900 + b"]" * 900 + b"}"
    shop.deliver("other", deep, source="brevo")
    shop.deliver("other", {**body, "long": "x" * 20_000}, source="brevo")
    shop.installation.settle("intake")
    heard = [one for one in shop.rows(events) if one.name == "message_other"]
    assert [one.props["payload"] for one in sorted(heard, key=lambda one: one.seq)] == [
        {"event": "teleported", "email": "[17 characters]", "first_name": "[3 characters]", "count": 3},
        {"fields": ["count", "deep", "email", "event", "first_name"]},
        {"fields": ["count", "email", "event", "first_name", "long"]},
    ]
    assert all(PEOPLE[0] not in orjson.dumps(one.props).decode() and one.person_id for one in heard)
    assert {one.occurred_at for one in heard} == {START}
