"""docs/brevo-automations.md names what Brevo is really told, for each flow that a shop begins with."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import cast
from uuid import uuid4

import pytest

from connector import automations
from connector.event_mapping import ENTERED, defaults, names_of, provider_events
from connector.eventlog import Fact
from connector.scope import Scope
from flows.automations_page import ALWAYS, properties, shipped
from flows.core.vocabulary import event_named
from flows.definition_files import read_folder
from flows.engine.publish import FROM_THE_START
from flows.library_page import refreshed, templates
from sync.mapping import contact
from tests.architecture.project import PROJECT, codes

PAGE = PROJECT / "docs" / "brevo-automations.md"
LIBRARY = PROJECT / "docs" / "brevo-automations-library.md"


def section(flow: str) -> str:
    """What the page says of this flow."""
    found = [part for part in PAGE.read_text(encoding="utf-8").split("\n## ") if f"| flow | `{flow}` |" in part]
    assert len(found) == 1, f"{flow} has {len(found)} sections"
    return found[0]


def cells(text: str) -> list[tuple[str, list[str]]]:
    rows = [line.strip("| ").split(" | ") for line in text.splitlines() if line.startswith("| ") and "`" in line]
    return [(name, codes(value)) for name, value in rows]


@pytest.mark.parametrize("flow", FROM_THE_START)
def test_events_properties_and_attributes_are_named_as_they_arrive(flow: str) -> None:
    (_, enters, properties, leaves, reasons, attributes) = cells(section(flow))
    for (what, named), (_, listed), key in (
        (enters, properties, f"{flow}_entered"), (leaves, reasons, f"{flow}_left"),
    ):  # fmt: skip
        entry = defaults()[key]
        assert named == [entry["as"]], what
        assert listed == list(names_of(entry["properties"]).values()), what
    assert set(attributes[1]) <= set(contact.defaults())


@pytest.mark.parametrize("flow", FROM_THE_START)
def test_every_email_of_the_flow_has_its_place(flow: str) -> None:
    source = read_folder(Path(PROJECT / "flows" / "library" / flow))
    text = section(flow).replace("-", " ").lower()
    # Two of one split are one line.
    names = {name.removesuffix("-urgency") for name in source.flow.messages} - {"incentive"}
    assert [name for name in sorted(names) if name.replace("-", " ") not in text] == []


def test_no_property_is_used_that_does_not_travel() -> None:
    text = PAGE.read_text(encoding="utf-8")
    travels = {name for entry in defaults().values() for name in names_of(entry.get("properties") or [])}
    used = set(re.findall(r"\b(?:event\.)?(offers|(?<=event\.)[a-z_]+)\b", text))
    assert used - travels == set()
    assert "recovery_url" in used and "gone" not in travels


def test_the_library_is_told_as_it_ships() -> None:
    page = LIBRARY.read_text(encoding="utf-8")
    # Of another page too it would make this one.
    other = page.replace("`win-back_entered`", "`win-back_begun`")
    assert other != page
    assert refreshed(other) == page, "python -m flows.library_page < docs/brevo-automations-library.md"


def test_every_flow_that_ships_and_writes_to_anybody_has_its_part() -> None:
    told = set(re.findall(r"^\| flow \| `([a-z0-9-]+)` \|$", f"{PAGE.read_text()}\n{LIBRARY.read_text()}", re.M))
    assert told == {name for name in templates() if shipped(name).messages}


def test_what_entering_carries_is_what_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """The fact of entering, as it is written down and as Brevo is then told of it without an entry in the mapping."""
    flow = shipped("tier-up")
    event = event_named(flow.trigger.on)
    assert event is not None
    run = SimpleNamespace(id=uuid4(), flow=flow.flow, key="", person_id=1, trigger=dict.fromkeys(event.props, "said"))
    written: list[Fact] = []
    monkeypatch.setattr(automations.eventlog, "append_decided", lambda scope, facts: written.extend(facts))
    scope = cast(Scope, SimpleNamespace(now=datetime(2026, 11, 2, tzinfo=UTC)))
    automations.enter(scope, run, {"shop": {"offers": {"vip": {"code": "GOLD10"}, "cart": {"code": None}}}})
    (fact,) = written
    (told,) = provider_events(ENTERED, fact.props, {}, left_to_brevo=(), shop="a", at=fact.occurred_at)
    assert told.name == "tier-up_entered" and set(told.properties) == set(properties(flow)) > set(ALWAYS)
