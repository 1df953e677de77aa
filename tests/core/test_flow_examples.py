"""What docs/flow-examples.md shows works, and it shows everything."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from flows.core.canonical import canonical
from flows.core.conditions import from_data, leaves
from flows.core.definition import FlowSchema
from flows.core.editor_schema import editor_schema
from flows.core.enrol import enrol
from flows.core.machine import advance
from flows.core.model import EffectDone, Entered, FlowVersion, Happened, MessageSpec, Run, Stimulus
from flows.core.operators import OPERATORS
from flows.core.problems import within
from flows.core.steps import STEPS
from flows.core.steps.awaited import Awaited
from flows.core.validate import load
from flows.definition_files import format_text, parse, to_text
from tests.core.examples import DAY, event, next_stimulus

PAGE = (Path(__file__).parents[2] / "docs" / "flow-examples.md").read_text(encoding="utf-8")
TEXTS = {found[1]: found[0] for found in re.findall(r"```yaml\n(flow: (\S+)\n.*?)```", PAGE, re.DOTALL)}
MESSAGE_STEPS = ("email", "sms", "whatsapp", "push")
NOW = datetime.fromisoformat("2026-11-23T09:00:00+00:00")
PERSON = {
    "seed": "0",
    "email": "ana@shop.example",
    "locale": "fr-FR",
    "country": "FR",
    "city": "Lyon",
    "timezone": "Europe/Paris",
    "tags": ["vip", "b2b"],
    "orders_count": 3,
    "total_spent": "120.50",
    "first_order_at": "2024-11-05T09:00:00+00:00",
    "last_order_at": "2026-10-20T09:00:00+00:00",
    "loyalty": {"expires_at": "2026-12-31T12:00:00+00:00"},
}
ITEMS: list[list[dict[str, Any]]] = [
    [{"product_id": 632910392, "price": "30.00"}],
    [{"product_id": 1, "price": "12.00"}],
    [{"product_id": 2, "price": "45.00"}],
]
TOLD = {
    "total": "60.00",
    "currency": "EUR",
    "checkout_token": "tok",
    "order_id": 7,
    "category": "Coffee",
    "expires_at": "2026-12-31T12:00:00+00:00",
    "rating": 5,
    "flow": "demo-asked-for",
}
MADE = {"code": "CART-1", "percent": 10}


def read(name: str) -> FlowVersion:
    data, lines = parse(TEXTS[name])
    named = [(step[kind], kind) for step in _mappings(data["steps"]) for kind in MESSAGE_STEPS if kind in step]
    coupons = ("offer",) if "coupon:" in TEXTS[name] else ()
    messages = {
        message: MessageSpec(message, channel, "marketing", DAY, coupons if message == "last-chance" else ())
        for message, channel in named
    }
    return load(data, lines, messages=messages)


def _mappings(data: Any) -> Iterator[Mapping[str, Any]]:
    if isinstance(data, Mapping):
        yield data
    for inner in data.values() if isinstance(data, Mapping) else data if isinstance(data, list) else ():
        yield from _mappings(inner)


def goes_through(flow: FlowVersion, n: int) -> list[str]:
    """The steps that the n-th of many different people comes to, until the end; none when chance keeps them out."""
    consent = {"email": "subscribed", "sms": "subscribed" if n % 2 else "not_subscribed"}
    facts: dict[str, Any] = {
        "person": {**PERSON, "seed": str(n), "consent": consent},
        "shop": {"currency": "EUR", "timezone": "Europe/Paris", "rates": {}},
        "flows": {"live_tags": []},
    }
    after = flow.trigger.after.total_seconds() if flow.trigger.after else None
    props = {**TOLD, "items": ITEMS[n % 3], **({"after_seconds": after} if after else {})}
    if flow.trigger.schedule is not None:
        props |= {"flow": flow.flow, "schedule": flow.trigger.schedule.say(), "occurrence": "2026-11-23 09:00"}
    now = NOW
    run = enrol(flow, event(flow.trigger.on, now, **props), [], [], facts, now)
    if not isinstance(run, Run):
        assert run is not None and run.code in ("held_out", "other_arm"), run
        return []
    transition = advance(flow, run, Entered(), facts, now)
    seen = _told(transition.trail)
    while transition.run.state == "live":
        step = flow.steps[transition.run.at or ""]
        stimulus: Stimulus
        if isinstance(step.config, Awaited) and n % 4 < 2:
            now += timedelta(hours=1)
            stimulus = Happened(event(step.config.awaits, now, **TOLD))
        else:
            stimulus, now = next_stimulus(transition, now)
        if isinstance(stimulus, EffectDone) and step.kind == "coupon":
            stimulus = EffectDone(stimulus.key, "accepted", "", now, MADE)
        at = transition.run.at
        transition = advance(flow, transition.run, stimulus, facts, now)
        seen += [at or "", *_told(transition.trail)]
        assert now < NOW + 400 * DAY
    return [*seen, transition.run.at or ""]


def _told(trail: Any) -> list[str]:
    return [line.step for line in trail if line.step]


@pytest.mark.parametrize("name", TEXTS)
def test_somebody_comes_to_every_step_of_every_example(name: str) -> None:
    flow = read(name)
    seen = {step for n in range(40) for step in goes_through(flow, n)}
    # A step that asks nothing and does nothing but wait for a moment that has passed leaves no line.
    assert seen >= {step.id for step in flow.steps.values()}


@pytest.mark.parametrize("name", TEXTS)
def test_every_example_is_in_canonical_form_and_suits_editors(name: str) -> None:
    data, _ = parse(TEXTS[name])
    Draft202012Validator(editor_schema()).validate(data)
    again = format_text(TEXTS[name])
    assert parse(again)[0] == canonical(data) and to_text(parse(again)[0]) == again


def test_the_examples_show_every_step() -> None:
    shown = {step.kind for name in TEXTS for step in read(name).steps.values()}
    assert shown == set(STEPS)


def _conditions(name: str) -> Iterator[Any]:
    flow = read(name)
    yield from (one for one in (flow.trigger.where, flow.audience, *(r.where for r in flow.exit_rules)) if one)
    for node in _mappings(dict(flow.definition)):
        for entry in ("when", "where", "only_for"):
            if isinstance(node.get(entry), Mapping):
                yield from_data(node[entry])


def test_the_examples_show_every_operator() -> None:
    asked = [leaf for name in TEXTS for condition in _conditions(name) for leaf in leaves(condition)]
    inner = [leaf for one in asked if OPERATORS[one.op].entries for leaf in leaves(from_data(one.value))]
    assert {leaf.op for leaf in asked + inner} == set(OPERATORS)


def _entries(schema: Any, before: str = "") -> Iterator[str]:
    for name, entry in schema.fields.items():
        path = f"{before}{entry.data_key or name}"
        yield path
        if within(entry) is not None and not path.startswith("caps."):
            yield from _entries(within(entry), f"{path}.")


def _written(data: Any, before: str = "") -> Iterator[str]:
    for name, value in data.items() if isinstance(data, Mapping) else ():
        yield f"{before}{name}"
        for inner in value if isinstance(value, list) else [value]:
            yield from _written(inner, f"{before}{name}.")


# One channel stands for the others.
NOT_SHOWN = {"caps.whatsapp", "caps.push"}


def test_the_examples_show_every_entry() -> None:
    known = {path for path in _entries(FlowSchema()) if not path.startswith("messages")}
    shown = {path for name in TEXTS for path in _written(parse(TEXTS[name])[0])}
    assert known - shown <= NOT_SHOWN


def test_a_page_that_lacks_something_is_noticed() -> None:
    """The control: without its last step kind the page does not show everything."""
    shown = {step.kind for name in TEXTS if name != "win-back" for step in read(name).steps.values()}
    assert shown < set(STEPS)
