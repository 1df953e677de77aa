"""What a sync that staff ask for brings, and that no message goes out because of it."""

from __future__ import annotations

import pytest

from connector.models.event import events, exit_marks
from connector.models.flow import runs as flow_runs
from connector.models.store import orders
from connector.models.sync import fetches
from sync.reruns import What
from tests.engine.installation import DAY, HOUR, START, ConnectedShop
from tests.engine.shoppers import hand_over
from tests.sync.reruns.storefront import Storefront, ask, finished, since, synced

ANN, BOB = "ann@reruns.example", "bob@reruns.example"


def live_calls(shop: ConnectedShop) -> list[str]:
    """The orders whose telling started an automation at Brevo."""
    return [entry["order"] for entry in shop.account.log("automation")]


def test_what_was_never_heard_of_arrives_and_no_message_goes_out(shop: ConnectedShop, store: Storefront) -> None:
    told = store.buyers(ANN, BOB)
    for entity in ("contact", "orders", "products"):
        found = synced(shop, since(shop, entity))
        assert found.state == "done" and found.failed == 0 and found.changed == found.done > 0, entity
    shop.installation.play(30 * DAY)
    assert {ANN, BOB} <= shop.contacts().keys()
    there = shop.account.state()["orders"]
    assert there.keys() == {str(one["order_id"]) for one in told.values()}
    assert all(one["historical"] and one["contact_id"] for one in there.values())
    assert shop.account.state()["products"]
    # The consents of two newcomers and their orders: each would have started a flow.
    assert shop.mails() == [] and shop.rows(flow_runs) == [] and live_calls(shop) == []
    assert shop.account.log("event") == []
    heard = {row.name for row in shop.rows(events)}
    assert {"order_placed", "consent_changed"} <= heard
    assert all(row.historical for row in shop.rows(events))


@pytest.mark.long
def test_control_the_same_facts_by_webhook_do_send(shop: ConnectedShop, store: Storefront) -> None:
    with store.heard() as received:
        told = store.buyers(ANN, BOB)
    hand_over(shop, received)
    shop.installation.play(DAY)
    assert [mail["tags"][0] for mail in shop.mails(ANN)].count("thanks") == 1
    assert {ANN, BOB} == {mail["to"] for mail in shop.mails()}
    assert set(live_calls(shop)) == {str(one["order_id"]) for one in told.values()}


@pytest.mark.long
def test_control_without_the_quiet_scope_a_run_would_mail(
    shop: ConnectedShop, store: Storefront, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept = type(shop.deps).open
    monkeypatch.setattr(type(shop.deps), "open", lambda deps, shop, **given: kept(deps, shop))
    store.buyers(ANN)
    synced(shop, since(shop, "orders"))
    shop.installation.play(DAY)
    assert shop.mails(ANN) != []


def test_an_order_found_by_a_run_ends_the_flow_that_was_for_it(shop: ConnectedShop, store: Storefront) -> None:
    """It is no news, but it is true: nobody is reminded of a cart that was bought."""
    with store.heard() as received:
        begun = store.act("start_checkout", email=ANN)
        store.act("update_checkout", checkout=begun["checkout_token"], accepts_marketing=True)
    hand_over(shop, received)
    shop.installation.play(2 * HOUR)
    before = len(shop.mails(ANN))
    assert before and {row.state for row in shop.rows(flow_runs, flow="cart-recovery")} == {"live"}
    store.act("complete_checkout", checkout=begun["checkout_token"])
    synced(shop, since(shop, "orders"))
    assert "order_placed" in {row.name for row in shop.rows(exit_marks)}
    shop.installation.play(10 * DAY)
    assert {row.state for row in shop.rows(flow_runs, flow="cart-recovery")} == {"done"}
    assert len(shop.mails(ANN)) == before


def test_an_old_order_is_told_as_history_and_so_is_what_becomes_of_it(shop: ConnectedShop, store: Storefront) -> None:
    shop.installation.at(START - 10 * DAY)
    (told,) = store.buyers(ANN).values()
    shop.installation.at(START)
    number = str(told["order_id"])
    synced(shop, What("orders", object=number))
    assert shop.one(orders).historical
    before = shop.account.state()["orders"][number]["amount"]
    with store.heard() as received:
        store.act("refund_order", order=told["order_id"], amount="5.00")
    hand_over(shop, received)
    shop.installation.play(HOUR)
    there = shop.account.state()["orders"][number]
    assert there["amount"] == pytest.approx(before - 5) and there["historical"]
    assert live_calls(shop) == []


def test_what_a_delivery_has_asked_for_stays_news(shop: ConnectedShop, store: Storefront) -> None:
    """A delivery announced a customer whom a run reads first: the welcome is due all the same."""
    with store.heard("customers/create") as received:
        customer = store.act("create_customer", email=ANN, accepts_marketing=True)["customer_id"]
    hand_over(shop, received)
    shop.installation.settle("intake")
    assert [row.quiet for row in shop.rows(fetches, kind="Customer")] == [False]
    run_id = ask(shop, What("contact", object=str(customer)))
    shop.installation.settle("reruns")
    assert finished(shop, run_id).state == "done"
    shop.installation.play(HOUR)
    assert len(shop.mails(ANN)) == 1
