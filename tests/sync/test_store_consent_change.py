"""What is written to the store, from what we have heard and what it holds: every combination."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from sync.mapping.store_consent import Nothing, Told, Wanted, Write, change, told

NOW = datetime(2026, 11, 10, 9, 0, tzinfo=UTC)
OURS = NOW - timedelta(days=3)
OLDER, NEWER = OURS - timedelta(hours=1), OURS + timedelta(hours=1)
# Ours, the store's, its time: what is written.
CASES = [
    ("unsubscribed", "SUBSCRIBED", OLDER, "UNSUBSCRIBED"),
    ("unsubscribed", "SUBSCRIBED", OURS, "UNSUBSCRIBED"),
    ("unsubscribed", "SUBSCRIBED", NEWER, None),
    ("unsubscribed", "NOT_SUBSCRIBED", None, "UNSUBSCRIBED"),
    ("unsubscribed", "PENDING", OLDER, "UNSUBSCRIBED"),
    ("unsubscribed", "UNSUBSCRIBED", OLDER, None),
    ("undeliverable", "SUBSCRIBED", OLDER, "UNSUBSCRIBED"),
    ("undeliverable", "INVALID", OLDER, None),
    ("unsubscribed", "REDACTED", None, None),
    ("subscribed", "UNSUBSCRIBED", OLDER, "SUBSCRIBED"),
    ("subscribed", "UNSUBSCRIBED", OURS, None),
    ("subscribed", "UNSUBSCRIBED", NEWER, None),
    ("subscribed", "NOT_SUBSCRIBED", None, "SUBSCRIBED"),
    ("subscribed", "SUBSCRIBED", OLDER, None),
    ("subscribed", "INVALID", None, None),
    ("pending", "UNSUBSCRIBED", OLDER, None),
    ("not_subscribed", "SUBSCRIBED", OLDER, None),
]


def wanted(state: str, level: str | None = None, at: datetime = OURS) -> Wanted:
    return Wanted(state, level, at)


def changed(ours: Wanted, theirs: Told, channel: str = "email", **options: Any) -> Write | Nothing:
    return change(7, channel, ours, theirs, NOW, **{"may_welcome": False, **options})


@pytest.mark.parametrize(("ours", "theirs", "at", "written"), CASES)
def test_only_a_real_change_that_is_newer_is_written(ours: str, theirs: str, at: datetime, written: str | None) -> None:
    found = changed(wanted(ours), Told(theirs, "SINGLE_OPT_IN", at, True))
    if written is None:
        assert isinstance(found, Nothing)
        # Where the store is ahead of us it is asked.
        assert found.ask is (at is not None and at >= OURS and theirs != "SUBSCRIBED" or at == NEWER)
        return
    assert isinstance(found, Write) and found.document == "email_consent_update" and not found.wait
    consent = found.variables["input"]["emailMarketingConsent"]
    assert found.variables["input"]["customerId"] == "gid://shopify/Customer/7"
    assert (consent["marketingState"], consent["consentUpdatedAt"]) == (written, "2026-11-07T09:00:00.000+00:00")
    assert ("marketingOptInLevel" in consent) is (written == "SUBSCRIBED")


def test_a_confirmed_opt_in_is_news_to_a_store_that_knows_a_single_one() -> None:
    found = changed(wanted("subscribed", "confirmed_opt_in"), Told("SUBSCRIBED", "SINGLE_OPT_IN", OLDER, True))
    assert isinstance(found, Write)
    assert found.variables["input"]["emailMarketingConsent"]["marketingOptInLevel"] == "CONFIRMED_OPT_IN"
    again = changed(wanted("subscribed", "confirmed_opt_in"), Told("SUBSCRIBED", "CONFIRMED_OPT_IN", OURS, True))
    assert isinstance(again, Nothing)


def test_a_yes_waits_until_the_store_does_not_welcome_it() -> None:
    fresh = wanted("subscribed", at=NOW - timedelta(hours=1))
    store = Told("UNSUBSCRIBED", None, OLDER, True)
    found = changed(fresh, store)
    assert isinstance(found, Write) and found.wait == timedelta(hours=23)
    allowed = changed(fresh, store, may_welcome=True)
    assert isinstance(allowed, Write) and not allowed.wait
    no = changed(wanted("unsubscribed", at=NOW), Told("SUBSCRIBED", None, OLDER, True))
    assert isinstance(no, Write) and not no.wait


def test_no_time_of_the_future_is_written() -> None:
    found = changed(wanted("unsubscribed", at=NOW + timedelta(minutes=1)), Told("SUBSCRIBED", None, OLDER, True))
    assert isinstance(found, Write)
    assert found.variables["input"]["emailMarketingConsent"]["consentUpdatedAt"] == NOW.isoformat(
        timespec="milliseconds"
    )


@pytest.mark.parametrize(
    ("channel", "field", "names"),
    [
        ("sms", "smsMarketingConsent", {"marketingState", "marketingOptInLevel", "consentUpdatedAt"}),
        ("whatsapp", "whatsAppMarketingConsent", {"state", "optInLevel", "updatedAt"}),
    ],
)
def test_phones(channel: str, field: str, names: set[str]) -> None:
    found = changed(wanted("subscribed"), Told("NEVER_SUBSCRIBED", None, None, True), channel)
    assert isinstance(found, Write) and found.document == f"{channel}_consent_update"
    assert set(found.variables["input"][field]) == names
    assert isinstance(changed(wanted("unsubscribed"), Told("SUBSCRIBED", None, None, False), channel), Nothing)


def test_what_the_store_says_is_read() -> None:
    node = {
        "defaultEmailAddress": {"emailAddress": "a@x.test", "marketingState": "SUBSCRIBED", "marketingUpdatedAt": None},
        "defaultPhoneNumber": {
            "phoneNumber": "+1",
            "smsMarketingConsent": {"state": "PENDING", "optInLevel": "UNKNOWN", "updatedAt": "2026-11-01T10:00:00Z"},
        },
    }
    assert told(node, "email") == Told("SUBSCRIBED", None, None, True)
    assert told(node, "sms") == Told("PENDING", "UNKNOWN", datetime(2026, 11, 1, 10, tzinfo=UTC), True)
    assert told(node, "whatsapp") == Told("NEVER_SUBSCRIBED", None, None, True)
    assert not told({}, "email").reachable and not told({}, "sms").reachable
