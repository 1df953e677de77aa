"""Coupons in the pure core: what a step wants, what it leaves in the run, and when its code must still be good."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest

from connector import coupon_codes
from connector.shops import ShopSettingsSchema
from flows.content.context import coupons_in
from flows.content.source import parse
from flows.core import conditions
from flows.core.coupons import lead
from flows.core.gate import GateFacts, GateMessage, Send, Skip, gate, may_act
from flows.core.machine import advance
from flows.core.model import EffectDone, Entered, FlowVersion, Run
from flows.core.problems import DefinitionError
from flows.definition_files import compile_texts

NOW = datetime(2026, 11, 2, 9, tzinfo=UTC)
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
SHOWS = "---\nsubject: Hello\npurpose: marketing\n---\n<p>{{ coupon.offer.code }}</p>\n"
PLAIN = "---\nsubject: Hello\npurpose: marketing\ndeadline: 6h\n---\n<p>Hello</p>\n"
HEAD = "flow: f\nname: F\ntrigger: {on: first_order}\nsteps:\n"
OFFER = "  - coupon: {as: offer, percent: 10, valid: 3d}\n"


def flow(*steps: str) -> FlowVersion:
    return compile_texts(HEAD + "".join(steps), {"shows": SHOWS, "again": SHOWS, "plain": PLAIN}).flow


def entered(found: FlowVersion) -> Run:
    run = Run(UUID(int=1), "f", 1, 7, "", "live", None, NOW, NOW, NOW, {}, at=found.first)
    return advance(found, run, Entered(), {}, NOW).run


def test_a_step_wants_its_code_and_leaves_it_in_the_run() -> None:
    found = flow(
        OFFER, "  - when: {coupon.offer.percent: {gte: 10}}\n    then: [{email: shows}]\n    else: [{email: plain}]\n"
    )
    run = entered(found)
    assert run.waiting is not None
    ((_, key),) = run.waiting.wakes_on
    made = EffectDone(key, "accepted", "", NOW, {"code": "X", "percent": 10, "ends_at": None})
    moved = advance(found, run, made, {}, NOW)
    assert moved.run.vars["coupon"] == {"offer": {"code": "X", "percent": 10, "ends_at": None}}
    assert [effect.message for effect in moved.effects] == ["shows"]
    refused = advance(found, run, EffectDone(key, "skipped", "no_scope", NOW), {}, NOW)
    assert refused.run.vars["coupon"] == {"offer": None} and [one.message for one in refused.effects] == ["plain"]


FROM_SETTINGS = "  - coupon: {as: offer, percent: shop.offers.cart.percent, valid: 3d}\n  - email: plain\n"


@pytest.mark.parametrize("percent", [1, 100])
def test_the_settings_may_say_the_per_cent(percent: int) -> None:
    found = flow(FROM_SETTINGS)
    assert found.needs == {"shop"}
    run = Run(UUID(int=1), "f", 1, 7, "", "live", None, NOW, NOW, NOW, {}, at=found.first)
    facts = {"shop": {"offers": {"cart": {"code": None, "percent": percent}}}}
    (effect,) = advance(found, run, Entered(), facts, NOW).effects
    assert effect.data is not None and effect.data["terms"]["percent"] == percent


@pytest.mark.parametrize("offers", [{}, *({"cart": {"percent": one}} for one in (None, 0, 101, 12.5, "15", True))])
def test_without_a_per_cent_the_flow_goes_on_without_a_coupon(offers: dict[str, Any]) -> None:
    found = flow(FROM_SETTINGS)
    run = Run(UUID(int=1), "f", 1, 7, "", "live", None, NOW, NOW, NOW, {}, at=found.first)
    moved = advance(found, run, Entered(), {"shop": {"offers": offers}}, NOW)
    assert [effect.message for effect in moved.effects] == ["plain"] and moved.run.vars["coupon"] == {"offer": None}
    (line,) = [line for line in moved.trail if line.code == "coupon_skipped"]
    assert line.detail == {"coupon": "offer", "reason": "no_percent"}


@pytest.mark.parametrize(
    ("offer", "taken"),
    [({"code": "X"}, True), ({"percent": 10}, True), ({}, False), ({"percent": 0}, False), ({"percent": 101}, False)],
)
def test_an_offer_has_a_code_or_what_makes_one(offer: dict[str, Any], taken: bool) -> None:
    wrong = ShopSettingsSchema().validate({"offers": {"cart": offer}})
    assert (wrong == {}) is taken, wrong


def test_what_is_wanted_is_no_message() -> None:
    found = flow(OFFER, "  - email: shows\n")
    run = Run(UUID(int=1), "f", 1, 7, "", "live", None, NOW, NOW, NOW - HOUR, {}, at=found.first)
    (effect,) = advance(found, run, Entered(), {}, NOW).effects
    assert (effect.channel, effect.message, effect.purpose) == ("coupon", "", "transactional")
    assert effect.data is not None and effect.data["name"] == "offer"
    # Late is counted from when the flow meant it.
    assert effect.due_at == NOW - HOUR and effect.deadline == effect.due_at + DAY


@pytest.mark.parametrize(
    ("behind", "longest"),
    [
        ("  - email: shows\n", DAY),
        ("  - email: plain\n  - email: shows\n", 6 * HOUR + DAY),
        ("  - wait: 2h\n  - email: shows\n", 2 * HOUR + DAY),
        ('  - wait: {until: "09:00"}\n  - email: shows\n', 25 * HOUR + DAY),
        ("  - wait: {until: +5h from trigger}\n  - email: shows\n", 5 * HOUR + DAY),
        # Five days have passed when the second wait begins.
        ("  - wait: {until: +5d from trigger}\n  - wait: {until: +6d from trigger}\n  - email: shows\n", 7 * DAY),
        ("  - wait: 5d\n  - wait: {until: +6d from trigger}\n  - email: shows\n", 7 * DAY),
        # The longer of two ways.
        ("  - when: {event.total: {gt: 5}}\n    then: [{wait: 4h}]\n  - email: shows\n", 4 * HOUR + DAY),
        # What comes behind the first one that shows it is the validity's business.
        ("  - email: shows\n  - wait: 2d\n  - email: again\n", DAY),
        ("  - email: plain\n", timedelta(0)),
    ],
)
def test_the_lead_is_the_longest_that_the_first_message_may_take(behind: str, longest: timedelta) -> None:
    assert lead(flow(OFFER, behind), "coupon-offer") == longest


@pytest.mark.parametrize("wait", ["71h", "72h"])
def test_a_message_that_would_show_a_code_that_has_ended_is_refused(wait: str) -> None:
    steps = (OFFER, "  - wait: 1w\n", "  - email: shows\n", f"  - wait: {wait}\n", "  - email: again\n")
    if wait == "71h":
        flow(*steps)
        return
    with pytest.raises(DefinitionError, match="when it has ended"):
        flow(*steps)
    # Another code of the same name is another matter.
    flow(*steps[:-1], OFFER, "  - email: again\n")


@pytest.mark.parametrize(("last", "refused"), [("+9d", False), ("+10d", True)])
def test_between_two_days_of_the_plan_lies_what_lies_between_them(last: str, refused: bool) -> None:
    """Also by the shortest way to the first of them: who enters late waits less."""
    first = "  - when: {event.total: {gt: 5}}\n    then: [{wait: 1d}]\n  - wait: {until: +7d from trigger}\n"
    steps = (first, OFFER, "  - email: shows\n", f"  - wait: {{until: {last} from trigger}}\n", "  - email: again\n")
    if not refused:
        assert lead(flow(*steps), "coupon-offer") == DAY
        return
    with pytest.raises(DefinitionError, match="when it has ended"):
        flow(*steps)


@pytest.mark.parametrize(
    ("coupon", "said"),
    [
        ("{as: offer, percent: 10}", "how long the code is valid"),
        ("{as: offer, valid: 3d}", "one of percent, amount and pool"),
        ("{as: offer, percent: 10, amount: 5, valid: 3d}", "one of percent, amount and pool"),
        ("{as: offer, pool: summer, prefix: SUN}", "the pool has its own prefix"),
        ("{as: offer, percent: 0, valid: 3d}", "a whole number from 1 to 100"),
        ("{as: offer, percent: shop.offers.crat.percent, valid: 3d}", "one of shop.offers.welcome.percent"),
        ("{as: other, percent: 10, valid: 3d}", "the coupon “offer”, which no step makes"),
        ("{as: offer, percent: 10, valid: 3x}", "no length of time"),
        ("{as: offer, amount: 0, valid: 3d}", "greater than or equal to 0.01"),
    ],
)
def test_what_the_author_of_a_wrong_coupon_reads(coupon: str, said: str) -> None:
    with pytest.raises(DefinitionError) as told:
        flow(f"  - coupon: {coupon}\n", "  - email: shows\n")
    assert said in str(told.value)


def test_conditions_ask_only_for_coupons_that_are_made() -> None:
    with pytest.raises(DefinitionError, match="coupon.other.code"):
        flow(OFFER, "  - when: {coupon.other.code: {exists: true}}\n    then: [{email: plain}]\n")
    before = conditions.from_data({"coupon.offer.code": {"exists": True}})
    assert conditions.truth(conditions.evaluate(before, {}, NOW)) == "cannot tell"


def test_only_the_end_of_a_run_stops_an_action() -> None:
    asked = GateMessage("f", UUID(int=1), "coupon", "marketing", "count", 50, NOW, NOW + DAY)
    hindered = GateFacts(suppressed="complaint", held="flow_paused", render_problem="x")
    assert isinstance(may_act(asked, hindered, NOW), Send)
    assert not isinstance(gate(asked, hindered, NOW), Send), "the control: a message is stopped"
    for facts, reason in (
        (GateFacts(erased=True), "erased"),
        (GateFacts(goal_reached=True), "goal_reached"),
        (GateFacts(exit_mark="order_placed"), "exit_rule"),
    ):
        verdict = may_act(asked, facts, NOW)
        assert isinstance(verdict, Skip) and verdict.reason == reason
    late = may_act(asked, GateFacts(), NOW + 2 * DAY)
    assert isinstance(late, Skip) and late.reason == "deadline"


def test_messages_say_which_coupons_they_show() -> None:
    source = parse("m", SHOWS)
    assert coupons_in(source.body, "{% if coupon.other %}") == ("offer", "other")
    assert flow(OFFER, "  - email: shows\n  - email: plain\n").definition["messages"]["shows"]["coupons"] == ["offer"]
    assert "coupons" not in flow(OFFER, "  - email: shows\n  - email: plain\n").definition["messages"]["plain"]


def test_codes_follow_from_their_key_and_from_nothing_that_others_know() -> None:
    codes = {coupon_codes.code(b"salt", f"key {number}") for number in range(2000)}
    assert len(codes) == 2000 and all(set(code) <= set(coupon_codes.ALPHABET) for code in codes)
    one = coupon_codes.code(b"salt", "key", 0, "CART")
    others: list[Any] = [(b"other", "key", 0), (b"salt", "key", 1), (b"salt", "another", 0)]
    assert one == coupon_codes.code(b"salt", "key", 0, "CART") and one.startswith("CART-")
    assert len({one, *(coupon_codes.code(*other, "CART") for other in others)}) == 4
    assert len(coupon_codes.ALPHABET) ** coupon_codes.LENGTH > 2**40
    assert not set(coupon_codes.ALPHABET) & set("B8I1O0S5Z2")
