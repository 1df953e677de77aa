"""What is written about the language is what the language is."""

from __future__ import annotations

import importlib
import inspect
import pkgutil
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from flows.core import reasons, signals, steps
from flows.core.activity import SCORED
from flows.core.conditions import Leaf, from_data
from flows.core.definition import FlowSchema
from flows.core.editor_schema import editor_schema
from flows.core.objections import ORDER
from flows.core.operators import OPERATORS
from flows.core.reference import PARTS, parts_in, refreshed
from flows.core.signals import SIGNALS, Signal
from flows.core.steps import STEPS
from flows.core.steps.kind import StepKind
from flows.core.validate import load
from flows.core.vocabulary import EVENTS, knows_field
from flows.definition_files import parse
from tests.core.broken_flows import BROKEN
from tests.core.examples import MESSAGES, T0, definition, entered, play

ROOT = Path(__file__).parents[2]
DOCUMENT = (ROOT / "docs" / "flows.md").read_text(encoding="utf-8")


def test_the_document_is_up_to_date() -> None:
    assert refreshed(DOCUMENT) == DOCUMENT, "python -m flows.core.reference < docs/flows.md"
    assert sorted(parts_in(DOCUMENT)) == sorted(PARTS)


def test_a_stale_document_is_noticed() -> None:
    assert refreshed(DOCUMENT.replace("| `gt` |", "| `bigger` |")) != DOCUMENT.replace("| `gt` |", "| `bigger` |")


def test_the_example_in_the_document_is_a_flow() -> None:
    text = re.search(r"```yaml\n(.*?)```", DOCUMENT, re.DOTALL)
    assert text
    data, lines = parse(text[1])
    names = ("reminder", "second-look", "incentive", "last-chance")
    assert load(data, lines, messages={name: MESSAGES["last"] for name in names}).flow == "cart-recovery"


def _found(package: Any, kind: type) -> dict[str, Any]:
    """Every value of this kind defined in a module of the package, registered or not."""
    found = {}
    for module in pkgutil.iter_modules(package.__path__):
        loaded = importlib.import_module(f"{package.__name__}.{module.name}")
        found |= {value.name: value for value in vars(loaded).values() if isinstance(value, kind)}
    return found


def test_every_step_and_signal_is_registered_under_its_name() -> None:
    assert _found(steps, StepKind) == dict(STEPS)
    assert _found(signals, Signal) == dict(SIGNALS)


@pytest.mark.parametrize("name", STEPS)
def test_every_step_has_an_example_that_runs_and_a_place_in_the_document(name: str) -> None:
    kind = STEPS[name]
    of_channel = name in ("sms", "whatsapp", "push")
    wanted = {"reminder", "incentive", "incentive-countdown", "free-shipping"}
    wanted |= set(kind.example.values()) if of_channel else set()
    messages = {message: replace(MESSAGES["last"], channel=name if of_channel else "email") for message in wanted}
    flow = load(definition(steps=[kind.example], exit=["cart_cleared"]), messages=messages)
    assert flow.steps[flow.first or ""].kind == name
    assert play(flow, entered(flow), T0)[-1][1].run.state == "done"
    assert kind.about.strip() and f"\n### {name}\n" in DOCUMENT


@pytest.mark.parametrize("name", OPERATORS)
def test_every_operator_has_an_example_that_suits_it(name: str) -> None:
    operator = OPERATORS[name]
    assert from_data({operator.field: {name: operator.example}}) == Leaf(operator.field, name, operator.example)
    assert knows_field(operator.field, "order_placed")


def test_signals_listen_to_events_that_exist() -> None:
    for signal in SIGNALS.values():
        assert signal.listens <= {*EVENTS, SCORED}


def test_every_code_that_the_core_gives_is_explained() -> None:
    told = {
        "moves": set(reasons.MOVES),
        "refusals": set(reasons.REFUSALS),
        "objections": set(reasons.OBJECTIONS),
    }
    core = ROOT / "flows" / "core"
    source = {path.name: path.read_text(encoding="utf-8") for path in core.rglob("*.py")}
    everything = "\n".join(source.values())
    moves = set(re.findall(r'TrailLine\(\s*now,\s*"(\w+)"', everything)) | set(re.findall(r'code="(\w+)"', everything))
    moves |= {f"message_{outcome}" for outcome in ("accepted", "skipped", "failed", "unknown")}
    moves |= {f"coupon_{outcome}" for outcome in ("made", "skipped", "failed")}
    for text in source.values():
        # What a step does outside is told by ``went``.
        for done in re.findall(r'went\(woke, ACTION, "(\w+)"\)', text):
            action = re.findall(r'^ACTION = "(\w+)"', text, re.MULTILINE)[0]
            moves |= {done, f"{action}_skipped", f"{action}_failed"}
    # What comes of a change is told by the runtime.
    changes = (ROOT / "flows" / "engine" / "changes.py").read_text(encoding="utf-8")
    made = set(re.findall(r'Note\(\s*"(\w+)"', changes))
    assert moves <= told["moves"] <= moves | made
    asked = source["enrol.py"] + source["handed_over.py"]
    assert set(re.findall(r'Note\(\s*"(\w+)"', asked)) == told["refusals"] | set(reasons.PASSED_OVER)
    gate = source["objections.py"]
    given = set(re.findall(r'(?:Skip|_capped)\(\s*"(\w+)"', gate)) | set(re.findall(r'Defer\([^"\n]*"(\w+)"', gate))
    assert given | set(re.findall(r'Skip\(\s*"(\w+)"', source["gate.py"])) == told["objections"]
    channels = "\n".join(path.read_text(encoding="utf-8") for path in (ROOT / "flows" / "channels").glob("*.py"))
    assert set(re.findall(r'Withheld\(\s*"(\w+)"', channels)) == set(reasons.WITHHELD)


def test_refusals_and_objections_stand_in_the_order_in_which_they_are_asked() -> None:
    codes = [
        code
        for check in ORDER
        for code in re.findall(r'"(\w+)"', inspect.getsource(check.objects))
        if code in reasons.OBJECTIONS
    ]
    assert [*dict.fromkeys(codes)] == list(reasons.OBJECTIONS)


EDITOR = Draft202012Validator(editor_schema())


def test_editors_accept_what_loads() -> None:
    Draft202012Validator.check_schema(EDITOR.schema)
    library = sorted((ROOT / "flows" / "library").glob("*/flow.yaml"))
    for data in [definition(), *(parse(path.read_text(encoding="utf-8"))[0] for path in library)]:
        EDITOR.validate(data)


def test_editors_know_every_entry() -> None:
    known = set(EDITOR.schema["properties"])
    assert known == {field.data_key or name for name, field in FlowSchema().fields.items()} - {"messages"}


def test_editors_underline_most_of_what_is_broken() -> None:
    """Everything that is about the shape alone; the rest needs the messages and the other entries."""
    missed = [said for changes, _, said in BROKEN if EDITOR.is_valid(definition(**changes))]
    for said in missed:
        assert any(part in said for part in NEEDS_LOADING), said


NEEDS_LOADING = (
    "has no clock",
    "does not carry",
    "must match the trigger",
    "is no field",
    "must be a date",
    "smaller one first",
    "in one currency",
    "how long the code is valid",
    "does not exist",
    "is written for",
    "longer than",
    "before the flow begins",
    "needs whole days",
    "no day of the calendar",
    "belongs to “for: EVENT”",
    "only a wait for an event",
    "decides nothing",
    "shares sum",
    "no share",
    "no steps",
    "Nobody ever gets here",
    "Two steps are called",
    "flow itself begins with",
)
