"""The checks themselves: each sees the one thing that is planted for it, and nothing where nothing is wrong."""

from __future__ import annotations

from dataclasses import replace
from datetime import time
from typing import Any

import pytest

from tests.e2e import audit
from tests.e2e.audit import DAY, Mail
from tests.e2e.platforms import START
from tests.e2e.trade import due_letters

SHOP, ACCOUNT = "one.myshopify.com", "key-of-one.myshopify.com"
ANN = "ann@one.example"
# Monday, 10:00 in Paris.
MAIL = Mail(ACCOUNT, ANN, "welcome", "hello", "run:hello:1", first_byte_at=100.0, accepted_at=START)
LATER = replace(MAIL, message="story", key="run:story:1", accepted_at=START + 2 * DAY)


def event(about: str, fact: str, account: str = ACCOUNT) -> dict[str, Any]:
    told = {"checkout_token": about, "event_id": fact}
    return {"kind": "event", "account": account, "name": "checkout_started", "properties": told,
            "identifiers": {"email_id": ANN}}  # fmt: skip


def test_a_mail_that_came_twice_is_seen_by_its_key_and_by_what_it_says() -> None:
    assert audit.duplicates([MAIL, LATER]) == []
    assert len(audit.duplicates([MAIL, MAIL])) == 2
    assert len(audit.duplicates([MAIL, replace(MAIL, key="another")])) == 1


def test_a_mail_that_never_came_is_missed() -> None:
    assert audit.missing([MAIL, LATER], {MAIL.letter}) == []
    assert len(audit.missing([LATER], {MAIL.letter})) == 1


def test_an_acknowledged_delivery_that_nobody_handled_is_lost() -> None:
    log = [
        {"kind": "acknowledged", "webhook_id": "a", "topic": "orders/create"},
        {"kind": "attempt", "webhook_id": "b"},
    ]
    assert audit.lost(log, {"a"}) == []
    assert audit.lost(log, set()) == ["orders/create a is lost"]


@pytest.mark.parametrize(
    ("outbox", "said"),
    [
        ({MAIL.key: "sent"}, []),
        ({MAIL.key: "sent", "other": "skipped", "third": "failed"}, []),
        ({MAIL.key: "sent", "other": "sent"}, ["other is called sent and never arrived"]),
        ({MAIL.key: "skipped"}, [f"{MAIL.key} arrived and is called skipped"]),
        ({}, [f"{MAIL.key} arrived and is called nothing"]),
        ({MAIL.key: "sent", "other": "unknown"}, ["other is unknown for ever"]),
        ({MAIL.key: "sent", "other": "leased"}, ["other is leased for ever"]),
    ],
)
def test_what_went_in_comes_out_once(outbox: dict[str, str], said: list[str]) -> None:
    assert audit.unaccounted([MAIL], outbox) == said


def test_a_mail_that_left_after_its_end_is_too_late() -> None:
    assert audit.too_late([MAIL], {(ANN, "welcome"): 99.1}, 1.0) == []
    assert audit.too_late([MAIL], {(ANN, "cart-recovery"): 90.0}, 1.0) == []
    assert len(audit.too_late([MAIL], {(ANN, "welcome"): 98.9}, 1.0)) == 1


@pytest.mark.parametrize(("hours", "night"), [(0, False), (10.9, False), (11.1, True), (21.9, True), (22.1, False)])
def test_a_mail_in_quiet_hours_is_seen_where_the_person_lives(hours: float, night: bool) -> None:
    mail = replace(MAIL, accepted_at=START + hours * 3600)
    assert bool(audit.at_night([mail], time(21), time(8), "Europe/Paris")) == night


def test_a_mail_above_the_cap_is_seen_in_any_window() -> None:
    mails = [replace(MAIL, key=str(day), accepted_at=START + day * DAY) for day in (0, 3, 8)]
    assert audit.above_cap(mails, {"welcome"}, 2, 7) == []
    more = [*mails, replace(MAIL, key="more", accepted_at=START + 6.9 * DAY)]
    assert len(audit.above_cap(more, {"welcome"}, 2, 7)) == 2
    assert audit.above_cap(more, {"cart-recovery"}, 2, 7) == []


def test_a_mail_at_another_shops_account_is_seen() -> None:
    mail = {"kind": "email", "account": ACCOUNT, "to": ANN}
    assert audit.astray([mail, event("tok", "1")], {"one.example": ACCOUNT}) == []
    assert len(audit.astray([{**mail, "account": "other"}], {"one.example": ACCOUNT})) == 1
    assert len(audit.astray([event("tok", "1", "other")], {"one.example": ACCOUNT})) == 1


def test_one_fact_may_arrive_twice_and_two_facts_may_not() -> None:
    wanted = {(ACCOUNT, "checkout_started", "tok"): ANN}
    assert audit.event_faults([event("tok", "1"), event("tok", "1")], wanted) == []
    assert audit.event_faults([], wanted, needless=wanted) == []
    assert len(audit.event_faults([event("tok", "1"), event("tok", "2")], wanted)) == 1
    assert len(audit.event_faults([], wanted)) == 1
    assert len(audit.event_faults([event("tok", "1"), event("ghost", "2")], wanted)) == 1


def test_a_contact_that_differs_from_the_customer_is_seen() -> None:
    customers = {(ACCOUNT, ANN): {"id": 7, "consent": "subscribed"}}
    contact = {"attributes": {"EXT_ID": "7"}, "emailBlacklisted": False}
    assert audit.contact_faults({(ACCOUNT, ANN): contact}, customers) == []
    assert len(audit.contact_faults({}, customers)) == 1
    assert len(audit.contact_faults({(ACCOUNT, ANN): {**contact, "emailBlacklisted": True}}, customers)) == 1
    assert len(audit.contact_faults({(ACCOUNT, ANN): {**contact, "attributes": {}}}, customers)) == 1


def test_what_must_have_come_is_read_from_the_store() -> None:
    ann = {"email": ANN, "consent": "subscribed", "orders": 0, "consent_updated_at": START}
    left = {"email": ANN, "completed_at": None, "last_edit_at": START}
    shops = {SHOP: {"customers": [ann], "checkouts": [left]}}
    names = {(flow, message) for _, _, flow, message in due_letters(shops, START + 2 * DAY)}
    assert names == {("welcome", "hello"), ("welcome", "story"), ("cart-recovery", "reminder"),
                     ("cart-recovery", "second-look")}  # fmt: skip
    assert len(due_letters(shops, START + 2 * DAY, within=3600.0)) == 3
    bought = {SHOP: {"customers": [{**ann, "orders": 1}], "checkouts": [left]}}
    assert due_letters(bought, START + 2 * DAY) == set()
