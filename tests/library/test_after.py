"""After the purchase: when each message of these flows leaves, and what ends them, as their shipped files say it."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from flows.simulator.happening import Happening
from flows.simulator.surroundings import Surroundings
from tests.library.playing import LIBRARY, Played, at, later, play, shop, shopper

ORDERED, DELIVERED = at("0h", "order_placed"), at("4d", "order_delivered")
WITH_POINTS: Mapping[str, Any] = {"loyalty": {"points": 86}}


def rewritten(tmp_path: Path, flow: str, old: str, new: str) -> Path:
    """The shipped flow with one thing changed."""
    place = tmp_path / flow
    shutil.copytree(LIBRARY / flow, place)
    text = (place / "flow.yaml").read_text("utf-8")
    assert old in text
    (place / "flow.yaml").write_text(text.replace(old, new), "utf-8")
    return place


def runs_out(kind: str) -> Surroundings:
    """A shop that sells what lasts as long as this kind."""
    return shop(signals={"replenishment_due": {"products": [{"product": 11, "kind": kind}]}})


# --- after a first order


@pytest.mark.row("S5-101")
def test_after_a_first_order_the_course_follows_the_delivery() -> None:
    played = play("post-purchase", ORDERED, at("2d", "order_shipped"), DELIVERED, shopper=shopper(**WITH_POINTS))
    after_delivery = [("7d", "guide"), ("11d", "review-request"), ("18d", "cross-sell"), ("25d", "loyalty")]
    assert played.plan == [("0h", "thanks"), *after_delivery]
    assert played.outcomes == [("post-purchase", "completed")] and not played.held


@pytest.mark.row("S5-101")
@pytest.mark.parametrize("agreed", [True, False])
def test_order_emails_are_switched_on_by_one_word_and_need_no_consent(tmp_path: Path, agreed: bool) -> None:
    on = rewritten(tmp_path, "post-purchase", "winner: shopify", "winner: connector")
    who = shopper(email=agreed, **WITH_POINTS)
    played = play(on, ORDERED, at("2d", "order_shipped"), DELIVERED, shopper=who)
    plan = [("0h", "order-confirmation"), ("2d", "order-shipped")]
    marketing = [("7d", "guide"), ("11d", "review-request"), ("18d", "cross-sell"), ("25d", "loyalty")]
    assert played.plan == plan + (marketing if agreed else [])


def test_a_step_of_another_length_would_be_seen(tmp_path: Path) -> None:
    """The control of all timings here."""
    slower = rewritten(tmp_path, "post-purchase", "wait: 3d", "wait: 4d")
    assert ("7d", "guide") not in play(slower, ORDERED, DELIVERED).plan


@pytest.mark.row("S5-101")
def test_who_has_no_points_is_told_of_none_and_who_came_back_goes_on_the_list() -> None:
    once = play("post-purchase", ORDERED, DELIVERED)
    assert once.plan[-1] == ("18d", "cross-sell") and not once.done
    again = play("post-purchase", ORDERED, DELIVERED, at("20d", "order_placed"), shopper=shopper(**WITH_POINTS))
    (listed,) = again.done
    assert (listed.action, listed.data["add"], again.plan[-1]) == ("list", "Repeat customers", ("25d", "loyalty"))


@pytest.mark.row("S5-103")
def test_a_second_order_ends_nothing_and_changes_what_is_said() -> None:
    played = play("post-purchase", ORDERED, DELIVERED, at("9d", "order_placed"), at("12d", "order_delivered"))
    assert played.plan[1:] == [("7d", "guide"), ("11d", "review-request"), ("18d", "cross-sell-again")]
    assert played.outcomes == [("post-purchase", "completed")]


@pytest.mark.row("S5-104")
def test_a_return_ends_it_and_begins_the_flow_for_returns() -> None:
    played = play(["post-purchase", "order-returned"], ORDERED, DELIVERED, at("8d", "order_returned"))
    assert played.plan == [("0h", "thanks"), ("7d", "guide"), ("8d", "return-complete")]
    assert played.outcomes == [("post-purchase", "exit:order_returned"), ("order-returned", "completed")]
    (task,) = played.done
    assert task.action == "task"


def test_the_return_of_another_order_ends_nothing() -> None:
    second = at("5d", "order_placed", order_id=2)
    played = play("post-purchase", ORDERED, DELIVERED, second, at("8d", "order_returned", order_id=2))
    assert played.outcomes == [("post-purchase", "completed")]


@pytest.mark.row("S5-105")
def test_an_unsubscribe_ends_it() -> None:
    played = play("post-purchase", ORDERED, DELIVERED, at("8d", "unsubscribed"))
    assert played.plan == [("0h", "thanks"), ("7d", "guide")]
    assert played.outcomes == [("post-purchase", "exit:unsubscribed")]


@pytest.mark.row("S5-004")
def test_a_first_order_enters_and_a_later_one_does_not() -> None:
    assert play("post-purchase", ORDERED, until="1d").plan == [("0h", "thanks")]
    assert play("post-purchase", ORDERED, shopper=shopper(orders_count=1), until="1d").plan == []


@pytest.mark.row("S5-102")
def test_its_goal_is_somebody_who_keeps_coming_back() -> None:
    orders = [at(after, "order_placed") for after in ("9d", "10d")]
    assert play("post-purchase", ORDERED, DELIVERED, *orders).outcomes == [("post-purchase", "goal")]
    text = (LIBRARY / "post-purchase" / "flow.yaml").read_text("utf-8")
    assert "review" in text and "repeat purchase rate" in text


def test_without_a_delivery_nothing_is_asked_about_it() -> None:
    played = play("post-purchase", ORDERED)
    assert (played.plan, played.outcomes) == ([("0h", "thanks")], [("post-purchase", "not-delivered")])


# --- thanks, reviews, what goes with it


@pytest.mark.row("S1-38")
@pytest.mark.row("S1-13")
def test_thank_you_then_how_was_it_then_what_goes_with_it() -> None:
    delivered = play("thank-you", ORDERED, DELIVERED)
    assert delivered.plan == [("0h", "thanks"), ("9d", "how-was-it"), ("18d", "goes-with-it")]
    nothing_told = play("thank-you", ORDERED)
    assert nothing_told.plan == [("0h", "thanks"), ("19d", "how-was-it"), ("28d", "goes-with-it")]


@pytest.mark.row("S4-20")
@pytest.mark.row("S5-008")
def test_confirmation_and_thanks_first_then_a_word_to_a_friend(tmp_path: Path) -> None:
    plan = [("1h", "thanks"), ("21d", "pass-it-on")]
    assert play("order-follow-up", ORDERED).plan == plan
    on = rewritten(tmp_path, "order-follow-up", "winner: shopify", "winner: connector")
    assert play(on, ORDERED).plan == [("0h", "confirmation"), *plan]


@pytest.mark.row("S5-252")
def test_a_review_is_asked_for_seven_days_after_the_delivery_and_once() -> None:
    second_parcel = at("6d", "order_delivered", fulfillment_id=2)
    played = play("review-request", ORDERED, DELIVERED, second_parcel)
    assert played.plan == [("11d", "review-request")]
    in_post_purchase = play(["post-purchase", "review-request"], ORDERED, DELIVERED)
    assert [flow for flow, _ in in_post_purchase.outcomes] == ["post-purchase"]


@pytest.mark.row("S3-07")
@pytest.mark.parametrize("days", [30, 12])
def test_so_many_days_after_the_first_order(tmp_path: Path, days: int) -> None:
    flow = rewritten(tmp_path, "first-order-plus-days", "after: 30d", f"after: {days}d")
    assert play(flow, ORDERED).plan == [(f"{days}d", "how-is-it-going")]
    ordered_again = play(flow, ORDERED, at(f"{days - 1}d", "order_placed"))
    assert ordered_again.plan == []


def test_what_goes_with_an_order_two_weeks_after_it_arrived() -> None:
    regular = shopper(orders_count=3)
    assert play("cross-sell", ORDERED, DELIVERED, shopper=regular).plan == [("18d", "goes-with-it")]


# --- what is used up


@pytest.mark.row("S5-125")
@pytest.mark.parametrize(
    ("kind", "first"),
    [
        pytest.param("supplement-30", 23, marks=pytest.mark.row("S5-130")),
        pytest.param("coffee-1lb", 12, marks=pytest.mark.row("S5-131")),
        pytest.param("skincare-60ml", 40, marks=pytest.mark.row("S5-132")),
        pytest.param("pet-food-15lb", 28, marks=pytest.mark.row("S5-133")),
        pytest.param("razor-blades-8", 53, marks=pytest.mark.row("S5-134")),
    ],
)
def test_reminders_leave_on_the_day_of_the_product_then_after_5_and_7_days(kind: str, first: int) -> None:
    played = play("replenishment", ORDERED, shop=runs_out(kind))
    days = [(first, "running-low"), (first + 5, "reorder"), (first + 12, "subscribe-and-save")]
    assert played.plan == [(f"{day}d", message) for day, message in days]


def test_without_a_day_of_its_own_it_is_seven_days_before_the_end() -> None:
    own = shop(signals={"replenishment_due": {"products": [{"product": 11, "cycle_days": 50}]}})
    assert play("replenishment", ORDERED, shop=own).plan[0] == ("43d", "running-low")


@pytest.mark.row("S5-153")
def test_a_30_count_is_reminded_on_days_23_28_and_32() -> None:
    played = play("replenishment-30", ORDERED, shop=runs_out("supplement-30"))
    assert played.plan == [("23d", "running-low"), ("28d", "two-days-left"), ("32d", "subscribe-and-save")]
    (coupon,) = played.done
    assert coupon.result["percent"] == 5
    assert "5% off" in played.texts(1).subject and coupon.result["code"] in played.texts(1).text
    assert "15%" in played.texts(2).subject


@pytest.mark.row("S5-154")
def test_a_90_count_is_reminded_on_days_75_82_and_88() -> None:
    played = play("replenishment-90", ORDERED, shop=runs_out("supplement-90"))
    assert played.plan == [("75d", "two-weeks-left"), ("82d", "a-week-left"), ("88d", "subscription-offer")]
    (coupon,) = played.done
    assert coupon.result["code"] in played.texts(1).text and "ubscri" in played.texts(2).text


@pytest.mark.row("S5-155")
@pytest.mark.parametrize("message", [0, 1])
def test_the_same_again_is_one_click(message: int) -> None:
    ordered = at("0h", "order_placed", items=[{"quantity": 2}])
    written = play("replenishment", ordered, shop=runs_out("supplement-30")).texts(message)
    assert written.text.count("/cart/111:2") == 1 and "/cart/111:2" in written.html


def test_each_of_them_is_for_its_own_kind() -> None:
    for flow, other in (("replenishment-30", "supplement-90"), ("replenishment-90", "supplement-30")):
        assert play(flow, ORDERED, shop=runs_out(other)).plan == []


@pytest.mark.row("S5-126", "S5-127")
@pytest.mark.parametrize(("again", "left"), [("24d", 1), ("29d", 2), ("36d", 3)])
def test_a_reorder_ends_it_and_sets_the_clock_anew(again: str, left: int) -> None:
    played = play("replenishment", ORDERED, at(again, "order_placed"), shop=runs_out("supplement-30"), until="60d")
    first = [("23d", "running-low"), ("28d", "reorder"), ("35d", "subscribe-and-save")][:left]
    anew = f"{int(again[:-1]) + 23}d"
    assert [one for one in played.plan if one[0] < anew] == first
    assert (anew, "running-low") in played.plan
    assert "target: 20 %" in (LIBRARY / "replenishment" / "flow.yaml").read_text("utf-8")
    if left < 3:
        assert played.outcomes[0] == ("replenishment", "goal")


ENDS = [
    pytest.param(at("25d", "subscription_started"), "subscription_started", marks=pytest.mark.row("S5-128")),
    pytest.param(
        at("25d", "product_discontinued", product_id=11, stranger=True),
        "product_discontinued",
        marks=pytest.mark.row("S5-129"),
    ),
    pytest.param(at("25d", "unsubscribed"), "unsubscribed"),
]


@pytest.mark.parametrize(("what", "ends"), ENDS)
@pytest.mark.parametrize(("flow", "kind"), [("replenishment", "supplement-30"), ("replenishment-30", "supplement-30")])
def test_what_else_ends_the_reminders(what: Happening, ends: str, flow: str, kind: str) -> None:
    played = play(flow, ORDERED, what, shop=runs_out(kind))
    assert played.plan == [("23d", "running-low")] and played.outcomes == [(flow, f"exit:{ends}")]


def test_another_product_that_goes_ends_nothing() -> None:
    gone = at("25d", "product_discontinued", product_id=12, stranger=True)
    played = play("replenishment", ORDERED, gone, shop=runs_out("supplement-30"))
    assert played.outcomes == [("replenishment", "completed")]


def test_without_the_rule_the_reminders_would_go_on(tmp_path: Path) -> None:
    """The control of the exits."""
    rule = "exit: [order_placed, subscription_started, product_discontinued, unsubscribed]"
    endless = rewritten(tmp_path, "replenishment", rule, "exit: [order_placed]")
    played = play(endless, ORDERED, at("25d", "subscription_started"), shop=runs_out("supplement-30"))
    assert len(played.plan) == 3


# --- subscriptions and the catalogue


def renewing(*more: Happening) -> Played:
    begun = at("0h", "subscription_started", renews_at=later("30d"), plan="Monthly box")
    return play("subscription-renewal", begun, *more, shopper=shopper(email=False), until="60d")


@pytest.mark.row("S2-12")
def test_a_renewal_is_announced_a_week_before_whatever_was_agreed_to() -> None:
    played = renewing()
    assert played.plan == [("23d", "renewal")]
    assert "Monthly box" in played.texts(0).text and "April 2, 2026" in played.texts(0).text
    assert renewing(at("10d", "subscription_cancelled")).plan == []


def test_who_asked_is_told_that_it_is_back_and_others_only_if_they_agreed() -> None:
    for why, agreed, left in [("asked", False, "you-asked"), ("viewed", True, "back"), ("viewed", False, None)]:
        played = play("back-in-stock", at("0h", "back_in_stock", why=why), shopper=shopper(email=agreed))
        assert played.plan == ([("0h", left)] if left else [])


def test_what_was_asked_for_is_told_of_each_product() -> None:
    both = [at("0h", "back_in_stock", why="asked"), at("1h", "back_in_stock", why="asked", variant_id=112)]
    assert play("back-in-stock", *both).plan == [("0h", "you-asked"), ("1h", "you-asked")]


@pytest.mark.parametrize("over", ["price_raised", "out_of_stock_again"])
def test_a_price_drop_is_told_after_an_hour_unless_it_is_over_by_then(over: str) -> None:
    dropped = at("0h", "price_dropped", old="86.00", new="68.80")
    assert play("price-drop", dropped).plan == [("1h", "cheaper-now")]
    played = play("price-drop", dropped, at("30m", over, stranger=True))
    assert (played.plan, played.outcomes) == ([], [("price-drop", f"exit:{over}")])
    assert play("price-drop", dropped, at("30m", "order_placed")).plan == []


def test_few_left_is_told_at_once_and_not_beside_a_cart_reminder() -> None:
    assert play("low-stock", at("0h", "low_stock")).plan == [("0h", "few-left")]
    carted = play(["cart-recovery", "low-stock"], at("0h", "checkout_updated"), at("2h", "low_stock"), until="10d")
    assert carted.of("low-stock") == []


# --- numbers that are reached


@pytest.mark.row("S3-09")
def test_a_number_of_orders_counts_those_that_are_paid() -> None:
    def plan(*happening: Any, count: int = 2) -> list[tuple[str, str]]:
        return play("number-of-orders", *happening, shopper=shopper(orders_count=count)).plan

    unpaid = at("0h", "order_placed", financial_status="pending", order_id=1)
    assert plan(unpaid, at("3d", "order_paid")) == [("3d", "thank-you")]
    assert plan(unpaid) == plan(unpaid, at("1d", "order_cancelled")) == []
    # An earlier one that is not paid does not count, nor one that is called off; it counts once it is paid.
    third = at("1d", "order_placed", order_id=2), at("1d", "order_paid", order_id=2)
    assert plan(unpaid, *third, count=1) == []
    assert plan(unpaid, at("1h", "order_cancelled"), *third, count=1) == []
    late = at("5d", "order_paid", order_id=1)
    assert plan(unpaid, *third, late, count=1) == [("5d", "thank-you")]


@pytest.mark.row("S3-10")
def test_an_amount_spent_in_all() -> None:
    paid = at("1h", "order_paid")
    for spent, plan in (("450", [("1h", "thank-you")]), ("400", []), ("520", [])):
        who = shopper(orders_count=4, total_spent=spent)
        assert play("total-spent", at("0h", "order_placed", total="90.00"), paid, shopper=who).plan == plan


def test_the_fifth_tenth_and_twentieth_order_are_celebrated() -> None:
    for before, plan in ((4, ["1d"]), (9, ["1d"]), (19, ["1d"]), (5, [])):
        played = play("milestone", ORDERED, shopper=shopper(orders_count=before))
        assert [after for after, _ in played.plan] == plan
        assert bool(played.done) == (before == 19)
        assert not plan or f"number {before + 1}" in played.texts(0).subject
