"""The templates for leads, business customers and trials."""

from __future__ import annotations

from typing import Any

import pytest

from flows.simulator.happening import Happening
from tests.library.loyal import DOWNLOAD, ORDER, SHOP, TARGET, TRIAL, WEBINAR, done
from tests.library.playing import Played, at, play, shopper

LEAD = [("0h", "content"), ("3d", "related"), ("7d", "case-study"), ("12d", "education")]
SALES = [("12d", "lets-talk"), ("15d", "what-others-ask"), ("19d", "last-word")]
# With the 10 of the download that began it: 40.
PRICES = [at(after, "page_viewed", url="https://shop.example/pricing") for after in ("1d", "2d")]


def lead(*more: Happening) -> Played:
    return play(["b2b-lead", "sales-sequence"], DOWNLOAD, *more, shop=SHOP, until="60d")


@pytest.mark.row("S5-144", "S5-258")
def test_leads_are_nurtured_and_those_below_50_points_go_on_for_the_long_term() -> None:
    clicks = [at(after, "message_clicked", message=of) for after, of in (("1h", "content"), ("8d", "case-study"))]
    played = lead(*PRICES, *clicks, at("11d", "message_clicked", message="related"))
    assert played.shopper.activity.scores["lead"] == {"": 49}
    assert played.plan == [*LEAD, ("19d", "no-hurry")]
    assert played.outcomes == [("b2b-lead", "long-term-nurture")]
    assert done(played, "list") == [("26d", {"add": "Long-term nurture", "remove": None})]
    assert "Buying in bulk" in played.texts(0).subject and "https://shop.example/guide.pdf" in played.texts(0).text


@pytest.mark.row("S5-144", "S5-145")
def test_exactly_50_points_are_enough_for_sales() -> None:
    played = lead(*PRICES, at("5d", "custom:content_downloaded", title="More"))
    assert played.shopper.activity.scores["lead"] == {"": 50}
    assert played.of("b2b-lead") == LEAD and played.of("sales-sequence")[0] == ("12d 23h", "lets-talk")
    assert played.outcomes[0] == ("b2b-lead", "moved:sales-sequence") and played.record.goals["b2b-lead"] == 1
    assert [when for when, _ in done(played, "notify")] == ["12d"]
    assert [when for when, _ in done(played, "task")] == ["12d"]


@pytest.mark.row("S5-144")
def test_wanting_more_of_the_same_makes_a_lead_warmer() -> None:
    played = lead(at("4d", "message_clicked", message="related"))
    # The download, the click, and what the flow adds for it.
    assert played.shopper.activity.scores["lead"] == {"": 10 + 3 + 5}
    assert done(played, "score") == [("4d", {"lead": 5})]
    assert [when for when, _ in played.plan] == ["0h", "3d", "7d", "12d", "19d"]


def test_whoever_gets_warm_by_the_last_email_is_handed_over_as_well() -> None:
    played = lead(*PRICES, at("20d", "custom:content_downloaded", title="More"))
    assert played.of("b2b-lead") == [*LEAD, ("19d", "no-hurry")]
    assert played.of("sales-sequence") == [("26d", "lets-talk"), ("29d", "what-others-ask"), ("33d", "last-word")]


def test_a_demo_that_is_asked_for_begins_the_sales_sequence_at_once() -> None:
    played = lead(at("5d", "custom:demo_requested"))
    assert played.of("b2b-lead") == LEAD[:2]
    assert played.of("sales-sequence") == [("5d", "lets-talk"), ("8d", "what-others-ask"), ("12d", "last-word")]
    booked = lead(at("5d", "custom:demo_requested"), at("6d", "custom:meeting_booked"))
    assert ("sales-sequence", "goal") in booked.outcomes and len(booked.of("sales-sequence")) == 1


@pytest.mark.row("S5-144", "S5-258")
@pytest.mark.parametrize(("came", "last"), [(True, "thank-you"), (False, "you-were-missed")])
def test_a_webinar_is_reminded_of_and_followed_up_while_the_lead_is_nurtured(came: bool, last: str) -> None:
    attended = [at("9d 5h", "custom:webinar_attended", webinar="w1")] if came else []
    played = play(["b2b-webinar", "b2b-lead", "sales-sequence"], WEBINAR, *attended, shop=SHOP, until="60d")
    assert played.of("b2b-webinar") == [("8d 4h", "tomorrow"), ("10d 4h", last)]
    assert played.of("b2b-lead") == [*LEAD, ("19d", "no-hurry")]


@pytest.mark.row("S5-258")
def test_new_business_customers_have_somebody_who_looks_after_them() -> None:
    played = play("b2b-onboarding", ORDER, shopper=shopper(tags=["b2b"]), shop=SHOP, until="60d")
    assert played.plan == [("1d", "who-looks-after-you"), ("7d", "ordering-made-easy"), ("30d", "how-is-it-going")]
    assert [when for when, _ in done(played, "task")] == ["0h"]
    assert play("b2b-onboarding", ORDER, shop=SHOP, until="60d").plan == []
    again = play("b2b-onboarding", ORDER, at("6d", "order_placed"), shopper=shopper(tags=["b2b"]), shop=SHOP)
    assert again.outcomes == [("b2b-onboarding", "goal")] and len(again.sent) == 1


@pytest.mark.row("S5-258")
def test_an_account_that_sales_has_chosen_is_approached_by_email_and_in_person() -> None:
    played = play("b2b-account", TARGET, shop=SHOP, until="60d")
    assert played.plan == [("2d", "a-thought"), ("9d", "an-example")]
    assert [when for when, _ in done(played, "task")] == ["0h", "6d", "16d"]
    assert play("b2b-account", at("0h", "tag_added", tag="other"), shop=SHOP, until="60d").done == []
    met = play("b2b-account", TARGET, at("3d", "custom:meeting_booked"), shop=SHOP, until="60d")
    assert met.outcomes == [("b2b-account", "goal")] and len(met.sent) == 1


SAAS = [
    ("1d", "getting-started"),
    ("2d", "feature-spotlight"),
    ("4d", "tips"),
    ("7d", "progress-report"),
    ("10d", "case-study"),
    ("12d", "upgrade-offer"),
    ("14d", "trial-ending"),
]


def trial(*more: Happening, **who: Any) -> Played:
    return play(["saas-trial", "saas-trial-inactive"], TRIAL, *more, shopper=shopper(**who), shop=SHOP, until="60d")


@pytest.mark.row("S5-156", "S5-258")
def test_a_trial_is_accompanied_on_days_1_2_4_7_10_12_and_14() -> None:
    daily = [at(f"{day}d 1h", "login") for day in range(1, 14)]
    played = trial(*daily)
    assert played.of("saas-trial") == SAAS and played.of("saas-trial-inactive") == []
    assert "catering" in played.texts(4).subject
    # What is about the trial itself goes to everybody, the rest to those who agreed.
    without = trial(*daily, email=False)
    assert without.plan == [SAAS[0], SAAS[3], SAAS[6]]


@pytest.mark.row("S5-157")
@pytest.mark.parametrize(
    ("logins", "asked"),
    # Each login begins the three days anew.
    [([], ["3d"]), (["2d"], ["5d"]), (["2d", "4d 23h"], ["7d 23h"]), (["2d", "10d"], ["5d", "13d"])],
)
def test_three_days_without_a_login_bring_an_offer_of_help(logins: list[str], asked: list[str]) -> None:
    played = trial(*(at(after, "login") for after in logins))
    assert played.of("saas-trial-inactive") == [(when, "need-help") for when in asked]
    assert played.of("saas-trial") == SAAS
    helped = next(n for n, one in enumerate(played.sent) if one.message == "need-help")
    assert all(way in played.texts(helped).text for way in ("A guided tour.", "Live support."))


@pytest.mark.row("S5-157")
def test_nobody_is_offered_help_after_the_trial() -> None:
    played = trial(*(at(f"{day}d", "login") for day in range(1, 15)), at("15d", "login"))
    assert played.of("saas-trial-inactive") == []
    assert ("saas-trial-inactive", "exit:custom:trial_ended") in played.outcomes


def test_a_subscription_ends_the_trial() -> None:
    played = trial(at("5d", "subscription_started"))
    assert played.of("saas-trial") == SAAS[:3]
    assert {("saas-trial", "goal"), ("saas-trial-inactive", "goal")} <= set(played.outcomes)
