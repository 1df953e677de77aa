"""The templates for customers who have stayed away and subscribers who are asleep."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from flows.core import segments
from flows.simulator.happening import Happening
from tests.library.loyal import ORDER, SHOP, customer, done
from tests.library.playing import Played, at, play, shop, shopper

WIN_BACK = [("60d", "a-while"), ("75d", "new-arrivals"), ("90d", "twenty-off"), ("105d", "cleaning-our-list")]


def winning_back(*more: Happening, flows: Any = "win-back", until: str = "200d", **who: Any) -> Played:
    return play(flows, ORDER, *more, shopper=customer(**who), shop=SHOP, until=until)


@pytest.mark.row("S5-117")
@pytest.mark.row("S5-052")
def test_win_back_writes_on_days_60_75_90_and_105_after_the_last_order() -> None:
    played = winning_back()
    assert played.plan == WIN_BACK
    assert [(when, one["terms"]["percent"]) for when, one in done(played, "coupon")] == [("90d", 20)]
    first, second, third, last = (played.texts(n) for n in range(4))
    assert "%" not in first.text + second.text + last.text
    assert "20% off" in third.subject and "until June" in third.text
    assert last.subject.startswith("We're cleaning our list")


@pytest.mark.row("S5-121")
def test_whoever_does_not_answer_is_written_to_no_more() -> None:
    played = winning_back(at("-1d", "birthday_told", birthday="07-06"), flows=["win-back", "birthday"])
    assert done(played, "suppress") == [("112d", {"channels": ["email"]})]
    assert ("win-back", "suppressed") in played.outcomes
    assert played.reasons("card") == ["suppressed"]


@pytest.mark.row("S5-120")
def test_a_click_to_stay_ends_it_and_makes_them_active() -> None:
    stay = at("106d", "message_clicked", link="https://shop.example/?stay=yes")
    birthday = at("-1d", "birthday_told", birthday="07-06")
    played = winning_back(stay, birthday, flows=["win-back", "birthday"])
    assert played.outcomes[0] == ("win-back", "exit:message_clicked")
    assert done(played, "suppress") == [] and played.of("birthday")
    active = segments.of_shop({})
    told = {"activity": {"last_engaged_at": stay.at.isoformat()}}
    members = [segments.Membership(active, told, stay.at + timedelta(days=days)).get("active") for days in (1, 100)]
    assert members == [True, False]
    # The address is that of the button.
    assert "https://shop.example/?stay=yes" in played.texts(3).text


def test_another_click_in_the_last_email_keeps_them_too_but_goes_on_to_the_end() -> None:
    played = winning_back(at("106d", "message_clicked", link="https://shop.example/"))
    assert played.outcomes == [("win-back", "engaged")] and done(played, "suppress") == []


@pytest.mark.row("S5-119")
@pytest.mark.parametrize("after", ["59d", "60d 1m", "74d", "89d", "104d", "111d"])
def test_a_purchase_at_any_point_ends_the_win_back(after: str) -> None:
    played = winning_back(at(after, "order_placed"), until="118d" if after == "59d" else "119d")
    assert played.plan == [(when, name) for when, name in WIN_BACK if _before(when, after)]
    assert played.outcomes == ([("win-back", "goal")] if after != "59d" else [])


def _before(when: str, after: str) -> bool:
    return at(when, "login").at < at(after, "login").at


@pytest.mark.row("S5-118")
def test_the_win_back_counts_orders_within_the_60_days_of_its_emails_and_no_later_ones() -> None:
    assert winning_back(at("119d", "order_placed")).record.goals == {"win-back": 1}
    assert winning_back(at("121d", "order_placed")).record.goals == {}


@pytest.mark.parametrize(
    ("visit", "left"),
    # Engaged is whoever gave a sign of life in the last 30 days, asked for on days 75, 90 and 112.
    [("44d", 2), ("46d", 1), ("59d", 1), ("61d", 1), ("76d", 2), ("91d", 4)],
)
def test_whoever_looks_in_gets_no_further_win_back(visit: str, left: int) -> None:
    played = winning_back(at(visit, "site_visited"))
    assert played.plan == WIN_BACK[: left if visit != "44d" else 4]
    assert played.outcomes == [("win-back", "engaged" if visit != "44d" else "suppressed")]


def test_every_new_lapse_is_written_to_again_but_by_the_flow_for_once_in_a_life() -> None:
    again = at("100d", "order_placed")
    assert winning_back(again, until="165d").plan == [*WIN_BACK[:3], ("160d", "a-while")]


@pytest.mark.row("S3-08")
def test_once_in_a_life_each_customer_gets_the_follow_up() -> None:
    played = winning_back(at("100d", "order_placed"), flows="win-back-once", until="399d")
    assert played.plan == [("60d", "good-to-see-you")]
    assert played.record.refused[("win-back-once", "entered_before")] == 1


LADDER = [("30d", "day-30"), ("60d", "day-60"), ("90d", "day-90")]


@pytest.mark.row("S1-37")
def test_the_ladder_writes_after_30_60_and_90_days_with_the_shops_reward_on_the_last() -> None:
    played = winning_back(flows="win-back-ladder")
    assert played.plan == LADDER
    assert "12% off" in played.texts(2).text and "%" not in played.texts(0).text + played.texts(1).text
    without = play("win-back-ladder", ORDER, shopper=customer(), shop=shop(offers={}), until="100d")
    assert without.plan == LADDER and "%" not in without.texts(2).text
    for_all = shop(offers={"winback": {"code": "AGAIN", "percent": 15, "expires_days": 14}})
    shared = play("win-back-ladder", ORDER, shopper=customer(), shop=for_all, until="100d")
    assert "AGAIN" in shared.texts(2).text and done(shared, "coupon") == []


@pytest.mark.row("S4-21")
def test_one_time_buyers_are_asked_back_and_nobody_else() -> None:
    played = play(["one-time-buyers", "win-back"], ORDER, shop=SHOP, until="110d")
    assert played.plan == [("45d", "how-was-the-first"), ("55d", "for-the-second"), ("65d", "two-questions")]
    assert played.record.refused[("win-back", "excluded")] == 1
    assert "12% off your second order" in played.texts(1).subject
    twice = play("one-time-buyers", at("-10d", "order_placed"), ORDER, shop=SHOP, until="110d")
    assert twice.plan == []


# --- subscribers who are asleep


SUNSET = [("90d", "still-interested"), ("97d", "offer-for-customers"), ("104d", "stay-or-go")]


@pytest.mark.row("S4-23", "S4-25", "S4-26")
def test_sleeping_subscribers_get_an_offer_by_when_they_last_bought_and_are_let_go() -> None:
    for who, offer in ((customer(), "offer-for-customers"), (shopper(), "offer-for-readers")):
        played = play("sunset", at("0h", "site_visited"), shopper=who, shop=SHOP, until="200d")
        assert played.plan == [SUNSET[0], ("97d", offer), SUNSET[2]]
        assert "12% off" in played.texts(1).text and "12%" in played.texts(1).subject
        assert done(played, "suppress") == [("118d", {"channels": ["email"]})]


@pytest.mark.row("S4-24")
@pytest.mark.parametrize(("opened", "written_to"), [("1d", True), ("59d", False)])
def test_whoever_opened_something_in_the_last_three_months_is_left_in_peace(opened: str, written_to: bool) -> None:
    """Opens are no sign of life, so the clock runs; the first step asks for them."""
    told = at("-1d", "birthday_told", birthday="03-03"), at("20d", "site_visited")
    played = play(
        ["birthday", "sunset"], *told, at(opened, "message_opened"), shopper=shopper(), shop=SHOP, until="200d"
    )
    assert (played.of("sunset") != []) == written_to
    assert ("sunset", "suppressed" if written_to else "still-reading") in played.outcomes


@pytest.mark.parametrize("sign", ["order_placed", "message_clicked", "site_visited", "login"])
def test_any_sign_of_life_ends_the_sunset(sign: str) -> None:
    played = play("sunset", at("0h", "login"), at("96d", sign), shopper=shopper(), shop=SHOP, until="119d")
    assert played.plan == SUNSET[:1]
    assert played.outcomes == [("sunset", "goal" if sign == "order_placed" else f"exit:{sign}")]
