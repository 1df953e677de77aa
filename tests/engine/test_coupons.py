"""A discount code of one's own: made once in the store whatever happens on the way, shown, known when it is used."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import timedelta
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from connector import coupon_codes
from connector.models.coupon import coupons
from connector.models.event import events
from connector.models.flow import runs, trail
from connector.models.outbox import attempts, outbox
from flows.actions import ACTIONS
from flows.actions.action import Task
from flows.actions.coupon import COUPON
from flows.engine import acting
from sandbox.store.apps import GRANTED
from tests.engine.discounts import Deaf, Death, die_at, recover, shop_of_its_own
from tests.engine.installation import DAY, ConnectedShop, Installation, installation
from tests.engine.shoppers import buy, hand_over, subscribe
from tests.sandbox.provider_process import Provider
from tests.sandbox.store_process import SHOP, Receiver, StoreProcess

ANN, BOB = "ann@example.com", "bob@example.com"
OFFER = """
flow: offers
name: Offers
trigger: {on: newsletter_subscribed}
exit: [order_placed]
steps:
  - coupon: {as: offer, percent: 10, valid: 3d, prefix: HI}
  - email: incentive
"""
INCENTIVE = """---
subject: Your code is {{ coupon.offer.code }}
purpose: marketing
---
<p>It takes off {{ coupon.offer.percent }} %, until {{ coupon.offer.ends_at | date }}.</p>

{% render 'offer', offer: coupon.offer %}

{% render 'button', label: "To the shop", url: shop.url %}
"""
CODE = re.compile(rf"HI-[{coupon_codes.ALPHABET}]{{{coupon_codes.LENGTH}}}\Z")


@pytest.fixture
def http() -> Deaf:
    return Deaf(b"discountCodeBasicCreate")


@pytest.fixture
def product(
    database_url: str, redis_url: str, tmp_path: Path, provider: Provider, store: StoreProcess, http: Deaf
) -> Iterator[Installation]:
    with installation(database_url, redis_url, tmp_path, provider, store, http) as made:
        yield made


@pytest.fixture
def bare(product: Installation, request: pytest.FixtureRequest) -> ConnectedShop:
    return shop_of_its_own(product, request)


@pytest.fixture
def shop(bare: ConnectedShop) -> ConnectedShop:
    bare.publish(OFFER, incentive=INCENTIVE)
    return bare


def discounts(store: StoreProcess, prefix: str = "Offers: ") -> list[dict[str, Any]]:
    """What the store has of ours."""
    return [one for one in store.get("state")["shops"][SHOP]["discounts"] if one["title"].startswith(prefix)]


@pytest.fixture
def new(store: StoreProcess) -> Any:
    """What has come to the store since the test began."""
    before = {one["id"] for one in discounts(store)}
    return lambda: [one for one in discounts(store) if one["id"] not in before]


def agreeing(made: list[dict[str, Any]], shop: ConnectedShop) -> None:
    """Codes made are codes referenced, and shown."""
    known = {row.code for row in shop.rows(coupons)}
    assert {code for one in made for code in one["codes"]} == known
    assert {mail["subject"].removeprefix("Your code is ") for mail in shop.mails()} == known


@pytest.mark.parametrize("agreed", [False, True])
def test_no_code_is_made_for_whoever_may_not_be_shown_it(
    product: Installation, bare: ConnectedShop, new: Any, agreed: bool
) -> None:
    bare.publish(
        OFFER.replace("newsletter_subscribed", "first_order").replace("exit: [order_placed]", ""), incentive=INCENTIVE
    )
    if agreed:
        subscribe(bare, ANN)
    buy(bare, ANN)
    product.settle()
    assert (len(new()), len(bare.rows(coupons)), len(bare.mails())) == ((1, 1, 1) if agreed else (0, 0, 0))
    skipped = [row.detail["reason"] for row in bare.rows(trail, code="coupon_skipped")]
    assert skipped == ([] if agreed else ["not_shown"])


@pytest.mark.row("S2-17")
def test_everybody_gets_a_code_of_their_own_that_the_store_takes_once(
    product: Installation, shop: ConnectedShop, store: StoreProcess, new: Any
) -> None:
    subscribe(shop, ANN, 1)
    subscribe(shop, BOB, 2)
    product.settle()
    made = new()
    assert len(made) == 2 and all(CODE.match(one["codes"][0]) for one in made)
    agreeing(made, shop)
    # Late enough for a message that leaves as late as it may.
    row = shop.rows(coupons)[0]
    assert row.ends_at == product.now + DAY + 3 * DAY and {one["ends_at"] for one in made} == {row.ends_at.timestamp()}
    (mail,) = shop.mails(ANN)
    assert "10 %" in mail["html"] and row.state == "made" and row.given_at == product.now
    assert [line.code for line in shop.rows(trail, run_id=row.run_id)][-1] == "finished"
    assert {line.code for line in shop.rows(trail, run_id=row.run_id)} >= {"action_wanted", "coupon_made"}


@pytest.mark.parametrize("point", ["act.claimed", "act.leased", "act.answered", "act.recorded"])
def test_a_death_at_any_point_makes_no_second_code(
    product: Installation, shop: ConnectedShop, new: Any, monkeypatch: pytest.MonkeyPatch, point: str
) -> None:
    die_at(point, monkeypatch)
    subscribe(shop, ANN)
    with pytest.raises(Death):
        product.settle()
    recover(product)
    assert len(new()) == 1
    agreeing(new(), shop)


def test_control_who_does_not_write_the_code_down_first_makes_two(
    product: Installation, shop: ConnectedShop, new: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    numbers = count()

    def forgetful(scope: Any, task: Task) -> Mapping[str, Any]:
        """Another code at each try, and none that anybody knows of."""
        prepared = dict(COUPON.prepare(scope, task))
        return {**prepared, "code": f"HI-{next(numbers)}-{product.clock.machine().timestamp()}"}

    monkeypatch.setitem(ACTIONS, "coupon", replace(COUPON, prepare=forgetful))  # type: ignore[arg-type]
    die_at("act.answered", monkeypatch)
    subscribe(shop, ANN)
    with pytest.raises(Death):
        product.settle()
    recover(product)
    assert len(new()) == 2
    with pytest.raises(AssertionError):
        agreeing(new(), shop)


def test_an_answer_that_was_not_heard_is_asked_for_again_and_the_code_is_taken_for_ours(
    product: Installation, shop: ConnectedShop, http: Deaf, new: Any
) -> None:
    http.deaf_to = 2
    subscribe(shop, ANN)
    product.settle()
    assert [row.state for row in shop.rows(outbox)] == ["due"] and len(new()) == 1
    recover(product)
    agreeing(new(), shop)
    assert [row.result for row in shop.rows(attempts)][:3] == ["retry", "retry", "accepted"]


def test_a_code_that_is_somebody_elses_makes_room_for_the_next(
    product: Installation, shop: ConnectedShop, store: StoreProcess, new: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    first: list[str] = []
    real = coupon_codes.code

    def taken(salt: bytes, key: str, variant: int = 0, prefix: str = "") -> str:
        code = real(salt, key, variant, prefix)
        if not variant and not first:
            first.append(code)
            make(store, code.lower())
        return code

    monkeypatch.setattr(coupon_codes, "code", taken)
    subscribe(shop, ANN)
    product.settle()
    row = shop.one(coupons)
    assert row.variant == 1 and row.code != first[0] and len(new()) == 1
    agreeing(new(), shop)


def make(store: StoreProcess, code: str, title: str = "The merchant's own") -> None:
    """Staff make a discount in the store's admin."""
    document = """mutation M($d: DiscountCodeBasicInput!) {
        discountCodeBasicCreate(basicCodeDiscount: $d) { codeDiscountNode { id } userErrors { code } } }"""
    given = {
        "title": title, "code": code, "startsAt": "2026-01-01T00:00:00Z", "context": {"all": "ALL"},
        "customerGets": {"value": {"percentage": 0.5}, "items": {"all": True}},
    }  # fmt: skip
    assert store.data(document, d=given)["discountCodeBasicCreate"]["userErrors"] == []


def test_without_the_scope_the_flow_goes_on_and_what_cannot_do_without_is_not_sent(
    product: Installation, bare: ConnectedShop, store: StoreProcess, new: Any
) -> None:
    shop = bare
    plain = INCENTIVE.replace("Your code is {{ coupon.offer.code }}", "Hello").partition("<p>")[0]
    plain += "<p>Have a look</p>\n\n{% render 'button', label: \"To the shop\", url: shop.url %}\n"
    steps = "  - when: {coupon.offer.code: {exists: false}}\n    then: [{email: plain}]\n"
    shop.publish(OFFER + steps, incentive=INCENTIVE, plain=plain)
    store.act("update_scopes", scopes=["read_customers", "read_orders", "read_products"])
    try:
        subscribe(shop, ANN)
        product.settle()
    finally:
        store.act("update_scopes", scopes=list(GRANTED))
    assert new() == [] and [name for name, _ in shop.sent()] == ["plain"]
    assert [(row.channel, row.reason) for row in shop.rows(outbox)][:2] == [("coupon", "no_scope"), ("email", "render")]
    assert shop.one(runs).outcome == "completed"


def test_what_ends_the_flow_also_ends_what_it_wanted_done(product: Installation, shop: ConnectedShop, new: Any) -> None:
    subscribe(shop, ANN)
    product.settle("intake", "fetch", "flows")
    buy(shop, ANN)
    product.settle("intake")
    acting.act_due(shop.deps, shop.shop)
    assert new() == [] and [row.reason for row in shop.rows(outbox)] == ["exit_rule"]
    product.settle()
    assert new() == [] and shop.mails() == []


def test_a_message_whose_code_has_ended_is_not_sent(product: Installation, shop: ConnectedShop, new: Any) -> None:
    subscribe(shop, ANN)
    product.settle("intake", "fetch", "flows")
    acting.act_due(shop.deps, shop.shop)
    ended = (product.now - timedelta(seconds=1)).isoformat()
    product.settle("flows")
    run = shop.one(runs)
    told = {
        **run.position,
        "vars": {"coupon": {"offer": {**run.position["vars"]["coupon"]["offer"], "ends_at": ended}}},
    }
    shop.change(runs, {"position": told}, id=run.id)
    product.settle()
    assert shop.mails() == [] and [row.reason for row in shop.rows(outbox)] == [None, "render"]
    (skip,) = (line for line in shop.rows(trail) if line.code == "gate_skip")
    assert skip.detail["problem"].startswith("coupon_ended")


@pytest.fixture
def webhooks(store: StoreProcess) -> Iterator[Receiver]:
    with Receiver() as receiver:
        store.post("subscribe", uri=receiver.url, shops=[SHOP])
        yield receiver
        store.post("unsubscribe")


def test_an_order_with_the_code_is_known_to_be_the_flows(
    product: Installation, shop: ConnectedShop, store: StoreProcess, webhooks: Receiver
) -> None:
    subscribe(shop, ANN)
    product.settle()
    row = shop.one(coupons)
    store.act("create_order", email=ANN, items=[{"product": 1, "quantity": 2}], code=row.code.lower())
    hand_over(shop, webhooks.received)
    product.settle()
    used = shop.one(coupons)
    assert used.order_id and used.redeemed_at == product.now
    told = shop.one(events, name="coupon_redeemed")
    assert told.person_id == row.person_id
    assert (told.props["code"], told.props["coupon"], told.props["flow"]) == (row.code, "offer", "offers")
    hand_over(shop, webhooks.received)
    assert len(shop.rows(events, name="coupon_redeemed")) == 1
    with pytest.raises(AssertionError, match="usage limit"):
        store.act("create_order", email=BOB, items=[{"product": 1, "quantity": 2}], code=row.code)
