"""docs/brevo-automations.md names what Brevo is really told, for each flow that a shop begins with."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from connector.event_mapping import defaults, names_of
from flows.definition_files import read_folder
from flows.engine.publish import FROM_THE_START
from sync.mapping import contact
from tests.architecture.project import PROJECT, codes

PAGE = PROJECT / "docs" / "brevo-automations.md"


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
