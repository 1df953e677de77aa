"""Steps that give staff something to do, tell them, tell another system or tell an event: what they want and leave."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from flows.core import standing, together, values
from flows.core.gate import GateFacts, GateMessage, Send, Skip, gate
from flows.core.machine import advance
from flows.core.model import Change, EffectDone, Entered, FlowVersion, MessageSpec, Run, TimerSet, Transition
from flows.core.permission import Yes
from flows.core.problems import DefinitionError
from flows.core.reasons import MOVES
from flows.core.steps import STEPS
from flows.core.validate import from_data, load, to_data
from flows.definition_files import compile_texts
from tests.core.examples import DAY, FACTS, HOUR, MESSAGES, T0, definition, entered, flow

TASK = {"task": {"title": "Call {{ person.email }}", "assignee": "Sales@Shop.example", "due": "2d"}}
NOTIFY = {"notify": {"to": ["a@shop.example", "A@shop.example"], "subject": "A lead", "text": "Call them"}}
WEBHOOK = {"webhook": {"endpoint": "crm", "data": {"total": "event.total", "of": {"city": "person.city"}, "n": 1}}}
EVENT = {
    "event": {"name": "lead", "properties": {"total": "event.total", "said": "event", "all": ["shop.offers.cart.code"]}}
}
WAIT = {"wait": "3h"}


def wanted(step: dict[str, Any]) -> tuple[FlowVersion, Transition]:
    of = flow(steps=[step, WAIT, {"email": "last"}])
    return of, entered(of)


@pytest.mark.row("S5-067")
@pytest.mark.parametrize(
    ("step", "data", "done"),
    [
        (TASK, {"title": "Call {{ person.email }}", "assignee": "sales@shop.example"}, "task_given"),
        (NOTIFY, {"to": ["a@shop.example"], "subject": "A lead"}, "staff_notified"),
        (WEBHOOK, {"endpoint": "crm", "data": {"total": "60.00", "of": {"city": None}, "n": 1}}, "endpoint_told"),
    ],
    ids=["task", "notify", "webhook"],
)
def test_what_is_to_be_done_is_wanted_once_and_the_flow_goes_on(step: Any, data: Any, done: str) -> None:
    of, first = wanted(step)
    (effect,) = first.effects
    assert (effect.channel, effect.message, effect.data) == (next(iter(step)), "", data)
    assert effect.deadline == effect.due_at + DAY and effect.purpose == "transactional"
    for outcome, code in (
        ("accepted", done),
        ("skipped", f"{effect.channel}_skipped"),
        ("failed", f"{effect.channel}_failed"),
    ):
        # However late it is told: what comes next counts from where it would have counted without.
        told = EffectDone(effect.key, outcome, "why", T0 + HOUR, {"task": 5})  # type: ignore[arg-type]
        after = advance(of, first.run, told, FACTS, T0 + HOUR)
        assert after.trail[0].code == code and code in MOVES
        assert after.trail[0].detail == ({"task": 5} if outcome == "accepted" else {"reason": "why"})
        assert [timer.due_at for timer in after.timers if isinstance(timer, TimerSet)] == [T0 + 3 * HOUR]
    again = advance(of, after.run, EffectDone(effect.key, "accepted", "", T0 + HOUR), FACTS, T0 + HOUR)
    assert again == Transition(after.run), "told twice, it changes nothing"


def test_an_event_is_told_at_once_with_what_its_fields_hold() -> None:
    of, first = wanted(EVENT)
    told = {"name": "custom:lead", "properties": {"total": "60.00", "said": "event", "all": [None]}}
    assert first.changes == (Change("event", told, f"{first.run.id}:event-lead:1:1", "event-lead"),)
    assert [line.code for line in first.trail] == ["entered", "event_told", "waiting"] and first.effects == ()


def test_which_facts_are_read() -> None:
    assert wanted(WEBHOOK)[0].needs >= {"person"} and wanted(EVENT)[0].needs >= {"shop"}
    assert wanted(TASK)[0].needs == wanted(NOTIFY)[0].needs, "texts for staff are filled in where they are kept"


def test_values_are_fields_only_where_a_field_is_named() -> None:
    for plain in (
        "person",
        "personal.note",
        "Total: event.total",
        "event.",
        "shop.example/x",
        "now.hour",
        5,
        True,
        None,
    ):
        assert not values.is_field(plain) and values.taken({"a": plain}, {}) == {"a": plain}
    assert values.taken({"a": ["event.x.y", "coupon.o.code"]}, {"event": {"x": {"y": 2}}, "coupon": {"o": None}}) == {
        "a": [2, None]
    }


def deep(levels: int) -> Any:
    return {"a": deep(levels - 1)} if levels else 1


@pytest.mark.parametrize("data", [deep(5), {"a": ["x"] * 51}, {"a": "x" * 1001}, {f"a{n}": n for n in range(51)}])
def test_what_is_told_has_an_end(data: Any) -> None:
    with pytest.raises(DefinitionError):
        flow(steps=[{"webhook": {"endpoint": "crm", "data": data}}, {"email": "last"}])
    assert flow(steps=[{"webhook": {"endpoint": "crm", "data": deep(4)}}, {"email": "last"}])


# Push

PUSH = {**MESSAGES, "hey": MessageSpec("hey", "push", "marketing", HOUR)}


@pytest.mark.parametrize("purpose", ["marketing", "transactional"])
def test_a_push_message_is_wanted_and_skipped_and_the_flow_goes_on(purpose: Any) -> None:
    of = load(definition(steps=[{"push": "hey"}, {"email": "last"}]), messages=PUSH)
    first = entered(of)
    (effect,) = first.effects
    asked = GateMessage("f", first.run.id, effect.channel, purpose, "count", 50, T0, T0 + DAY)
    fine = GateFacts(permission=Yes())
    verdict = gate(asked, fine, T0)
    assert verdict == Skip("channel_unavailable", {"channel": "push"})
    assert gate(GateMessage("f", first.run.id, "sms", purpose, "count", 50, T0, T0 + DAY), fine, T0) == Send()
    after = advance(of, first.run, EffectDone(effect.key, "skipped", verdict.reason, T0), FACTS, T0)
    assert [one.message for one in after.effects] == ["last"]
    assert after.trail[0].detail == {"reason": "channel_unavailable"}


# Events that go round


def teller(name: str, on: str, *steps: Any, **changes: Any) -> FlowVersion:
    return load(
        definition(flow=name, trigger={"on": on}, goal=None, exit=[], reentry="always", steps=list(steps), **changes),
        messages=MESSAGES,
    )


def said(of: FlowVersion, *others: FlowVersion) -> list[str]:
    return [sentence for _, sentence, _ in together.check(of, {one.flow: one for one in (of, *others)})]


def test_events_do_not_go_round_in_one_moment() -> None:
    tells = {"event": {"name": "b"}}
    back = teller("b", "custom:b", {"event": {"name": "custom:a"}})
    round_ = ["This event goes round without waiting: a → b → a"]
    assert said(teller("a", "custom:a", tells), back) == round_
    assert said(teller("a", "order_paid", tells, restart={"on": ["custom:a"]}), back) == round_
    assert said(teller("a", "custom:a", {"wait": "1h"}, tells), back) == []
    assert said(teller("a", "custom:other", tells), back) == []
    # By an event there, and put into the flow back here.
    assert said(teller("a", "order_paid", tells), teller("b", "custom:b", {"enter": "a"})) == round_
    assert said(teller("b", "custom:b", {"enter": "a"}), teller("a", "order_paid", tells)) == [
        "People go round without waiting: b → a → b"
    ]


def test_no_flow_tells_what_it_begins_with() -> None:
    for changes in (
        {"trigger": {"on": "custom:lead"}},
        {"trigger": {"on": "login"}, "restart": {"on": ["custom:lead"]}},
    ):
        with pytest.raises(DefinitionError, match="The flow itself begins with “custom:lead”"):
            load(
                definition(goal=None, exit=[], steps=[{"wait": "1d"}, {"event": {"name": "lead"}}], **changes),
                messages=MESSAGES,
            )


def test_whose_doing_an_event_is_is_told_for_a_day() -> None:
    run: Run = entered(flow(steps=[EVENT, WAIT])).run
    assert standing.causes(run, T0) == ["cart"] and standing.causes(run, T0 + DAY - timedelta(seconds=1)) == ["cart"]
    assert standing.causes(run, T0 + DAY) == []


# What their author reads

FILE = """flow: f
name: F
trigger: {on: order_paid}
steps:
  - task: {title: "Call {{ persn.first_name }}"}
  - when: {person.orders_count: 1}
    then:
      - notify: {subject: "{{ event.total", text: "{{ checkout.total }}"}
      - task: {title: "Call {{ person.first_name }}", details: "{{ coupon.x.code }}{{ event.total }}{{ shop.name }}"}
"""


def test_what_is_wrong_with_a_text_for_staff_is_said_with_its_line() -> None:
    with pytest.raises(DefinitionError) as caught:
        compile_texts(FILE, {})
    assert [(problem.line, str(problem).split(": ")[1][:8]) for problem in caught.value.problems] == [
        (5, "persn is"),
        (8, "The Liqu"),
        (8, "checkout"),
    ]


def test_steps_with_texts_for_staff_name_them() -> None:
    for kind in STEPS.values():
        known = kind.schema().fields.get(kind.name)
        assert not kind.texts or set(kind.texts) <= set(known.nested().fields)  # type: ignore[union-attr]
    assert {kind.name for kind in STEPS.values() if kind.texts} == {"task", "notify"}


def test_a_flow_with_such_steps_is_stored_and_read_as_the_same() -> None:
    of = load(definition(steps=[TASK, NOTIFY, WEBHOOK, EVENT, {"push": "hey"}, {"email": "last"}]), messages=PUSH)
    assert from_data(to_data(of)) == of
    assert advance(of, entered(of).run, Entered(), FACTS, T0).effects == ()
