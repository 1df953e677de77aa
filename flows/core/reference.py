"""The parts of docs/flows.md that come from the registries, and the JSON Schema for editors.

``python -m flows.core.reference < docs/flows.md`` prints the document with its generated parts brought up to date;
``python -m flows.core.reference --schema`` prints the schema.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Callable, Mapping
from typing import Any

from marshmallow import Schema

from flows.core import reasons
from flows.core.canonical import canonical
from flows.core.definition import FlowSchema
from flows.core.editor_schema import editor_schema
from flows.core.operators import OPERATORS
from flows.core.problems import within
from flows.core.signals import SIGNALS
from flows.core.steps import STEPS
from flows.core.vocabulary import CUSTOM, EVENTS, FIELDS, event_named

HIDDEN = ("messages",)
"""Entries of stored flows that nobody writes by hand."""
_PART = re.compile(r"(<!-- generated: (?P<name>[a-z-]+) -->\n).*?(<!-- end -->)", re.DOTALL)


def _entries(schema: Schema, before: str = "") -> list[tuple[str, str, str]]:
    """Name, whether it is needed, and what it says, of each entry and of the entries inside it."""
    found = []
    for name, field in schema.fields.items():
        path = f"{before}{field.data_key or name}"
        if path not in HIDDEN:
            about = str(field.metadata.get("description", ""))
            found.append((f"`{path}`", "yes" if field.required else "", about))
            inner = within(field)
            found += _entries(inner, f"{path}.") if inner else []
    return found


def _table(head: tuple[str, ...], rows: list[tuple[str, ...]]) -> str:
    lines = [head, tuple("---" for _ in head), *rows]
    return "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines)


def _example(data: Any) -> str:
    return f"```json\n{json.dumps(data, ensure_ascii=False)}\n```"


def flow_part() -> str:
    return _table(("entry", "needed", "what it says"), [*_entries(FlowSchema())])


def steps_part() -> str:
    parts = []
    for name, kind in STEPS.items():
        shown = canonical({"steps": [kind.example]})["steps"][0]
        own = [row for row in _entries(kind.schema()) if row[0] not in ("`id`", "`note`")]
        parts.append(
            f"### {name}\n\n{kind.about.strip()}\n\n{_table(('entry', 'needed', 'what it says'), [*own])}\n\n"
            f"{_example(shown)}"
        )
    return "\n\n".join(parts)


def operators_part() -> str:
    rows = [(f"`{name}`", op.about, _condition(op.field, name, op.example)) for name, op in OPERATORS.items()]
    return _table(("operator", "holds when the fact", "for example"), [*rows])


def _condition(field: str, op: str, value: Any) -> str:
    """As one writes it: a name and short plain values need no quotes."""
    said = re.sub(r'"([A-Za-z_][\w.]*)"(: )?', r"\1\2", json.dumps({op: value}, ensure_ascii=False))
    return f"`{field}: {said}`"


def signals_part() -> str:
    parts = []
    for name, signal in SIGNALS.items():
        rows = [(f"`event.{prop}`", about) for prop, about in signal.props.items()]
        parts.append(f"### {name}\n\n{signal.about.strip()}\n\n{_table(('field', 'what it is'), [*rows])}")
    return "\n\n".join(parts)


def events_part() -> str:
    rows = [
        (f"`{name}`", event.about, ", ".join(f"`{prop}`" for prop in event.props))
        for name, event in {**EVENTS, f"{CUSTOM}NAME": event_named(f"{CUSTOM}name")}.items()
        if event is not None and name not in SIGNALS
    ]
    return _table(("event", "what happened", "fields, after `event.`"), [*rows])


def fields_part() -> str:
    return _table(("field", "what it is"), [(f"`{name}`", about) for name, about in FIELDS.items()])


def _codes(codes: Mapping[str, str]) -> str:
    return _table(("code", "what it means"), [(f"`{code}`", about) for code, about in codes.items()])


PARTS: Mapping[str, Callable[[], str]] = {
    "flow": flow_part,
    "steps": steps_part,
    "operators": operators_part,
    "signals": signals_part,
    "events": events_part,
    "fields": fields_part,
    "moves": lambda: _codes(reasons.MOVES),
    "refusals": lambda: _codes(reasons.REFUSALS),
    "objections": lambda: _codes(reasons.OBJECTIONS),
    "withheld": lambda: _codes(reasons.WITHHELD),
}


def refreshed(document: str) -> str:
    """The document with every generated part as the registries have it now. Raises KeyError for an unknown part."""
    return _PART.sub(lambda part: f"{part[1]}{PARTS[part['name']]()}\n{part[3]}", document)


def parts_in(document: str) -> list[str]:
    """The names of the generated parts that a document has."""
    return [part["name"] for part in _PART.finditer(document)]


if __name__ == "__main__":
    if "--schema" in sys.argv:
        sys.stdout.write(json.dumps(editor_schema(), indent=1, ensure_ascii=False) + "\n")
    else:
        sys.stdout.write(refreshed(sys.stdin.read()))
