"""The templates for birthdays, years, VIPs, points and tiers."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from flows.simulator.happening import Happening
from tests.library.loyal import ENDS, GOLD, SHOP, SILVER, customer, done, vip
from tests.library.playing import at, later, play, say, shop


@pytest.mark.row("S1-39", "S3-05")
def test_a_birthday_is_wished_at_nine_in_the_morning_with_a_small_gift() -> None:
    told = at("0h", "birthday_told", birthday="03-10")
    played = play(["birthday", "birthday-vip"], told, shop=SHOP, until="380d")
    assert [(flow.flow, say(flow.after)) for flow in played.sent] == [("birthday", "6d 23h"), ("birthday", "371d 23h")]
    assert "Happy birthday, Ada" in played.texts(0).subject and "10% off" in played.texts(0).text
    plain = play("birthday", told, shop=shop(signals={"birthday": {"metafield": "facts.birth_date"}}), until="30d")
    assert "%" not in plain.texts(0).text


@pytest.mark.row("S5-137")
@pytest.mark.parametrize("who", [{"total_spent": "500"}, {"tags": ["VIP"], "total_spent": "80"}])
def test_vips_get_the_larger_gift_and_only_that(who: dict[str, Any]) -> None:
    told = at("0h", "birthday_told", birthday="03-10")
    played = play(["birthday", "birthday-vip"], told, shopper=customer(**who), shop=SHOP, until="30d")
    assert [(one.flow, say(one.after)) for one in played.sent] == [("birthday-vip", "6d 23h")]
    assert "30% off" in played.texts(0).text


@pytest.mark.row("S1-39", "S5-138")
def test_each_year_since_the_first_order_is_thanked_for_and_vips_in_words_of_their_own() -> None:
    for total, message in (("40.00", "years"), ("500.00", "years-of-a-vip")):
        played = play("anniversary", at("0h", "order_placed", total=total), shop=SHOP, until="399d")
        assert played.plan == [("365d", message)]
        assert "year" in played.texts(0).subject and "10% off" in played.texts(0).text


# --- VIPs


VIP = ["congratulations", "your-perks", "this-week-only"]


@pytest.mark.row("S5-135")
@pytest.mark.parametrize(("total", "enters"), [("499.99", False), ("500.00", True), ("1200.00", True)])
def test_vips_by_spending_are_written_to_at_once_and_on_days_3_and_10(total: str, enters: bool) -> None:
    played = play("vip", at("0h", "order_placed", total=total), shop=SHOP, until="60d")
    assert played.plan == (list(zip(["0h", "3d", "10d"], VIP, strict=True)) if enters else [])
    if enters:
        ((_, coupon),) = done(played, "coupon")
        assert coupon["terms"]["percent"] == 25 and "25% off, this week only" in played.texts(2).text
        assert done(played, "tag") == [("10d", {"add": ["VIP"], "remove": []})]
        perks = played.texts(1).text
        assert all(one in perks for one in ("Early access", "Discounts", "Priority support", "Free shipping"))


@pytest.mark.row("S5-135")
def test_vips_by_tier_take_the_same_way() -> None:
    up = at("1h", "loyalty_changed", points=1200, tier="Platinum")
    played = play(["vip-by-tier", "vip"], SILVER, up, shop=SHOP, until="60d")
    assert played.of("vip") == list(zip(["1h", "3d 1h", "10d 1h"], VIP, strict=True))
    assert done(played, "tag")[0][1]["add"] == ["VIP"]


@pytest.mark.row("S5-136")
def test_an_order_of_a_vip_stops_no_email_and_a_used_code_is_what_counts() -> None:
    start, next_order = at("0h", "order_placed", total="600.00"), at("4d", "order_placed", total="20.00")
    used = at("12d", "coupon_redeemed", code="VIP-1", coupon="vip", flow="vip")
    played = play("vip", start, next_order, used, shop=SHOP, until="60d")
    assert [name for _, name in played.plan] == VIP and played.record.goals == {"vip": 1}
    unused = play("vip", start, next_order, shop=SHOP, until="60d")
    assert unused.record.goals == {}


@pytest.mark.row("S2-33")
def test_gold_brings_a_congratulation_a_code_a_tag_and_a_task_the_same_day() -> None:
    played = play(["vip-gold", "tier-up"], SILVER, GOLD, shop=SHOP, until="60d")
    assert [(one.flow, say(one.after)) for one in played.sent] == [("vip-gold", "1h")]
    ((when, coupon),) = done(played, "coupon")
    assert (when, coupon["terms"]["percent"]) == ("1h", 20) and "20% off" in played.texts(0).text
    assert [(when, one["add"]) for when, one in done(played, "tag")] == [("1h", ["VIP"])]
    assert [when for when, _ in done(played, "task")] == ["1h"]
    # What nobody can make keeps no congratulation back.
    assert play("vip-gold", SILVER, at("1h", "loyalty_changed", points=300, tier="Silver"), shop=SHOP).plan == []


@pytest.mark.row("S5-139")
@pytest.mark.parametrize(("clicks", "left"), [(False, 2), (True, 1)])
def test_vips_see_what_is_new_a_day_early(clicks: bool, left: int) -> None:
    # 10:00 on the day in the file, spread over five minutes as every schedule is.
    looked = [at("363d 1h", "message_clicked")] if clicks else []
    played = play("vip-launch", *looked, shopper=vip(), shop=SHOP, until="380d")
    assert [name for _, name in played.plan] == ["first-look", "before-everybody-else"][:left]
    first, *second = [one.after for one in played.sent]
    assert timedelta(days=363) <= first < timedelta(days=363, minutes=5)
    assert [one - first for one in second] == [timedelta(hours=22)] * (left - 1)
    assert play("vip-launch", shopper=customer(), shop=SHOP, until="380d").plan == []


@pytest.mark.row("S5-140")
def test_vips_get_a_higher_discount_in_the_sale() -> None:
    played = play("vip-sale", shopper=vip(), shop=SHOP, until="399d")
    assert [name for _, name in played.plan] == ["your-sale", "last-day"]
    first, second = (one.after for one in played.sent)
    assert timedelta(days=384) <= first < timedelta(days=384, minutes=5) and second == timedelta(days=386)
    assert "30% off" in played.texts(0).text and "30%" in played.texts(1).preview
    plain = play("vip-sale", shopper=vip(), shop=shop(offers={}), until="399d")
    assert [name for _, name in plain.plan] == ["your-sale"] and "%" not in plain.texts(0).text
    bought = play("vip-sale", at("385d", "order_placed"), shopper=vip(), shop=SHOP, until="399d")
    assert bought.outcomes == [("vip-sale", "goal")] and len(bought.sent) == 1


# --- points and tiers


UP = at("1h", "loyalty_changed", points=230, tier="Silver")
LOYALTY: dict[str, tuple[list[Happening], list[tuple[str, str]], str]] = {
    "tier-up": ([at("0h", "loyalty_changed", points=100, tier=None), UP], [("1h", "you-moved-up")], "Silver"),
    "tier-risk": ([ENDS], [("30d", "good-until"), ("52d 22h", "one-week-left")], "Gold"),
    "close-to-tier": (
        [SILVER, at("1h", "loyalty_changed", points=460, tier="Silver")],
        [("1d", "almost-there")],
        "40 points to Gold",
    ),
    "reward-available": (
        [
            at("0h", "loyalty_changed", points=300, tier="Silver", reward=None),
            at("1h", "loyalty_changed", points=300, tier="Silver", reward="A mug"),
        ],
        [("1h", "your-reward"), ("14d 1h", "still-yours")],
        "A mug",
    ),
    "points-expiring": ([ENDS], [("30d", "a-month-left"), ("52d 22h", "a-week-left")], "300"),
}


@pytest.mark.parametrize("flow", LOYALTY)
def test_points_and_tiers_are_told_of_in_time(flow: str) -> None:
    happened, plan, said = LOYALTY[flow]
    played = play(flow, *happened, shop=SHOP, until="90d")
    assert played.plan == plan
    assert said in played.texts(0).subject + played.texts(0).preview + played.texts(0).text


@pytest.mark.parametrize("flow", ["tier-risk", "points-expiring"])
def test_nobody_is_reminded_of_an_end_that_has_moved(flow: str) -> None:
    moved = at("40d", "loyalty_changed", points=300, tier="Gold", expires_at=later("365d"))
    played = play(flow, ENDS, moved, shop=SHOP, until="90d")
    assert played.plan == LOYALTY[flow][1][:1] and played.outcomes == [(flow, "kept")]


def test_a_reward_that_is_gone_is_not_reminded_of() -> None:
    gone = at("5d", "loyalty_changed", points=300, tier="Silver", reward=None)
    played = play("reward-available", *LOYALTY["reward-available"][0], gone, shop=SHOP, until="90d")
    assert played.plan == [("1h", "your-reward")]
