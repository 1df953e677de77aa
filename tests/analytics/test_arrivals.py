"""Which lines of a trail say that somebody has come to a step: as many as steps were begun, of every kind of step."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from pathlib import Path
from runpy import run_path
from typing import Any

import pytest

from flows.core import machine
from flows.core.steps import STEPS
from flows.definition_files import compile_texts
from flows.simulator.record import Line
from tests.library.playing import at, play, shopper

MIGRATION = run_path(str(Path(__file__).parents[2] / "migrations/versions/2026_11_25_analytics.py"))
TEXTS = {
    "text": "---\nchannel: sms\npurpose: transactional\n---\nHello\n",
    "note": "---\nchannel: push\npurpose: marketing\ntitle: Hello\nurl: https://shop.example/\n---\nHello\n",
    "chat": "---\nchannel: whatsapp\npurpose: transactional\n---\nHello\n",
}
EVERY_STEP = """flow: every
name: Every
trigger: {on: order_placed}
reentry: always
steps:
  - email: one
  - wait: {until: event.placed_at}
  - when: {person.orders_count: {gte: 0}}
    then: [{tag: {add: [seen]}}]
  - cases:
      - {when: {person.orders_count: {gte: 100}}, then: [{email: one}]}
    else: [{email: two}]
  - split: {name: arms, shares: {a: 50, b: 50}, arms: {a: [{email: one}], b: [{email: one}]}}
  - coupon: {as: offer, percent: 10, valid: 3d}
  - coupon: {as: other, percent: shop.offers.vip.percent, valid: 3d}
  - list: {add: 12}
  - attribute: {LAST: person.first_name}
  - attribute: {LAST: event.checkout_token}
  - points: {add: 5, reason: thanks}
  - tier: {set: Gold}
  - shopify_flow: hello
    payload: {Stage: big}
  - score: {lead: 5}
  - task: {title: Call them}
  - notify: {subject: Look, text: At them}
  - webhook: {endpoint: crm}
  - event: {name: came_by}
  - {email: one, only_for: {person.orders_count: {gte: 100}}}
  - wait: {for: site_visited, at_most: 3d}
  - sms: text
  - push: note
  - whatsapp: chat
  - suppress: sms
  - enter: welcome
  - end: over
"""


def begins(line: Line) -> bool:
    if line.step is None:
        return False
    because = line.code in MIGRATION["_BEGINS_BECAUSE"] and line.detail.get("reason") in MIGRATION["_BECAUSE"]
    return line.code in MIGRATION["_BEGINS"] or because


@pytest.fixture
def begun(monkeypatch: pytest.MonkeyPatch) -> Counter[tuple[str, str]]:
    """How often each step was asked for the first time: {(flow, step): runs}."""
    found: Counter[tuple[str, str]] = Counter()

    def seen(run: Any) -> Any:
        def asked(step: Any, one: Any, facts: Any, now: Any, woke: Any) -> Any:
            found[one.flow, step.id] += woke is None
            return run(step, one, facts, now, woke)

        return asked

    monkeypatch.setattr(machine, "STEPS", {name: replace(kind, run=seen(kind.run)) for name, kind in STEPS.items()})
    return found


def told(lines: list[Line]) -> Counter[tuple[str, str]]:
    # Of one transition, which is written at once, a step counts once however many lines tell of it.
    return Counter((flow, step) for flow, step, _ in {(one.flow, one.step, one.at) for one in lines if begins(one)})


PASTS = {
    "cart-every-channel": [at("0h", "checkout_updated", total="86.00"), at("30h", "order_placed")],
    "cart-help-then-discount": [at("0h", "checkout_updated", total="86.00")],
    "welcome": [at("0h", "newsletter_subscribed"), at("4d", "unsubscribed")],
    "win-back-ladder": [at("0h", "order_placed")],
    "post-purchase": [at("0h", "order_placed"), at("2d", "order_delivered")],
    "saas-trial": [at("0h", "custom:trial_started")],
}


@pytest.mark.parametrize("name", PASTS)
def test_each_step_that_somebody_comes_to_is_told_once(begun: Counter[tuple[str, str]], name: str) -> None:
    played = play(name, *PASTS[name], shopper=shopper(sms=True, whatsapp=True, push=True))
    assert begun and told(played.record.lines) == begun


def test_so_it_is_of_every_kind_of_step(begun: Counter[tuple[str, str]]) -> None:
    mails = {
        name: f"---\nsubject: {name}\npurpose: marketing\ndeadline: 9d\n---\n<p>Hello</p>\n" for name in ("one", "two")
    }
    every = compile_texts(EVERY_STEP, {**mails, **TEXTS})
    played = play(every, at("0h", "order_placed"), shopper=shopper(sms=True, whatsapp=True, push=True))
    assert told(played.record.lines) == begun
    assert {every.flow.steps[step].kind for _, step in begun} >= set(STEPS) - {"move_to"}


def test_a_line_that_is_left_out_is_missed(begun: Counter[tuple[str, str]], monkeypatch: pytest.MonkeyPatch) -> None:
    """The control."""
    monkeypatch.setitem(MIGRATION, "_BEGINS", tuple(code for code in MIGRATION["_BEGINS"] if code != "waiting"))
    assert told(play("welcome", *PASTS["welcome"]).record.lines) != begun
