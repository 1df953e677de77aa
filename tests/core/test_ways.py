"""Steps that choose a way, leave somebody alone, or hand somebody to another flow."""

from __future__ import annotations

from typing import Any

import pytest

from flows.core.enrol import enrol
from flows.core.machine import advance
from flows.core.model import Change, Entered, FlowVersion, Run
from flows.core.steps.message import Message
from tests.core.examples import FACTS, T0, abandoned, entered, flow, play, sent

FRENCH = {"person.country": "FR"}
CASES = [
    {
        "cases": [
            {"when": FRENCH, "then": [{"email": "plain"}]},
            {"when": {"event.total": {"gte": 50}}, "then": [{"email": "proof"}]},
            {"when": {"event.total": {"gte": 10}}, "then": []},
        ],
        "else": [{"email": "countdown"}],
    },
    {"email": "last"},
]


def living_in(country: str | None) -> dict[str, Any]:
    return {**FACTS, "person": {**FACTS["person"], **({"country": country} if country else {})}}


def messages(of: FlowVersion, facts: dict[str, Any], total: str = "60.00") -> list[str]:
    run = enrol(of, abandoned(total=total), [], [], facts, T0)
    assert isinstance(run, Run)
    return [message for message, _ in sent(play(of, advance(of, run, Entered(), facts, T0), T0, facts=facts))]


@pytest.mark.row("S1-56")
@pytest.mark.parametrize(
    ("country", "total", "way"),
    [
        ("FR", "60.00", ["plain", "last"]),
        ("DE", "60.00", ["proof", "last"]),
        ("DE", "20.00", ["last"]),
        ("DE", "5.00", ["countdown", "last"]),
        # What cannot be told is passed over.
        (None, "60.00", ["proof", "last"]),
        (None, "5.00", ["countdown", "last"]),
    ],
)
def test_the_first_case_that_holds(country: str | None, total: str, way: list[str]) -> None:
    assert messages(flow(steps=CASES), living_in(country), total) == way


def test_a_case_that_cannot_be_told_is_in_the_trail() -> None:
    (branched,) = (line for line in entered(flow(steps=CASES)).trail if line.code == "branched")
    assert branched.detail["port"] == "case-2"
    assert [one["why"] for one in branched.detail["unclear"]] == ["person.country is not known"]


@pytest.mark.row("S3-23")
def test_a_message_only_for_some_is_passed_over_for_the_others() -> None:
    of = flow(
        steps=[
            {"email": "plain", "only_for": FRENCH},
            {"email": "proof", "only_for": {"not": FRENCH}},
            {"email": "last"},
        ]
    )
    assert messages(of, living_in("FR")) == ["plain", "last"]
    assert messages(of, living_in("DE")) == ["proof", "last"]
    # Nobody is written to whose country is not known; that they are neither is said.
    assert messages(of, living_in(None)) == ["last"]
    assert [line.code for line in entered(of).trail].count("message_not_for_them") == 2


def test_what_a_message_does_when_a_cap_is_full_is_in_its_step() -> None:
    of = flow(steps=[{"email": "plain", "on_cap": "drop"}, {"email": "last"}])
    assert of.steps["email-plain"].config == Message("plain", "drop")
    assert of.steps["email-last"].config == Message("last", "defer")


@pytest.mark.row("S5-121")
@pytest.mark.parametrize(
    ("which", "channels"), [("email", ["email"]), ("sms", ["sms"]), ("all", ["email", "sms", "whatsapp"])]
)
def test_leaving_somebody_alone(which: str, channels: list[str]) -> None:
    first = entered(flow(steps=[{"suppress": which}]))
    (change,) = first.changes
    assert change == Change(
        "suppress", {"channels": channels}, f"{first.run.id}:suppress-{which}:1:1", f"suppress-{which}"
    )
    assert first.run.outcome == "completed"


@pytest.mark.row("S5-077")
def test_moving_to_another_flow_ends_this_one() -> None:
    moved = entered(flow(steps=[{"move_to": "other"}]))
    assert [(change.kind, change.data) for change in moved.changes] == [("enter", {"flow": "other"})]
    assert moved.run.outcome == "moved:other"
    assert [line.code for line in moved.trail] == ["entered", "moved_on", "finished"]


@pytest.mark.row("S5-025")
def test_entering_another_flow_goes_on_with_this_one() -> None:
    both = entered(flow(steps=[{"enter": "other"}, {"enter": "third"}, {"email": "last"}]))
    assert [change.data["flow"] for change in both.changes] == ["other", "third"]
    assert len({change.key for change in both.changes}) == 2
    assert [effect.message for effect in both.effects] == ["last"] and both.run.state == "live"


def test_what_was_changed_at_once_is_not_changed_again_when_the_run_goes_on() -> None:
    of = flow(steps=[{"enter": "other"}, {"wait": "1h"}, {"email": "last"}])
    story = play(of, entered(of), T0)
    assert [len(transition.changes) for _, transition in story] == [1, 0, 0]
