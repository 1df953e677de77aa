"""Consent: the newest evidence decides, a tie goes to the opt-out, and nobody is subscribed by accident."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from itertools import permutations
from pathlib import Path

import pytest

from connector.models.event import events, exit_marks
from connector.models.person import consent_ledger, consents, suppressions
from sync import consent, people
from tests.engine.installation import HOUR, START, ConnectedShop, installation
from tests.engine.payloads import checkout, order, reported
from tests.engine.shoppers import agree, begin_checkout, by_customer, subscribe

ANN = "ann@example.com"
LATER, LATEST = START + HOUR, START + 2 * HOUR
Evidence = tuple[str, datetime | None, bool]


@pytest.fixture
def shop(database_url: str, redis_url: str, tmp_path: Path) -> Iterator[ConnectedShop]:
    with installation(database_url, redis_url, tmp_path) as made:
        yield made.connect(flows=["welcome"])


def record(shop: ConnectedShop, told: list[Evidence], email: str = ANN) -> str:
    """Record (state, when, implied) in this order for somebody; returns the state in the end."""
    with shop.scope() as scope:
        found = people.identify(scope, email=email)
        assert found is not None
        for state, at, implied in told:
            source = "checkout" if implied else "shopify"
            consent.record(scope, found.person_id, "email", state, source=source, evidence_at=at, implied=implied)
        person_id = found.person_id
    return str(shop.one(consents, person_id=person_id).state)


def explicit(state: str, at: datetime | None) -> Evidence:
    return (state, at, False)


def implied(at: datetime) -> Evidence:
    return ("subscribed", at, True)


CASES = {
    "the newest": ([explicit("subscribed", START), explicit("unsubscribed", LATER)], "unsubscribed"),
    "came back": ([explicit("unsubscribed", START), explicit("subscribed", LATER)], "subscribed"),
    "a tie": ([explicit("unsubscribed", START), explicit("subscribed", START)], "unsubscribed"),
    "a tie with a bounce": ([explicit("undeliverable", START), explicit("subscribed", START)], "undeliverable"),
    "implied after": ([explicit("unsubscribed", START), implied(LATER)], "unsubscribed"),
    "implied before": ([implied(START), explicit("unsubscribed", LATER)], "unsubscribed"),
}


def test_the_order_of_arrival_does_not_matter(shop: ConnectedShop) -> None:
    for case, (told, expected) in CASES.items():
        for number, arrival in enumerate(permutations(told)):
            email = f"{case.replace(' ', '-')}-{number}@example.com"
            assert record(shop, list(arrival), email) == expected, case


def test_without_a_time_one_can_be_opted_out_but_never_back_in(shop: ConnectedShop) -> None:
    assert record(shop, [explicit("subscribed", LATER), explicit("unsubscribed", None)]) == "unsubscribed"
    assert record(shop, [explicit("subscribed", None)]) == "unsubscribed"


def test_a_ticked_box_counts_for_somebody_who_never_said_no(shop: ConnectedShop) -> None:
    """The control of what is implied: it is evidence, only a weak one."""
    assert record(shop, [implied(START)]) == "subscribed"
    assert record(shop, [explicit("not_subscribed", START), implied(LATER)], "b@example.com") == "subscribed"


def test_every_word_is_kept_whether_it_counted_or_not(shop: ConnectedShop) -> None:
    record(shop, [explicit("unsubscribed", LATER), explicit("subscribed", START), implied(LATEST)])
    assert [(row.state, row.verdict) for row in shop.rows(consent_ledger)] == [
        ("unsubscribed", "applied"),
        ("subscribed", "older"),
        ("subscribed", "older"),
    ]


def test_an_unknown_state_of_consent_is_a_fault_of_ours(shop: ConnectedShop) -> None:
    with pytest.raises(ValueError, match="maybe"):
        record(shop, [explicit("maybe", START)])


def names(shop: ConnectedShop) -> list[str]:
    told = shop.rows(events)
    return [row.name for row in sorted(told, key=lambda row: row.seq)]


def test_a_change_is_told_once_and_an_opt_out_leaves_a_mark(shop: ConnectedShop) -> None:
    record(shop, [explicit("subscribed", START), explicit("subscribed", LATER), explicit("unsubscribed", LATEST)])
    assert names(shop) == ["consent_changed", "consent_changed", "unsubscribed"]
    assert [row.name for row in shop.rows(exit_marks)] == ["unsubscribed"]


def settled(shop: ConnectedShop) -> None:
    shop.installation.settle("intake", "flows")


def test_newsletter_subscribed_is_told_once_however_often_the_store_says_so(shop: ConnectedShop) -> None:
    subscribe(shop, ANN)
    settled(shop)
    for minutes in (1, 2):
        shop.installation.at(START + timedelta(minutes=minutes))
        agree(shop, ANN)
        settled(shop)
    assert names(shop).count("newsletter_subscribed") == 1


@pytest.mark.parametrize("state", ["unsubscribed", "redacted", "a state of next year"])
def test_what_is_no_yes_is_a_no(shop: ConnectedShop, state: str) -> None:
    subscribe(shop, ANN)
    shop.installation.at(LATER)
    agree(shop, ANN, state=state)
    settled(shop)
    assert shop.one(consents).state == "unsubscribed"


@pytest.mark.parametrize("source", ["checkout", "order"])
def test_the_box_of_a_later_purchase_does_not_undo_an_opt_out(shop: ConnectedShop, source: str) -> None:
    subscribe(shop, ANN)
    shop.installation.at(LATER)
    agree(shop, ANN, state="unsubscribed")
    settled(shop)
    shop.installation.at(LATEST)
    fields = {"buyer_accepts_marketing": True, **by_customer(1, ANN)}
    if source == "checkout":
        shop.deliver("checkouts/create", checkout("tok", ANN, LATEST, **fields))
    else:
        shop.deliver("orders/create", order(9, ANN, LATEST, **fields))
    settled(shop)
    assert shop.one(consents).state == "unsubscribed"


def test_the_box_of_a_guest_subscribes(shop: ConnectedShop) -> None:
    """The control: the same box, and nobody said no before."""
    begin_checkout(shop, ANN)
    settled(shop)
    assert shop.one(consents).state == "subscribed"


def test_an_opt_out_reported_by_the_provider_is_one_here(shop: ConnectedShop) -> None:
    subscribe(shop, ANN)
    settled(shop)
    shop.deliver("transactional", reported("unsubscribed", ANN, LATER), source="brevo")
    settled(shop)
    assert shop.one(consents).state == "unsubscribed"
    assert shop.rows(suppressions) == []


@pytest.mark.parametrize(
    ("event", "state", "reason"),
    [("hard_bounce", "undeliverable", "hard_bounce"), ("spam", "unsubscribed", "complaint")],
)
def test_an_address_that_bounces_or_complains_is_never_written_to_again(
    shop: ConnectedShop, event: str, state: str, reason: str
) -> None:
    subscribe(shop, ANN)
    settled(shop)
    shop.deliver("transactional", reported(event, ANN, LATER), source="brevo")
    settled(shop)
    assert shop.one(consents).state == state
    (kept,) = shop.rows(suppressions)
    assert kept.reason == reason and ANN not in kept.address_digest
