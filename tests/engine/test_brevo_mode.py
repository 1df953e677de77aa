"""Who runs cart recovery: the connector sends, or an automation at Brevo is fed with what Brevo's plugins tell it."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from click.testing import CliRunner
from marshmallow import ValidationError

from connector.cli.flow import flow as flow_command
from connector.models.flow import runs, trail
from tests.adapters.brevo_contract import described, problems
from tests.engine.installation import DAY, HOUR, START, ConnectedShop, Installation
from tests.engine.payloads import checkout, line
from tests.engine.shoppers import begin_checkout, buy, subscribe

BOB = "bob@example.com"
PLUGIN_NAMES = {"cart_updated", "cart_deleted", "order_completed"}


@pytest.fixture
def shop(product: Installation) -> ConnectedShop:
    return product.connect(flows=["cart-recovery"])


def choose(shop: ConnectedShop, mode: str, flow: str = "cart-recovery") -> Any:
    given = CliRunner().invoke(flow_command, ["mode", shop.shop.domain, flow, mode], obj=shop.deps.settings)
    return given


def shopping(product: Installation, shop: ConnectedShop) -> None:
    """Bob begins a checkout, changes it, leaves it for two days, and orders after all."""
    begin_checkout(shop, BOB)
    product.settle()
    changed = START + timedelta(minutes=10)
    product.at(changed)
    shop.deliver(
        "checkouts/update", checkout("tok", BOB, START, changed, items=[line(quantity=3)], total_price="44.70")
    )
    product.play_to(START + 2 * DAY)
    buy(shop, BOB, token="tok")
    product.play(HOUR)


def told(shop: ConnectedShop) -> list[dict[str, Any]]:
    return [event for event in shop.account.state()["events"] if event["event_name"] in PLUGIN_NAMES]


def test_native_sends_the_mails_and_tells_no_name_of_the_plugins(product: Installation, shop: ConnectedShop) -> None:
    shopping(product, shop)
    assert [name for name, _ in shop.sent(BOB)][:2] == ["reminder", "second-look"]
    assert told(shop) == []
    assert {event["event_name"] for event in shop.account.state()["events"]} >= {"checkout_started", "order_placed"}


def test_brevo_tells_the_plugins_events_in_their_shape_and_sends_nothing(
    product: Installation, shop: ConnectedShop
) -> None:
    assert "run by Brevo" in choose(shop, "brevo").output
    shopping(product, shop)
    assert shop.mails() == [] and shop.rows(runs) == []
    assert {row.code for row in shop.rows(trail)} == {"mode_brevo"}, "why nobody entered can be read"
    begun, changed, ordered = told(shop)
    assert [event["event_name"] for event in (begun, changed, ordered)] == [
        "cart_updated",
        "cart_updated",
        "order_completed",
    ]
    assert {event["event_properties"]["id"] for event in (begun, changed, ordered)} == {"cart:tok"}, "one id for all"
    data = changed["event_properties"]["data"]
    assert (data["total"], data["subtotal"], data["currency"]) == (44.7, 44.7, "EUR")
    assert data["affiliation"] == shop.shop.name and data["url"]
    assert data["items"] == [
        {
            "id": "101", "name": "Enamel camping mug", "variant_id": "1010", "sku": "SKU-101", "price": 14.9,
            "quantity": 3,
        }
    ]  # fmt: skip
    assert ordered["event_properties"]["data"]["id"] == "9001"
    names = {event["event_name"] for event in shop.account.state()["events"]}
    assert "checkout_abandoned" in names, "the signal is told all the same, for automations drawn on it"
    contract = described()
    for event in told(shop):
        assert problems(contract, "post", "/events", event) == []


def test_an_emptied_cart_is_told_as_deleted(product: Installation, shop: ConnectedShop) -> None:
    choose(shop, "brevo")
    begin_checkout(shop, BOB)
    product.settle()
    emptied = START + timedelta(minutes=5)
    product.at(emptied)
    shop.deliver("checkouts/update", checkout("tok", BOB, START, emptied, items=[]))
    product.settle()
    deleted = [event for event in told(shop) if event["event_name"] == "cart_deleted"]
    assert [event["event_properties"]["id"] for event in deleted] == ["cart:tok"]
    assert deleted[0]["event_properties"]["data"]["items"] == []


def test_somebody_who_is_inside_gets_no_further_mail_when_the_flow_goes_to_brevo(
    product: Installation, shop: ConnectedShop
) -> None:
    begin_checkout(shop, BOB)
    product.play_to(START + 2 * HOUR)
    assert len(shop.mails(BOB)) == 1
    choose(shop, "brevo")
    product.play_to(START + 4 * DAY)
    assert len(shop.mails(BOB)) == 1
    assert {reason for _, state, reason in shop.reasons() if state == "skipped"} == {"mode_brevo"}


def test_the_mapping_of_the_shop_has_the_last_word(product: Installation, shop: ConnectedShop) -> None:
    always = {"events": ["checkout_started"], "as": "cart_updated", "shape": "cart"}
    shop.set(event_mapping={"cart_updated": always, "checkout_started": None})
    shopping(product, shop)
    assert [event["event_name"] for event in told(shop)] == ["cart_updated"], "though the flow is native"
    assert shop.mails(BOB), "and its mails leave"
    assert "checkout_started" not in {event["event_name"] for event in shop.account.state()["events"]}
    choose(shop, "brevo")
    shop.set(event_mapping={"cart_updated": None})
    subscribe(shop, "eve@example.com", 5)
    begin_checkout(shop, "eve@example.com", "tok2")
    product.settle()
    assert len(told(shop)) == 1, "switched off, though the flow is left to Brevo"


@pytest.mark.parametrize(
    "entry",
    [{}, {"as": "a name"}, {"as": "x", "shape": "round"}, {"as": "x", "until": "now"}, {"as": "x", "events": "y"}],
)
def test_a_mapping_that_could_not_be_told_is_not_taken(shop: ConnectedShop, entry: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        shop.set(event_mapping={"order_placed": entry})


def test_a_flow_that_is_not_there_is_said(shop: ConnectedShop) -> None:
    given = choose(shop, "brevo", "no-such-flow")
    assert given.exit_code == 1 and "no flow no-such-flow" in given.output


def test_welcome_stays_with_the_connector(product: Installation) -> None:
    shop = product.connect()
    choose(shop, "brevo")
    subscribe(shop, BOB)
    product.settle()
    assert [mail["tags"][0] for mail in shop.mails(BOB)] == ["welcome"]
