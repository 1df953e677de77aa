"""Who runs cart recovery: the connector sends, or an automation at Brevo is fed with what Brevo's plugins tell it."""

from __future__ import annotations

from datetime import timedelta
from itertools import count
from typing import Any
from uuid import NAMESPACE_URL, uuid5

import pytest
from click.testing import CliRunner
from marshmallow import ValidationError
from sqlalchemy import text

from connector.cli.flows import flows as flows_command
from connector.event_mapping import defaults, names_of
from connector.eventlog import Fact
from connector.models.flow import goal_watches, runs, timers, trail
from connector.models.outbox import outbox
from tests.adapters.brevo_contract import described, problems
from tests.engine.installation import DAY, HOUR, START, ConnectedShop, Installation
from tests.engine.payloads import checkout, embedded, line
from tests.engine.shoppers import agree, begin_checkout, buy, subscribe

BOB = "bob@example.com"
PLUGIN_NAMES = {"cart_updated", "cart_deleted", "order_completed"}


@pytest.fixture
def shop(product: Installation) -> ConnectedShop:
    return product.connect(flows=["cart-recovery"])


def choose(shop: ConnectedShop, mode: str, flow: str = "cart-recovery") -> Any:
    given = CliRunner().invoke(flows_command, ["mode", flow, mode, "--shop", shop.shop.domain], obj=shop.deps.settings)
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
    assert shop.mails() == [] and shop.rows(outbox) == []
    assert [row.code for row in shop.rows(trail)] == ["handed_over", "goal_reached"]
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


def automation(shop: ConnectedShop, flow: str = "cart-recovery") -> list[tuple[str, str, dict[str, Any]]]:
    """What an automation at Brevo that stands for this flow was told: (whose, event, properties)."""
    names = (f"{flow}_entered", f"{flow}_left")
    found = [event for event in shop.account.state()["events"] if event["event_name"] in names]
    return [(one["identifiers"]["email_id"], one["event_name"], one["event_properties"]) for one in found]


def test_the_automation_is_told_once_who_enters_and_once_who_leaves(product: Installation, shop: ConnectedShop) -> None:
    shop.set(offers={"cart": {"code": "CART10", "percent": 10, "expires_days": 2}, "welcome": {"percent": 5}})
    choose(shop, "brevo")
    shopping(product, shop)
    (whose, entered, props), (_, left, end) = automation(shop)
    assert (whose, entered, left) == (BOB, "cart-recovery_entered", "cart-recovery_left")
    assert (props["checkout_token"], props["total"], props["currency"]) == ("tok", "44.70", "EUR")
    assert props["offers"]["cart"]["code"] == "CART10" and props["recovery_url"]
    assert list(props["offers"]) == ["cart"], "no automation can make codes of one's own"
    (item,) = props["items"]
    assert (item["title"], item["quantity"], item["line_price"]) == ("Enamel camping mug", 3, "44.70")
    assert set(props) == {*names_of(defaults()["cart-recovery_entered"]["properties"]).values(), "event_id"}
    assert {**end, "event_id": ""} == {"reason": "goal", "checkout_token": "tok", "event_id": ""}
    contract = described()
    for event in shop.account.state()["events"]:
        assert problems(contract, "post", "/events", event) == []
    assert shop.one(goal_watches).reached_at is not None, "the flow's figures count it like any other"
    assert shop.rows(timers, kind="run") == []


@pytest.mark.parametrize("careless", [False, True], ids=["as it is", "control: events that the run does not name"])
def test_the_same_told_again_lets_nobody_in_or_out_twice(
    product: Installation, shop: ConnectedShop, monkeypatch: pytest.MonkeyPatch, careless: bool
) -> None:
    if careless:
        times = count()
        by_run = Fact.id
        monkeypatch.setattr(
            Fact,
            "id",
            lambda fact, shop_id: (
                uuid5(NAMESPACE_URL, f"{fact.name} {next(times)}") if fact.source == "flow" else by_run(fact, shop_id)
            ),
        )
    choose(shop, "brevo")
    shopping(product, shop)
    before = automation(shop)
    with shop.scope() as scope:
        # As if T3 had never been: every event of the log is decided again, and nobody has been in the flow.
        for statement in (_UNDECIDED, "DELETE FROM runs", "DELETE FROM goal_watches", _PENDING):
            scope.connection.execute(text(statement))
    product.settle()
    product.play(4 * DAY)
    assert len(before) == 2 and len(shop.rows(runs)) == 1
    assert len(automation(shop)) == (4 if careless else 2)


_PENDING = "UPDATE person_work SET pending = true"
_UNDECIDED = (
    "INSERT INTO pending_events (shop_id, person_id, event_id, occurred_at)"
    " SELECT shop_id, person_id, id, occurred_at FROM events WHERE person_id IS NOT NULL"
)


def test_whatever_ends_a_run_here_is_told_there(product: Installation, shop: ConnectedShop) -> None:
    """Five people leave a checkout behind; one of them may not be written to and does not even enter."""
    choose(shop, "brevo")
    people = {name: f"{name}@example.com" for name in ("empties", "waits", "opts-out", "is-deleted")}
    for number, (name, email) in enumerate(people.items(), start=1):
        subscribe(shop, email, number)
        begin_checkout(shop, email, name)
    shop.deliver("checkouts/create", checkout("never", "never@example.com", START, buyer_accepts_marketing=False))
    product.play_to(START + 2 * HOUR)
    assert [(whose, event) for whose, event, _ in sorted(automation(shop), key=lambda one: one[0])] == [
        (email, "cart-recovery_entered") for email in sorted(people.values())
    ]
    shop.deliver("checkouts/update", checkout("empties", people["empties"], START, product.now, items=[]))
    agree(shop, people["opts-out"], 3, state="unsubscribed")
    shop.deliver("customers/delete", {"id": 4})
    product.play_to(START + 5 * DAY)
    left = [(whose, props["reason"]) for whose, event, props in automation(shop) if event == "cart-recovery_left"]
    assert sorted(left) == sorted(
        zip(people.values(), ("cart_cleared", "time_limit", "unsubscribed", "customer_deleted"), strict=True)
    )
    assert shop.mails() == []
    assert [row.detail["event"] for row in shop.rows(trail, code="not_permitted")] == ["checkout_abandoned"]
    assert len(shop.rows(runs)) == len(people)


def test_who_carries_a_run_out_is_settled_when_it_begins(product: Installation, shop: ConnectedShop) -> None:
    choose(shop, "brevo")
    begin_checkout(shop, BOB)
    product.play_to(START + 2 * HOUR)
    choose(shop, "native")
    buy(shop, BOB, token="tok")
    product.play(HOUR)
    assert [event for _, event, _ in automation(shop)] == ["cart-recovery_entered", "cart-recovery_left"]
    assert shop.mails() == []
    begin_checkout(shop, "eve@example.com", "tok2")
    product.play(2 * HOUR)
    choose(shop, "brevo")
    buy(shop, "eve@example.com", 9002, token="tok2")
    product.play(HOUR)
    assert {whose for whose, _, _ in automation(shop)} == {BOB}, "of Eve no automation was told anything"


def test_welcome_and_a_flow_of_ones_own_are_told_by_their_names(product: Installation) -> None:
    shop = product.connect(flows=["welcome"], offers={"welcome": {"code": "HELLO"}})
    shop.set(event_mapping={"welcome_left": {"as": "bye", "properties": {"reason": "why"}}})
    shop.publish(OWN, note="---\nsubject: Hi\npurpose: marketing\n---\n<p>Hi</p>")
    for flow in ("welcome", "my-own"):
        choose(shop, "brevo", flow)
    subscribe(shop, BOB)
    product.settle()
    buy(shop, BOB, customer=embedded(1, BOB))
    product.settle()
    ((_, _, props),) = automation(shop, "welcome")
    assert {**props, "event_id": ""} == {
        "source": "shopify", "offers": {"welcome": {"code": "HELLO", "percent": None, "expires_days": None}},
        "event_id": "",
    }  # fmt: skip
    assert [one["event_properties"]["why"] for one in shop.account.state()["events"] if one["event_name"] == "bye"]
    assert [event for _, event, _ in automation(shop, "my-own")] == ["my-own_entered", "my-own_left"]


OWN = """
flow: my-own
name: My own
trigger: {on: newsletter_subscribed}
reentry: never
exit: [order_placed, unsubscribed]
steps:
  - email: note
"""


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
    assert given.exit_code == 1 and "There is no flow no-such-flow here" in given.output


def test_welcome_stays_with_the_connector(product: Installation) -> None:
    shop = product.connect()
    choose(shop, "brevo")
    subscribe(shop, BOB)
    product.settle()
    assert [mail["tags"][0] for mail in shop.mails(BOB)] == ["welcome"]
