"""What is written about the language is what the language is."""

from __future__ import annotations

import importlib
import pkgutil
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from flows.core import reasons, signals, steps
from flows.core.definition import FlowSchema
from flows.core.editor_schema import editor_schema
from flows.core.operators import OPERATORS
from flows.core.reference import PARTS, parts_in, refreshed
from flows.core.signals import SIGNALS, Signal
from flows.core.steps import STEPS
from flows.core.steps.kind import StepKind
from flows.core.validate import load
from flows.core.vocabulary import EVENTS
from flows.definition_files import parse
from tests.core.examples import MESSAGES, T0, definition
from tests.core.test_validate import BROKEN

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
def test_every_step_has_an_example_that_loads_and_a_place_in_the_document(name: str) -> None:
    kind = STEPS[name]
    wanted = {"reminder", "incentive", "incentive-countdown", "free-shipping"}
    of_channel = name in ("sms", "whatsapp")
    wanted |= set(kind.example.values()) if of_channel else set()
    messages = {message: replace(MESSAGES["last"], channel=name if of_channel else "email") for message in wanted}
    flow = load(definition(steps=[kind.example]), messages=messages)
    assert flow.steps[flow.first or ""].kind == name
    assert kind.about.strip() and f"\n### {name}\n" in DOCUMENT


@pytest.mark.parametrize("name", OPERATORS)
def test_every_operator_has_an_example_that_works(name: str) -> None:
    operator = OPERATORS[name]
    assert operator.check(operator.example) is None
    fact = operator.example[0] if isinstance(operator.example, list) else operator.example
    fact = "2026-09-01" if name in ("before", "after") else fact
    assert operator.test(fact, operator.example, T0) in (True, False)


def test_signals_listen_to_events_that_exist() -> None:
    for signal in SIGNALS.values():
        assert signal.listens <= set(EVENTS)


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
    assert moves == told["moves"]
    asked = source["enrol.py"] + source["handed_over.py"]
    assert set(re.findall(r'Note\(\s*"(\w+)"', asked)) == told["refusals"]
    gate = source["gate.py"]
    given = set(re.findall(r'Skip\(\s*"(\w+)"', gate)) | set(re.findall(r'Defer\([^"]*"(\w+)"', gate))
    assert given == told["objections"]
    channels = "\n".join(path.read_text(encoding="utf-8") for path in (ROOT / "flows" / "channels").glob("*.py"))
    assert set(re.findall(r'Withheld\(\s*"(\w+)"', channels)) == set(reasons.WITHHELD)


def test_refusals_and_objections_stand_in_the_order_in_which_they_are_asked() -> None:
    gate = (ROOT / "flows" / "core" / "gate.py").read_text(encoding="utf-8")
    order = re.findall(r"^    (_\w+),$", gate[gate.index("ORDER:") :], re.MULTILINE)
    codes = [
        code
        for check in order
        for code in re.findall(r'"(\w+)"', gate.split(f"def {check}(")[1].split("\ndef ")[0])
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
    missed = [said for changes, said in BROKEN if EDITOR.is_valid(definition(**changes))]
    for said in missed:
        assert any(part in said for part in NEEDS_LOADING), said


NEEDS_LOADING = (
    "has no clock",
    "does not carry",
    "must match the trigger",
    "is no field",
    "no length of time",
    "does not exist",
    "is written for",
    "longer than",
    "wait needs",
    "“+24h”",
    "no time of day",
    "decides nothing",
    "shares sum",
    "no share",
    "no steps",
    "Nobody ever gets here",
    "Two steps are called",
    "must name a field",
)
