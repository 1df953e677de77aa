from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from connector.errors import InvalidInput
from sync.mapping.contact import Attribute, attributes, body

AT = datetime(2026, 3, 1, 23, 30, tzinfo=UTC)
PERSON: dict[str, Any] = {
    "email": "ada@x.test", "phone": "+4915112345678", "first_name": "Ada", "last_name": "", "locale": "de-DE",
    "country": "DE", "city": None, "timezone": None, "customer_id": 7_000_000_000_001, "tags": ["vip", "de"],
    "orders_count": 0, "total_spent": Decimal("12.50"), "first_order_at": AT, "last_order_at": None,
}  # fmt: skip


def consent(**states: str) -> dict[str, Any]:
    return {channel: {"state": state, "level": None, "evidence_at": AT} for channel, state in states.items()}


def test_the_shipped_mapping() -> None:
    assert body(PERSON, consent(email="subscribed"), attributes({})) == {
        "email": "ada@x.test",
        "updateEnabled": True,
        "ext_id": "7000000000001",
        "attributes": {
            "FIRSTNAME": "Ada",
            "COUNTRY": "DE",
            "LOCALE": "de-DE",
            "ORDERS_COUNT": 0.0,
            "TOTAL_SPENT": 12.5,
            "FIRST_ORDER_DATE": "2026-03-01",
            "SHOPIFY_CUSTOMER_ID": "7000000000001",
            "SHOPIFY_TAGS": "vip, de",
            "MARKETING_STATE": "subscribed",
            "MARKETING_SINCE": "2026-03-01",
        },
    }


@pytest.mark.parametrize(
    ("state", "opted_out_before", "flag"),
    [
        ("subscribed", True, False),
        # Whoever blocklisted this contact, it was not for an opt-out that the consent is known to be newer than.
        ("subscribed", False, None),
        ("unsubscribed", True, True),
        ("unsubscribed", False, True),
        ("undeliverable", True, True),
        ("pending", True, None),
        ("not_subscribed", True, None),
        (None, False, None),
    ],
)
@pytest.mark.parametrize(("channel", "name"), [("email", "emailBlacklisted"), ("sms", "smsBlacklisted")])
def test_only_consent_after_an_opt_out_unblocks_and_only_an_opt_out_blocks(
    channel: str, name: str, state: str | None, opted_out_before: bool, flag: bool | None
) -> None:
    before = {channel} if opted_out_before else set()
    now = consent(**({channel: state} if state else {}))
    sent = body(PERSON, now, attributes({}), opted_out_before=before)
    assert sent.get(name) is flag
    assert sent.keys() & {"emailBlacklisted", "smsBlacklisted"} <= {name}


def test_the_phone_number_goes_only_with_sms_consent() -> None:
    for state in ("pending", "unsubscribed", "not_subscribed"):
        assert "SMS" not in body(PERSON, consent(sms=state), attributes({}))["attributes"]
    sent = body(PERSON, consent(sms="subscribed"), attributes({}))["attributes"]
    assert sent["SMS"] == "+4915112345678"


def test_nothing_unknown_is_sent() -> None:
    empty = dict.fromkeys(PERSON) | {"email": "a@x.test", "tags": []}
    sent = body(empty, {}, attributes({}))
    assert None not in sent.values() and None not in sent["attributes"].values()
    assert sent == {"email": "a@x.test", "updateEnabled": True, "attributes": {"SHOPIFY_TAGS": ""}}


def test_a_shop_renames_adds_and_switches_off() -> None:
    mapping = attributes({"FIRSTNAME": None, "PRENOM": {"from": "first_name", "type": "text"}, "SHOPIFY_TAGS": None})
    sent = body(PERSON, {}, mapping)["attributes"]
    assert sent["PRENOM"] == "Ada" and not {"FIRSTNAME", "SHOPIFY_TAGS"} & sent.keys()
    assert Attribute("LASTNAME", "last_name", "text") in mapping


@pytest.mark.parametrize(
    ("overrides", "words"),
    [
        ({"X": {"from": "city"}}, "X needs"),
        ({"X": {"from": "city", "type": "money"}}, "X needs"),
        ({"X": {"type": "text"}}, "X needs"),
        ({"X": "city"}, "X needs"),
        ({"x": {"from": "city", "type": "text"}}, "upper case"),
        ({"X": {"from": "city", "type": "text", "when": "full moon"}}, "full moon"),
    ],
)
def test_a_wrong_override_is_named(overrides: dict[str, Any], words: str) -> None:
    with pytest.raises(InvalidInput, match=words):
        attributes(overrides)


@pytest.mark.parametrize("kind", ["float", "date", "boolean"])
def test_a_value_that_cannot_be_of_the_type_is_not_sent(kind: str) -> None:
    mapping = attributes({"X": {"from": "first_name", "type": kind}})
    assert "X" not in body(PERSON, {}, mapping)["attributes"]
