"""One person in virtual time: when flows write, what the gate holds, what ends them, and what cannot be told."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from connector.simulation import surroundings
from flows.core.vocabulary import EVENTS
from flows.definition_files import read_folder
from flows.simulator import deeds
from flows.simulator.cast import cast
from flows.simulator.happening import Happening
from flows.simulator.life import Endless, live
from flows.simulator.record import Record
from flows.simulator.telling import TELLS
from tests.library.playing import LIBRARY, OFFERS, START, at, later, play, shop, shopper
from tests.simulator.flows import flow

ABANDONED = at("0h", "checkout_updated", total="86.00")
NEWS = "trigger: {on: newsletter_subscribed}\n"
LETTERS = """flow: letters
trigger: {on: 'custom:news', key: event.properties.number}
reentry: always
steps:
  - email: one
"""


@pytest.mark.row("S5-079")
@pytest.mark.row("S2-37")
def test_messages_leave_at_the_moments_that_the_flow_says() -> None:
    played = play("cart-recovery", ABANDONED, until="10d")
    assert played.plan == [("1h", "reminder"), ("1d", "second-look"), ("2d", "incentive"), ("3d", "last-chance")]
    assert [one.after for one in played.sent] == [timedelta(hours=1), *(timedelta(days=n) for n in (1, 2, 3))]
    # The control: a checkout that goes on changing starts the clock anew each time.
    later_on = play("cart-recovery", ABANDONED, at("30m", "checkout_updated"), until="10d")
    assert later_on.plan[0] == ("1h 30m", "reminder")


@pytest.mark.row("S5-078")
def test_a_flow_starts_with_its_trigger_and_with_nothing_else() -> None:
    assert play("welcome", at("0h", "newsletter_subscribed"), until="1d").plan == [("0h", "hello")]
    others = [at("0h", "site_visited"), at("1h", "order_placed"), at("2h", "consent_changed", channel="sms")]
    assert play("welcome", *others, until="20d").plan == []
    bought = play("welcome", at("0h", "newsletter_subscribed"), shopper=shopper(orders_count=1))
    assert bought.plan == []
    assert bought.record.refused == {("welcome", "outside_audience"): 1}


@pytest.mark.row("S5-081")
@pytest.mark.row("S2-38")
def test_both_ways_of_a_condition_are_walked_and_the_trail_says_what_decided() -> None:
    with_sms = play("cart-recovery", ABANDONED, shopper=shopper(sms=True), until="10d")
    without = play("cart-recovery", ABANDONED, until="10d")
    assert with_sms.by("sms") == [("4h", "quick-reminder")]
    assert without.by("sms") == []
    asked = [
        next(line for line in played.record.lines if line.code == "branched").detail for played in (with_sms, without)
    ]
    assert [one["because"]["fact"] for one in asked] == ["subscribed", None]
    assert {one["because"]["field"] for one in asked} == {"person.consent.sms"}


@pytest.mark.row("S5-082")
def test_what_ends_a_flow_ends_it_there_and_then() -> None:
    bought = play("cart-recovery", ABANDONED, at("30h", "order_placed"), until="10d")
    assert bought.plan == [("1h", "reminder"), ("1d", "second-look")]
    assert bought.outcomes == [("cart-recovery", "goal")]
    assert bought.runs[0].after == timedelta(hours=30)
    left = play("cart-recovery", ABANDONED, at("2h", "unsubscribed"), until="10d")
    assert left.outcomes == [("cart-recovery", "exit:unsubscribed")]
    assert left.plan == [("1h", "reminder")]
    # By its key, whoever ordered; and an order that is about nothing of this goes unheard.
    friend = at("2h", "order_placed", checkout_token="checkout-1-1", stranger=True)
    assert play("cart-recovery", ABANDONED, friend, until="10d").plan == [("1h", "reminder")]
    nobody = at("2h", "order_placed", checkout_token="other", stranger=True)
    assert len(play("cart-recovery", ABANDONED, nobody, until="10d").plan) == 4


def test_a_flow_without_an_exit_goes_on_after_an_order() -> None:
    """The control of what ends a flow."""
    careless = flow(
        "flow: careless\ntrigger: {on: checkout_abandoned, key: event.checkout_token}\nhold_after_purchase: none\n"
        "steps:\n  - email: one\n  - wait: 1d\n  - email: two\n",
        "one",
        "two",
    )
    assert play(careless, ABANDONED, at("2h", "order_placed")).plan == [("1h", "one"), ("1d 1h", "two")]


@pytest.mark.row("S5-080")
def test_messages_are_filled_with_what_is_known_of_the_person() -> None:
    played = play("cart-recovery", ABANDONED, shopper=shopper(first_name="Bela"), until="3h")
    reminder = played.texts(0)
    assert "Bela" in reminder.subject + reminder.text
    assert "Linen apron" in reminder.text
    nameless = play("cart-recovery", ABANDONED, shopper=shopper(first_name=None), until="3h").texts(0)
    assert "Bela" not in nameless.text
    for sign in ("{{", "{%", "None", "[FirstName]"):
        assert sign not in nameless.subject + nameless.text


@pytest.mark.row("S5-083")
def test_incomplete_data_stop_a_message_with_a_reason_and_nothing_else() -> None:
    little = shopper(first_name=None, last_name=None, country=None, timezone=None, locale=None)
    whole = play(["welcome", "cart-recovery"], at("0h", "newsletter_subscribed"), shopper=little, render=True)
    assert len(whole.plan) == 5
    gone = shopper(email=True, sms=True, phone=None)
    gone.row["email"] = None
    played = play("cart-recovery", ABANDONED, shopper=gone, until="10d", render=True)
    assert played.plan == []
    assert {(one.reason) for one in played.held} == {"render"}
    assert played.outcomes == [("cart-recovery", "completed")]
    # What a message cannot do without.
    named = flow(f"flow: named\n{NEWS}steps:\n  - email: one\n", "one")
    bare = named.texts["one"].replace("Hello", "Hello {{ person.first_name }}")
    strict = type(named)(named.flow, {"one": bare})
    assert play(strict, at("0h", "newsletter_subscribed"), shopper=shopper(first_name=None), render=True).reasons(
        "one"
    ) == ["render"]
    assert play(strict, at("0h", "newsletter_subscribed"), render=True).plan == [("0h", "one")]


def test_consent_quiet_hours_and_caps_are_asked() -> None:
    told = at("0h", "checkout_updated", total="86.00")
    nobody = play("cart-recovery", told, shopper=shopper(email=False), until="10d")
    assert nobody.plan == []
    assert set(nobody.reasons("reminder")) == {"consent_unknown"}
    night = shop(quiet_hours={"start": "10:30", "end": "13:00"})
    quiet = play("cart-recovery", told, shop=night, until="10h")
    assert quiet.plan == [("3h", "reminder")]
    assert [(one.reason, one.until) for one in quiet.held] == [("quiet_hours", timedelta(hours=3))]
    letters = flow(LETTERS, "one")
    told = [at(f"{n}d 1h", "custom:news", number=n) for n in range(5)]
    capped = play(letters, *told, until="30d")
    assert capped.plan[:3] == [("1h", "one"), ("1d 1h", "one"), ("2d 1h", "one")]
    assert set(capped.reasons("one")) == {"shop_cap"}
    # The control: a shop that allows more.
    assert len(play(letters, *told, shop=shop(marketing_cap={"count": 5, "days": 7}), until="5d").plan) == 5


@pytest.mark.row("S5-031")
def test_five_flows_at_once_write_no_more_than_the_cap_allows() -> None:
    several = [
        flow(f"flow: news-{n}\n{NEWS}steps:\n  - email: one\n  - wait: 1d\n  - email: two\n", "one", "two")
        for n in range(5)
    ]
    played = play(several, at("0h", "newsletter_subscribed"), until="30d")
    moments = [START + one.after for one in played.sent]
    assert len(moments) >= 6
    # One on a day, three in any seven.
    days = [moment.date() for moment in moments]
    assert len(set(days)) == len(days)
    assert all(later - first > timedelta(days=7) for first, later in zip(moments, moments[3:], strict=False))
    # The control: with plans of their own they all write at once.
    own = [flow(f"flow: own-{n}\n{NEWS}cap: own\nsteps:\n  - email: one\n", "one") for n in range(5)]
    assert play(own, at("0h", "newsletter_subscribed")).plan == [("0h", "one")] * 5


def test_what_the_shops_cap_would_hold_of_a_flow_with_a_plan_of_its_own() -> None:
    """The welcome series writes four times within a week; a cap of three would stop the fourth."""
    played = play("welcome", at("0h", "newsletter_subscribed"), until="10d")
    assert [(one.message, one.would_wait) for one in played.record.sent] == [
        ("hello", None),
        ("story", None),
        ("favourites", None),
        ("guide", "shop_cap"),
        ("last-call", "shop_cap"),
    ]
    wide = shop(offers=OFFERS, marketing_cap={"count": 9, "days": 7})
    relaxed = play("welcome", at("0h", "newsletter_subscribed"), shop=wide, until="10d")
    assert {one.would_wait for one in relaxed.record.sent} == {None}


def test_a_goal_counts_after_the_flow_is_over() -> None:
    # The watch of three days outlives the run, which ends with its last message.
    short = flow(
        "flow: short\ntrigger: {on: checkout_started, key: event.checkout_token}\n"
        "goal: {on: order_placed, within: 3d}\nsteps:\n  - email: one\n",
        "one",
    )
    bought = play(short, at("0h", "checkout_started"), at("2d", "order_placed"))
    assert bought.outcomes == [("short", "completed")]
    assert bought.record.goals == {"short": 1}
    assert play(short, at("0h", "checkout_started"), at("4d", "order_placed")).record.goals == {}


def test_flows_start_by_the_calendar() -> None:
    weekly = flow(
        "flow: weekly\ntrigger: {on: schedule, every: monday, at: '09:00', zone: person, exact: true}\n"
        "reentry: always\nsteps:\n  - email: one\n",
        "one",
    )
    paris = shopper(timezone="Europe/Paris", country="FR")
    played = play(weekly, shopper=paris, until="21d")
    # Begun on a Tuesday at ten in London; nine in Paris is eight there.
    assert played.plan == [("5d 22h", "one"), ("12d 22h", "one"), ("19d 22h", "one")]


def test_what_steps_do_changes_the_person_and_tells_other_flows() -> None:
    tagging = flow(f"flow: tagging\n{NEWS}steps:\n  - tag: {{add: [VIP]}}\n  - score: {{lead: 50}}\n")
    hearing = flow("flow: hearing\ntrigger: {on: tag_added, where: {event.tag: VIP}}\nsteps:\n  - email: one\n", "one")
    qualified = flow("flow: qualified\ntrigger: {on: score_reached}\nsteps:\n  - end: lead\n")
    played = play([tagging, hearing, qualified], at("0h", "newsletter_subscribed"), until="1d")
    assert played.shopper.row["tags"] == ["VIP"]
    assert played.of("hearing") == [("0h", "one")]
    assert ("qualified", "lead") in played.outcomes
    assert [(one.action, one.data) for one in played.done] == [
        ("tag", {"add": ["VIP"], "remove": []}),
        ("score", {"lead": 50}),
    ]


def test_points_and_tiers_by_the_rules_of_the_programme() -> None:
    steps = "steps:\n  - points: {add: 50, reason: Hello}\n  - tier: {move: up}\n  - tier: {move: up}\n"
    giving = flow(f"flow: giving\n{NEWS}{steps}")
    rising = flow("flow: rising\ntrigger: {on: tier_upgraded}\nsteps:\n  - end: up\n")
    tiers = [{"name": "Silver", "points": 10}, {"name": "Gold", "points": 500}]
    member = shopper(loyalty={"points": 20, "tier": "Silver"})
    programme = shop(loyalty={"source": "api", "tiers": tiers})
    played = play([giving, rising], at("0h", "newsletter_subscribed"), shopper=member, shop=programme, until="1d")
    assert played.shopper.loyalty == {"points": 70, "tier": "Gold"}
    assert [one.result for one in played.done] == [
        {"points": 70, "before": 20},
        {"tier": "Gold", "before": "Silver"},
    ]
    assert ("rising", "up") in played.outcomes
    # A shop that keeps no loyalty data goes on without.
    assert play(giving, at("0h", "newsletter_subscribed"), shopper=shopper(loyalty={"points": 20})).done == []


def test_flows_that_answer_one_another_come_to_an_end() -> None:
    echo = "flow: {0}\ntrigger: {{on: 'custom:{0}'}}\nreentry: always\nsteps:\n  - event: {{name: {1}}}\n"
    ping, pong = flow(echo.format("ping", "pong")), flow(echo.format("pong", "ping"))
    played = play([ping, pong], at("0h", "custom:ping"), until="1d")
    assert played.record.entered == {"ping": 1, "pong": 1}
    assert played.record.refused[("ping", "moved_in_circles")] == 1


def test_coupons_are_made_once_and_end_when_they_say() -> None:
    played = play("cart-recovery", ABANDONED, until="10d")
    (made,) = played.done
    assert made.action == "coupon"
    assert made.result["percent"] == 10
    assert made.result["code"].startswith("BACK-")
    assert made.result["code"] in played.texts(2).text


def test_everything_that_can_happen_can_be_told() -> None:
    needed = [at("-3d", "checkout_started"), at("-2d", "order_placed"), at("-1d", "checkout_started")]
    given: dict[str, dict[str, Any]] = {
        "tag_added": {"tag": "VIP"},
        "tag_removed": {"tag": "VIP"},
        "segment_entered": {"segment_id": 5},
        "segment_left": {"segment_id": 5},
        "birthday_told": {"birthday": "04-01"},
        "subscription_started": {"renews_at": later("30d")},
    }
    letter = at("-4d", "newsletter_subscribed")
    for name in sorted(EVENTS.keys() | TELLS.keys() | {"custom:anything"}):
        played = play("welcome", *needed, letter, at("0h", name, **given.get(name, {})), until="1h")
        told = [line.detail["event"] for line in played.record.lines if line.code == "happened"]
        expected = "consent_changed" if name == "newsletter_subscribed" else name
        assert expected in told or name in ("consent_changed", "newsletter_subscribed"), name


def test_an_order_that_is_cancelled_counts_no_longer() -> None:
    bought = at("0h", "order_placed", total="40.00")
    assert play("welcome", bought).shopper.row["orders_count"] == 1
    undone = [at("1h", "order_cancelled"), at("2h", "order_deleted")]
    left = play("welcome", bought, *undone).shopper.row
    assert (left["orders_count"], left["total_spent"]) == (0, 0)


def test_what_cannot_be_told_says_why() -> None:
    with pytest.raises(ValueError, match="“nonsense” is no event here"):
        play("welcome", at("0h", "nonsense"))
    with pytest.raises(ValueError, match="there is no order that this could be about"):
        play("welcome", at("0h", "order_delivered"))
    with pytest.raises(ValueError, match="no message had left"):
        play("welcome", at("0h", "message_clicked"))


def test_a_life_that_never_comes_to_rest_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """Somebody for whom something happens at every moment."""
    monkeypatch.setattr("flows.simulator.life.MOST_TURNS", 50)
    with pytest.raises(Endless):
        play("welcome", *(at(f"{n}m", "site_visited") for n in range(1, 60)))


def test_answers_to_messages_are_lived_too() -> None:
    def leaves(sent: Any) -> list[Happening]:
        return [Happening(sent.at + timedelta(hours=5), "unsubscribed")]

    around = surroundings({"offers": OFFERS})
    played = cast([read_folder(LIBRARY / "welcome").flow], around)
    subscribed = [Happening(START, "newsletter_subscribed")]
    record = live(played, shopper(), subscribed, START, START + timedelta(days=9), record=Record(), answers=leaves)
    assert [one.message for one in record.sent] == ["hello"]
    assert [(one.outcome, one.at - START) for one in record.ended] == [("exit:unsubscribed", timedelta(hours=5))]


def test_an_action_that_nobody_here_knows_is_done_and_brings_nothing() -> None:
    assert "task" not in deeds.OUTCOMES
    asking = flow(f"flow: asking\n{NEWS}steps:\n  - task: {{title: Call them}}\n  - email: one\n", "one")
    played = play(asking, at("0h", "newsletter_subscribed"))
    assert [one.action for one in played.done] == ["task"]
    assert played.plan == [("0h", "one")]
