"""Invented shoppers: the same for the same seed, and people of whom every kind is there."""

from __future__ import annotations

from datetime import timedelta
from time import process_time

import pytest

from connector.simulation import surroundings
from flows.core.gate import Skip
from flows.definition_files import folders_in, read_folder
from flows.simulator import desk
from flows.simulator.cast import Cast, cast, within
from flows.simulator.life import live
from flows.simulator.report import Report, in_all
from flows.simulator.script import BEGINNING
from flows.simulator.storefront import Habits, answering, drawn_borders, life, quantiles, shoppers
from tests.library.playing import LIBRARY, OFFERS

SHIPPED = ("welcome", "cart-recovery")


def flows(*names: str, segment: str | None = None) -> Cast:
    played = [read_folder(LIBRARY / name).flow for name in names or SHIPPED]
    around = surroundings({"offers": OFFERS}, borders=drawn_borders(60, "1", BEGINNING))
    return cast([within(flow, segment) for flow in played] if segment else played, around)


def run(people: int, days: int = 30, *, seed: str = "1", played: Cast | None = None) -> Report:
    report, playing = Report("Europe/London"), played or flows()
    for one in shoppers(people, seed, BEGINNING):
        until = BEGINNING + timedelta(days=days)
        happens = life(one, seed, BEGINNING, days)
        report.add(live(playing, one, happens, BEGINNING, until, answers=answering(one, seed)))
    return report


def test_the_same_seed_gives_the_same_and_another_one_something_else() -> None:
    assert run(25).to_json() == run(25).to_json()
    assert run(25).to_json() != run(25, seed="2").to_json()


def test_the_first_people_are_the_same_however_many_there_are() -> None:
    few, many = (list(shoppers(count, "1", BEGINNING)) for count in (5, 50))
    assert [(one.row, one.consents) for one in few] == [(one.row, one.consents) for one in many[:5]]
    assert len({one.seed for one in many}) == 50


def test_people_of_every_kind_are_there() -> None:
    crowd = list(shoppers(200, "1", BEGINNING))
    assert 0.25 < sum(one.row["orders_count"] > 0 for one in crowd) / 200 < 0.45
    assert any(one.row["first_name"] is None for one in crowd)
    assert any(one.row["phone"] for one in crowd)
    names = {happening.name for one in crowd for happening in life(one, "1", BEGINNING, 60)}
    assert names >= {
        *("newsletter_subscribed", "site_visited", "product_viewed", "searched", "cart_created", "checkout_started"),
        *("order_placed", "order_paid", "order_shipped", "order_delivered", "order_returned", "review_submitted"),
    }


def test_habits_are_kept() -> None:
    nobody = Habits(sign_ups=0, carts=0, birthdays=0)
    names = {one.name for who in shoppers(40, "1", BEGINNING) for one in life(who, "1", BEGINNING, 60, nobody)}
    assert names == {"site_visited", "product_viewed", "searched"}


def test_a_report_adds_up() -> None:
    told = run(40).to_json()
    sent = sum(sum(flow["sent"].values()) for flow in told["flows"].values())
    assert sent == in_all(told) == sum(sum(day.values()) for day in told["load"].values()) > 40
    assert told["people"] == 40
    held = sum(one["times"] for flow in told["flows"].values() for one in flow["held"])
    assert held == sum(sum(one.values()) for one in told["gate"].values()) > 0
    busiest = told["busiest_day"]
    assert sum(told["load"][busiest["day"]].values()) == busiest["messages"]
    welcome = told["flows"]["welcome"]
    assert {one["message"] for one in welcome["cap_would_hold"]} <= set(welcome["sent"])


def test_no_customer_gets_more_than_the_flows_and_caps_allow(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two flows with plans of their own: their messages, and never more."""
    assert 1 <= run(30).most_in_a_day <= 2
    # The control: a gate that refuses everything.
    monkeypatch.setattr(desk.Post, "ask", lambda *given, **more: Skip("held"))
    assert in_all(run(20).to_json()) == 0


@pytest.mark.row("S1-44")
@pytest.mark.row("S5-218")
def test_a_test_segment_alone_gets_the_flow() -> None:
    everybody, buyers = run(40, 40), run(40, 40, played=flows(segment="bought_lately"))
    assert 0 < buyers.flows["cart-recovery"].entered < everybody.flows["cart-recovery"].entered
    assert buyers.flows["cart-recovery"].refused["outside_audience"] > 0
    # The control: a segment that everybody is in changes nothing.
    around = surroundings({"offers": OFFERS, "segments": {"all": {"person.orders_count": {"gte": 0}}}})
    all_in = cast([within(flow, "all") for flow in flows().flows], around)
    assert run(20, played=all_in).flows["welcome"].sent == run(20, played=flows()).flows["welcome"].sent


def test_borders_are_those_of_a_nights_pass() -> None:
    # As PostgreSQL's percentile_disc at 0.2, 0.4, 0.6 and 0.8.
    assert quantiles([1, 2, 3, 4, 5]) == [1, 2, 3, 4]
    assert quantiles([1, 2, 3, 4, 5, 6, 7]) == [2, 3, 5, 6]


@pytest.mark.long
@pytest.mark.alone
def test_ten_thousand_stimuli_in_a_second() -> None:
    """Of processor time on one core, with facts and the gate, all that ships active at once."""
    played = flows(*(folder.name for folder in folders_in(LIBRARY)))
    run(30, 60, played=played)
    rates = []
    for seed in ("2", "3", "4"):
        began = process_time()
        report = run(100, 120, seed=seed, played=played)
        rates.append(report.stimuli / (process_time() - began))
    assert max(rates) >= 10_000
