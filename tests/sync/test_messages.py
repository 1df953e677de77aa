"""What the provider tells of messages: the first time of each thing, whoever it was about, and what follows."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import insert

from connector.models.event import events
from connector.models.inbox import inbox
from connector.models.outbox import outbox
from connector.models.person import consents, persons, suppressions
from tests.engine.installation import HOUR, START, ConnectedShop, installation
from tests.engine.payloads import consent, reported
from tests.engine.shoppers import agree

ANN = "ann@example.com"
KEY, MESSAGE_ID = "run:step:1:1", "<20261102.1@smtp-relay.mailin.fr>"
OURS = {"X-Mailin-custom": KEY, "message-id": MESSAGE_ID}


@pytest.fixture
def shop(database_url: str, redis_url: str, tmp_path: Path) -> Iterator[ConnectedShop]:
    """Ann got a message an hour ago."""
    with installation(database_url, redis_url, tmp_path) as made:
        shop = made.connect(flows=[])
        agree(shop, ANN)
        made.settle("intake")
        row = {
            "shop_id": shop.id, "key": KEY, "run_id": UUID(int=1), "flow": "welcome", "version": 1,
            "person_id": shop.one(persons).id, "step": "email-hello", "channel": "email", "message": "hello",
            "purpose": "marketing", "priority": 70, "state": "sent", "created_at": START, "due_at": START,
            "deadline": START + HOUR, "deferrals": 0, "attempts": 1,
        }  # fmt: skip
        with shop.scope() as scope:
            scope.connection.execute(insert(outbox).values(row))
        made.at(START + HOUR)
        yield shop


def tell(shop: ConnectedShop, *bodies: dict[str, Any] | list[dict[str, Any]]) -> None:
    for body in bodies:
        shop.deliver("transactional", body, source="brevo")  # type: ignore[arg-type]
    shop.installation.settle("intake")


def told(shop: ConnectedShop) -> list[str]:
    found = [row for row in shop.rows(events) if row.source == "brevo" and row.name.startswith("message_")]
    return [row.name for row in sorted(found, key=lambda row: row.seq)]


KEPT = [
    ("delivered", "message_delivered", "delivered_at"),
    ("unique_opened", "message_opened", "opened_at"),
    ("click", "message_clicked", "clicked_at"),
    ("hard_bounce", "message_bounced", "bounced_at"),
    ("spam", "message_complained", "complained_at"),
    ("unsubscribed", "message_unsubscribed", "unsubscribed_at"),
]


def test_the_first_time_of_each_thing_is_kept(shop: ConnectedShop) -> None:
    for event, _, _ in KEPT:
        for minutes in (20, 10, 30):
            tell(shop, reported(event, ANN, START + timedelta(minutes=minutes), **OURS))
    row = shop.one(outbox)
    assert {row._mapping[column] for _, _, column in KEPT} == {START + timedelta(minutes=10)}
    # What cannot happen twice to one message is one fact, whenever it is said to have happened.
    again = {"message_opened", "message_clicked", "message_unsubscribed"}
    assert told(shop) == [name for _, name, _ in KEPT for _ in range(3 if name in again else 1)]
    assert row.reported == "complained"
    assert row.provider_message_id == MESSAGE_ID.strip("<>")


def test_an_open_by_a_mail_proxy_is_no_open(shop: ConnectedShop) -> None:
    tell(shop, reported("unique_proxy_open", ANN, START, **OURS), reported("proxy_open", ANN, START, **OURS))
    assert set(told(shop)) == {"message_opened_by_proxy"} and shop.one(outbox).opened_at is None


def test_the_same_report_twice_is_one_and_a_batch_is_each_of_its_events(shop: ConnectedShop) -> None:
    first, second = reported("delivered", ANN, START, **OURS), reported("click", ANN, START, link="a", **OURS)
    tell(shop, first, first, [first, second, reported("click", ANN, START, link="b", **OURS)])
    assert told(shop) == ["message_delivered", "message_clicked", "message_clicked"]


def test_a_report_is_recognised_by_our_key_or_by_the_providers_id(shop: ConnectedShop) -> None:
    tell(shop, reported("delivered", ANN, START, **OURS))
    tell(shop, reported("opened", ANN, START, **{"message-id": MESSAGE_ID}))
    row = shop.one(outbox)
    assert row.delivered_at and row.opened_at
    props = next(one.props for one in shop.rows(events) if one.name == "message_opened")
    assert (props["flow"], props["message"]) == ("welcome", "hello")


def test_reports_of_messages_that_others_sent_count_for_the_person(shop: ConnectedShop) -> None:
    tell(shop, reported("unsubscribed", ANN, START + HOUR, **{"message-id": "<other@x>"}))
    assert shop.one(consents).state == "unsubscribed" and shop.one(outbox).unsubscribed_at is None
    tell(shop, reported("unsubscribed", "stranger@example.com", START, **{"message-id": "<other@x>"}))
    assert len(shop.rows(persons)) == 1


def test_what_is_new_to_us_is_kept_under_another_name(shop: ConnectedShop) -> None:
    tell(shop, reported("teleported", ANN, START, **OURS))
    assert told(shop) == ["message_other"]


def test_times_come_in_seconds_or_milliseconds(shop: ConnectedShop) -> None:
    seconds = int(START.timestamp())
    for event, fields in (
        ("delivered", {"ts_epoch": 1000 * seconds}),
        ("opened", {"ts_epoch": seconds}),
        ("click", {"ts_event": seconds}),
    ):
        tell(shop, {"event": event, "email": ANN, **fields, **OURS})
    row = shop.one(outbox)
    assert row.delivered_at == row.opened_at == row.clicked_at == START


def test_a_time_that_is_none_is_the_time_of_arrival(shop: ConnectedShop) -> None:
    tell(shop, {"event": "delivered", "email": ANN, "ts_epoch": 9e25, **OURS})
    assert shop.one(outbox).delivered_at == START + HOUR


def test_what_is_no_report_is_kept_all_the_same(shop: ConnectedShop) -> None:
    tell(shop, {"email": ANN}, [1], reported("delivered", ANN, START, reason="x" * 50_000, **OURS))
    assert [row.state for row in shop.rows(inbox, source="brevo")] == ["done", "poison", "done"]
    assert told(shop) == ["message_other", "message_delivered"]


def test_one_bad_object_of_a_batch_keeps_back_none_of_the_others(shop: ConnectedShop) -> None:
    good, bad = reported("delivered", ANN, START, **OURS), reported("click", "a" * 400, START, **OURS)
    tell(shop, [good, bad, 7, reported("opened", ANN, START, **OURS)])
    row = shop.one(inbox, source="brevo")
    assert (row.state, row.reason) == (
        "quarantined",
        "2 of 4: email: Longer than maximum length 320.; 3 of 4: not a JSON object",
    )
    assert told(shop) == ["message_delivered", "message_opened"]


@pytest.mark.parametrize(
    ("reason", "state", "suppressed"),
    [
        ("blocked : due to unsubscribed user", "unsubscribed", set()),
        ("blocked : due to blacklist user", "unsubscribed", set()),
        ("hardBounce", "undeliverable", {"hard_bounce"}),
        ("contactFlaggedAsSpam", "unsubscribed", {"complaint"}),
        ("adminBlocked", "subscribed", {"blocked"}),
        ("quota of the plan", "subscribed", set()),
    ],
)
def test_what_brevo_blocks_is_followed_by_its_reason(
    shop: ConnectedShop, reason: str, state: str, suppressed: set[str]
) -> None:
    tell(shop, reported("blocked", ANN, START + HOUR, reason=reason, **OURS))
    assert shop.one(consents).state == state
    assert {row.reason for row in shop.rows(suppressions)} == suppressed


def test_an_address_that_nobody_has_yet_is_remembered(shop: ConnectedShop) -> None:
    tell(shop, reported("unsubscribed", "later@example.com", START + HOUR, **{"message-id": "<other@x>"}))
    shop.deliver("customers_email_marketing_consent/update", consent(77, "later@example.com", "subscribed", START))
    shop.installation.settle("intake")
    person = shop.one(persons, email="later@example.com")
    assert shop.one(consents, person_id=person.id).state == "unsubscribed"


def test_an_opt_out_of_the_far_future_does_not_outlast_a_later_yes(shop: ConnectedShop) -> None:
    tell(shop, {"event": "unsubscribed", "email": ANN, "ts_epoch": 4_000_000_000, **OURS})
    assert shop.one(consents).evidence_at == START + HOUR
