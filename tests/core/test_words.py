"""A flow in words: the page that those read who answer for it."""

from __future__ import annotations

from datetime import date

import pytest

from flows.core import words
from flows.core.conditions import from_data
from tests.core.examples import definition, flow

ABOUT = {
    "purpose": "Recover 10 % of abandoned carts within 72 hours",
    "owner": "marketing",
    "reviewed": date(2026, 11, 1).isoformat(),
    "refresh": "2027-02-01",
    "assumptions": "Carts are left for want of time, not of money",
    "naming": "Arms are called by what differs: plain, countdown",
    "benchmarks": {"recovery_rate": "5-15 %"},
}
GOAL = {**definition()["goal"], "audience": "people who left a cart", "metric": "recovery rate", "target": "10 %"}


@pytest.mark.row("S5-197")
@pytest.mark.row("S5-198")
@pytest.mark.row("S5-199")
@pytest.mark.row("S5-200")
@pytest.mark.row("S5-201")
@pytest.mark.row("S5-202")
@pytest.mark.row("S5-203")
@pytest.mark.row("S5-204")
@pytest.mark.row("S5-027")
@pytest.mark.row("S5-029")
@pytest.mark.row("S5-030")
@pytest.mark.row("S5-019")
@pytest.mark.row("S5-035")
def test_the_document_of_a_flow_says_what_a_colleague_must_know() -> None:
    told = flow(
        about=ABOUT,
        goal=GOAL,
        audience={"any": [{"person.country": "FR"}, {"not": {"person.orders_count": 0}}]},
        exit=[{"on": "order_placed", "where": {"event.total": {"gte": 100}}, "move_to": "vip"}, "unsubscribed"],
        limit="10d",
        restart={"on": ["checkout_updated"], "when_different": "event.total"},
    )
    assert list(words.document(told)) == [
        "Cart (cart), version 0",
        "Purpose: Recover 10 % of abandoned carts within 72 hours",
        "Owner: marketing",
        "Reviewed: 2026-11-01",
        "Refresh: 2027-02-01",
        "Assumptions: Carts are left for want of time, not of money",
        "Naming: Arms are called by what differs: plain, countdown",
        "Goal: order_placed within 3d; audience people who left a cart; metric recovery rate; target 10 %",
        "Benchmark: recovery rate 5-15 %",
        "Starts on: checkout_abandoned after 1h, if event.total is more than 0",
        "Segment: person.country is FR or person.orders_count is not 0",
        "Steps:",
        "  email reminder",
        "  wait 3h",
        "  if event.total is at least 50",
        "    then:",
        "      email proof",
        "    else:",
        "      end small-cart",
        "  wait until +48h from trigger",
        "  split urgency: plain 50 %, countdown 50 %",
        "    countdown:",
        "      email countdown",
        "    plain:",
        "      email plain",
        "  wait until 09:00",
        "  email last",
        "Messages: countdown (email), last (email), plain (email), proof (email), reminder (email)",
        "Ends early: order_placed if event.total is at least 100 (into vip), or unsubscribed",
        "Ends at the latest: after 10d",
        "Begins anew: on checkout_updated, when event.total is another",
    ]


FORMS = [
    pytest.param(
        {
            "on": "order_placed",
            "within": "14d",
            "metric": "first orders",
            "target": "8 %",
            "audience": "new subscribers",
        },
        "order_placed within 2w; audience new subscribers; metric first orders; target 8 %",
        marks=pytest.mark.row("S5-036"),
    ),
    pytest.param(
        {"on": "order_placed", "within": "72h", "metric": "recovery", "target": "12 %", "audience": "abandoned carts"},
        "order_placed within 3d; audience abandoned carts; metric recovery; target 12 %",
        marks=pytest.mark.row("S5-037"),
    ),
    pytest.param(
        {
            "on": "review_submitted",
            "within": "21d",
            "metric": "reviews",
            "target": "10 %",
            "audience": "delivered orders",
        },
        "review_submitted within 3w; audience delivered orders; metric reviews; target 10 %",
        marks=pytest.mark.row("S5-038"),
    ),
]


@pytest.mark.parametrize(("goal", "said"), FORMS)
def test_a_goal_says_who_is_to_do_what_how_often_and_by_when(goal: dict[str, str], said: str) -> None:
    assert f"Goal: {said}" in list(words.document(flow(goal=goal)))


def test_what_nobody_has_written_down_is_said() -> None:
    told = list(words.document(flow(goal=None)))
    assert told.count("Owner: not written down") == 1 and "Goal: not written down" in told
    assert "Segment: everybody" in told


def test_every_step_has_its_words_under_its_own_id() -> None:
    told = words.steps(flow())
    assert list(told) == list(flow().steps)
    assert told["wait-2"] == "wait until +48h from trigger"


def test_conditions_inside_one_another_stay_apart() -> None:
    asked = {"all": [{"any": [{"person.country": "FR"}, {"person.country": "BE"}]}, {"not": {"person.city": "Lille"}}]}
    said = words.condition(from_data(asked))
    assert said == "(person.country is FR or person.country is BE) and person.city is not Lille"
