"""Flows in plain words and as maps: everything in the library, without codes."""

from __future__ import annotations

import re
from datetime import timedelta
from functools import cache

import pytest

from connector.admin import flow_map, flow_reading, flow_words
from connector.admin.flow_map import Count, Stop
from flows import benchmarks
from flows.analytics import NOTHING, Figures
from flows.analytics.metrics import METRICS
from flows.core import words
from flows.core.model import FlowVersion
from flows.core.steps import STEPS
from flows.definition_files import compile_texts, read_folder
from flows.engine.publish import library
from flows.starters import folder

# Names of ours as the files write them: order_placed, person.consent, 24h.
_CODE = re.compile(r"\b[a-z]+_[a-z_]+\b|\b(?:person|event|shop|coupon|activity)\.[a-z]|\b\d+[hdmw]\b|\+\d")


@cache
def shipped() -> dict[str, FlowVersion]:
    return {name: read_folder(folder(name)).flow for name in library()}


def sentences(flow: FlowVersion, stop: Stop) -> list[str]:
    own = {"Email to staff", "Task"}  # Written by the merchant, in Liquid.
    return [stop.kind, "" if stop.kind in own else stop.title, stop.only_for, *(way.label for way in stop.ways)]


@pytest.mark.row("S5-053")
def test_the_map_of_each_flow_has_every_step_once_in_plain_words() -> None:
    for name, flow in shipped().items():
        stops = list(flow_map.everything(flow_map.drawn(flow)))
        assert [stop.id for stop in stops] == list(flow.steps), name
        said = [flow_words.trigger(flow), *flow_words.who(flow), *flow_words.ends(flow), *flow_words.limits(flow)]
        said += [flow_words.goal(flow), *(one for stop in stops for one in sentences(flow, stop))]
        assert [one for one in said if _CODE.search(one)] == [], name
        # What parts people has a way for each.
        for stop in stops:
            step = flow.steps[stop.id]
            assert len(stop.ways) in (0, len(step.ports)), name
            assert (stop.look == "branch" or stop.kind == "Wait") or not stop.ways


def test_every_kind_of_step_has_words() -> None:
    assert set(flow_words.STEPS) == set(STEPS)


def test_codes_in_a_sentence_would_be_found() -> None:
    told = list(words.document(shipped()["cart-recovery"]))
    assert len([line for line in told if _CODE.search(line)]) > 10


def test_the_map_of_a_cart_flow_reads_as_it_is_written() -> None:
    stops = flow_map.drawn(shipped()["cart-recovery"])
    assert [(stop.kind, stop.title) for stop in stops[:3]] == [
        ("Email", "reminder"),
        ("Question", "If their consent to text messages is subscribed"),
        ("Wait", "Wait until 24 hours after the trigger"),
    ]
    yes, no = stops[1].ways
    assert [stop.title for stop in yes.stops] == ["Wait 3 hours", "quick reminder"]
    assert (yes.label, no.label, no.stops) == ("Yes", "No, or it cannot be told", ())
    assert flow_words.trigger(shipped()["cart-recovery"]) == "Checkout abandoned, after 1 hour"


FLOW = """
flow: quiz
name: Quiz
trigger: {on: 'custom:quiz_done'}
steps:
  - split: {name: tone, shares: {warm: 60, cool: 30, hold_out: 10}, arms: {warm: [{email: hello}], cool: []}}
  - wait: {for: order_placed, at_most: 3d}
    then: [{end: bought}]
  - cases:
      - when: {person.country: FR}
        then: [{email: hello}]
  - move_to: welcome
"""
HELLO = "---\nsubject: Hello\npreview: Hello you\npurpose: marketing\ndeadline: 24h\n---\n<p>Hello</p>\n"


def test_ways_say_who_takes_them() -> None:
    flow = compile_texts(FLOW, {"hello": HELLO}).flow
    stops = flow_map.drawn(flow)
    assert [[way.label for way in stop.ways] for stop in stops] == [
        ["cool, 30 %", "warm, 60 %", "held out, 10 %: nothing more is sent to them, to compare with"],
        ["It happened", "It did not happen in time"],
        ["If their country is FR", "Otherwise"],
        [],
    ]
    assert flow_words.trigger(flow) == "Your own event “quiz done”"


@pytest.mark.row("S1-52")
@pytest.mark.row("S5-192")
def test_drop_off_is_of_those_who_came_to_the_step_and_counts_no_buyers() -> None:
    ended = {"goal": 10, "completed": 5, "exit:order_placed": 4, "exit:unsubscribed": 6, "moved:welcome": 3}
    counts = {"email-reminder": Count(reached=60, inside=2, ended=ended)}
    first, *_, last = flow_map.drawn(shipped()["cart-recovery"], counts)
    assert first.lost == 0.1
    assert first.left[0] == (10, "reached the goal") and (6, "left: unsubscribed") in first.left
    assert last.count == Count() and last.lost is None
    # A map without counts says nothing of people.
    assert flow_map.drawn(shipped()["cart-recovery"])[0].lost is None


def test_what_the_guides_claim_is_in_full() -> None:
    said = {(claim.row, claim.what, claim.says) for claim in benchmarks.everything()}
    assert {row for row, _, _ in said} == {f"S5-26{n}" for n in range(6)}
    assert ("S5-260", "Open rate", "25-40 %") in said and ("S5-265", "Carts recovered, email and texts", "14 %") in said
    assert all(claim.source == benchmarks.GUIDE for claim in benchmarks.everything())


def test_each_claim_stands_beside_the_number_that_measures_the_same() -> None:
    figures = Figures(entered=40, converted=3, sent=50, delivered=50, opened=20, clicked=5)
    first = Figures(sent=10, delivered=10, opened=6)
    for claim in benchmarks.everything():
        kind, _, metric = claim.of.rpartition(":")
        assert metric in METRICS if kind else not claim.of or hasattr(NOTHING, claim.of.removeprefix(benchmarks.FIRST))
    found = {
        (one.claim.what, one.claim.says): one.own
        for name in ("cart-email-sms", "welcome-fashion", "replenishment", "saas-trial", "saas-trial-inactive")
        for one in flow_reading.beside(benchmarks.of_flow(shipped()[name]), figures, first)
    }
    assert found["Open rate", "25-40 %"] == 0.4 and found["Click rate", "5-10 %"] == 0.1
    assert found["Carts that are recovered", "5-15 %"] == found["Carts recovered, email and texts", "14 %"] == 0.075
    assert found["Open rate of the first email", "52 %"] == 0.6
    assert found["Repeat purchases", "28 %"] == found["Trials that become subscriptions", "22 %"] == 0.075
    # What is said of flows with texts is not said of one that sends none, and the other way round.
    alone = {claim.what for claim in benchmarks.of_flow(shipped()["cart-email"]) if claim.row == "S5-265"}
    assert alone == {"Carts recovered, email alone"} and ("Carts recovered, email alone", "9 %") not in found
    # Nothing here measures these, and no number is made up.
    assert found["Lifetime value of those who took the quiz", "3 times that of the others"] is None
    assert benchmarks.of_shop()[0].says == "320 % more than without automation"
    # What its makers wrote down stands there too, and is told apart from the guide.
    sources = {claim.source for claim in benchmarks.of_flow(shipped()["welcome"])}
    assert sources == {benchmarks.GUIDE, benchmarks.WRITTEN}


def test_lengths_of_time_are_said_in_full() -> None:
    said = [flow_words.spoken(one) for one in ("1h", "90m", "2d", "1w", timedelta(hours=72), "soon")]
    assert said == ["1 hour", "90 minutes", "2 days", "1 week", "3 days", "soon"]
    assert flow_words.until("-7d from event.expires_at") == "7 days before the trigger's expires at"
    assert flow_words.until("+1d from trigger at 09:00") == "1 day after the trigger, at 09:00"
    assert flow_words.until("monday 09:00") == "monday 09:00"
