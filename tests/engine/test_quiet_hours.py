"""Hours in which marketing may be sent, where the person is; counted at the provider."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from click.testing import CliRunner

from connector import quiet_hours
from connector.cli.person import person as command
from connector.db.session import transaction
from connector.models.outbox import outbox
from connector.models.person import persons
from flows.core.hours import Quiet
from flows.engine import dispatch, story
from sync import customers
from tests.engine.installation import DAY, START, ConnectedShop, Installation
from tests.engine.shoppers import subscribe
from tests.engine.test_text_messages import refusing_texts
from tests.engine.texting import FLOW, agree_to_texts, sign_up, texting_shop, texts

ANN = "ann@example.com"
TEXT_ONLY = FLOW.replace("  - {email: story}\n", "")
HOUSTON = "+17135550123"
TEXAS = {"city": "Houston", "country_code": "US", "province_code": "TX", "zip": "77002"}


@pytest.fixture
def shop(product: Installation) -> ConnectedShop:
    return texting_shop(product, TEXT_ONLY)


def buyer_in(shop: ConnectedShop, address: dict[str, Any], number: str) -> None:
    agree_to_texts(shop, number)
    subscribe(shop, ANN, phone=number, first_name="Ann", default_address=address)


def arrived(shop: ConnectedShop) -> list[datetime]:
    return [datetime.fromtimestamp(text["accepted_at"], UTC) for text in texts(shop)]


def utc(text: str) -> datetime:
    return datetime.fromisoformat(f"{text}+00:00")


def test_a_text_waits_until_both_zones_of_the_state_allow_it_and_the_story_says_why(
    product: Installation, shop: ConnectedShop
) -> None:
    """A Monday, 3 in the morning in Houston: Texas allows from 9, and El Paso is an hour behind."""
    buyer_in(shop, TEXAS, HOUSTON)
    product.play(DAY)
    assert arrived(shop) == [utc("2026-11-02T16:00:00")]
    with transaction(shop.deps.engine) as connection:
        (put_off,) = [
            line.text for line in story.tell(connection, shop.id, shop.one(persons).id) if "put off" in line.text
        ]
    assert "It is night, or a holiday, where the person lives." in put_off
    assert "zones America/Chicago, America/Denver" in put_off and "told_by address, number" in put_off
    assert "US-TX: mon-sat 09:00-21:00, sun 12:00-21:00 (law:" in put_off


def test_the_control_by_the_clock_of_the_shop_it_is_sent_at_night(
    product: Installation, shop: ConnectedShop, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = quiet_hours.of_person

    def by_the_shop(row: Any, channel: str, settings: Any, timezone: str, now: datetime) -> Quiet | None:
        quiet = found(row, channel, settings, timezone, now)
        return quiet and replace(quiet, zones=(ZoneInfo(timezone),))

    monkeypatch.setattr(quiet_hours, "of_person", by_the_shop)
    buyer_in(shop, TEXAS, HOUSTON)
    product.play(DAY)
    assert arrived(shop) == [START]


def test_a_number_of_another_state_holds_back_as_well(product: Installation, shop: ConnectedShop) -> None:
    """Wants 9:00 in El Paso and 8:00 in Honolulu, which is two hours later."""
    buyer_in(shop, TEXAS, "+18085550123")
    product.play(DAY)
    assert arrived(shop) == [utc("2026-11-02T19:00:00")]


def test_the_merchants_own_hours_narrow_those_of_the_law(product: Installation, shop: ConnectedShop) -> None:
    shop.set(quiet_hours={"start": "21:00", "end": "11:00"})
    buyer_in(shop, TEXAS, HOUSTON)
    product.play(DAY)
    assert arrived(shop) == [utc("2026-11-02T18:00:00")]


def test_a_transactional_text_leaves_at_night(product: Installation) -> None:
    hurry = "---\nchannel: sms\npurpose: transactional\n---\nYour parcel is on its way\n"
    shop = texting_shop(product, TEXT_ONLY, hurry)
    buyer_in(shop, TEXAS, HOUSTON)
    product.settle()
    assert arrived(shop) == [START]


CLOSING = utc("2026-11-02T20:57:50")


@pytest.mark.parametrize("asks_again", [True, False])
def test_what_waits_at_the_limiter_does_not_leave_after_the_hours(
    product: Installation, shop: ConnectedShop, monkeypatch: pytest.MonkeyPatch, asks_again: bool
) -> None:
    """It was wanted at 21:57 in Paris, and the limiter lets it through at 22:01. Without asking again it leaves."""
    product.at(CLOSING)
    with monkeypatch.context() as limited:
        limited.setattr("connector.brevo.calls.Calls.grab", refusing_texts(shop.deps.brevo(shop.shop)))
        sign_up(shop, ANN)
        product.settle("intake", "fetch", "flows")
        dispatch.dispatch_due(shop.deps, shop.shop)
        dispatch.dispatch_due(shop.deps, shop.shop)
    (row,) = shop.rows(outbox)
    assert (row.state, row.reason, texts(shop)) == ("due", None, [])
    if not asks_again:
        monkeypatch.setattr(quiet_hours, "of_person", lambda *given: None)
    product.at(CLOSING + timedelta(minutes=4))
    product.settle()
    assert len(texts(shop)) == (0 if asks_again else 1)
    product.play(DAY)
    assert arrived(shop) == [utc("2026-11-03T07:00:00") if asks_again else CLOSING + timedelta(minutes=4)]


@pytest.mark.parametrize(
    ("address", "kept"),
    [
        (TEXAS, "US-TX"),
        ({"country_code": "FR", "zip": "67000", "province_code": None}, "FR-67"),
        ({"country_code": "FR", "zip": "97400"}, "FR-974"),
        ({"country_code": "DE", "zip": "10115"}, None),
    ],
)
def test_the_region_of_an_address_is_kept_as_webhooks_and_the_store_tell_it(
    shop: ConnectedShop, address: dict[str, Any], kept: str | None
) -> None:
    subscribe(shop, ANN, default_address=address)
    subscribe(shop, "bob@example.com", 2)
    shop.installation.settle("intake")
    told = {
        "countryCodeV2": address["country_code"], "provinceCode": address.get("province_code"), "zip": address["zip"],
    }  # fmt: skip
    with shop.scope() as scope:
        customers.refresh(scope, {"id": "gid://shopify/Customer/2", "defaultAddress": told})
    assert [row.region for row in shop.rows(persons)] == [kept, kept]


def test_staff_see_when_somebody_may_be_written_to_and_why(product: Installation, shop: ConnectedShop) -> None:
    buyer_in(shop, TEXAS, HOUSTON)
    product.settle()
    said = CliRunner().invoke(command, [shop.shop.domain, ANN, "--hours"], obj=shop.deps.settings)
    lines = said.output.splitlines()
    assert lines[0] == "email     at any hour", said.output
    assert lines[1] == "sms       from 2026-11-02 10:00 to 2026-11-02 20:58 (America/Chicago)"
    assert lines[2] == "          in America/Chicago, America/Denver, by address, number"
    assert "US-TX: mon-sat 09:00-21:00" in lines[3]
