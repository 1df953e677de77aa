"""The parts of docs/mapping.md that come from the registries.

``python -m sync.mapping.reference < docs/mapping.md`` prints the document with its generated parts brought up to date.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Mapping, Sequence

from connector import event_mapping
from connector.attribute_values import TRANSFORMS, TYPES
from flows.core.vocabulary import EVENTS
from sync.mapping import contact, sources
from sync.mapping.attribute import CONDITIONS
from sync.profile_values import VALUES

_PART = re.compile(r"(<!-- generated: (?P<name>[a-z-]+) -->\n).*?(<!-- end -->)", re.DOTALL)


def _table(head: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> str:
    lines = [head, tuple("---" for _ in head), *rows]
    return "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines)


def _named(head: tuple[str, str], entries: Mapping[str, str]) -> str:
    return _table(head, [(f"`{name}`", about) for name, about in entries.items()])


def _shipped() -> str:
    rows = [
        (f"`{name}`", f"`{entry['from']}`", entry["type"], f"`{entry['when']}`" if entry.get("when") else "")
        for name, entry in contact.defaults().items()
    ]
    return _table(("attribute", "from", "type", "only when"), rows)


def _computed() -> str:
    rows = [(f"`{one.name}`", one.about, one.kind, "yes" if one.profiling else "") for one in VALUES.values()]
    return _table(("from", "what it is", "type", "profiling"), rows)


def _events() -> str:
    rows = []
    for name, entry in event_mapping.defaults().items():
        ours = ", ".join(f"`{one}`" for one in entry.get("events") or (name,))
        props = ", ".join(f"`{one}`" for one in event_mapping.names_of(entry.get("properties") or []).values())
        own = event_mapping.flow_of(name) if name not in EVENTS else None
        flows = ", ".join(f"`{one}`" for one in entry.get("flows") or ([own] if own else ()))
        rows.append((f"`{entry['as']}`", ours, props or f"those of Brevo's plugins, for a {entry['shape']}", flows))
    return _table(("at Brevo", "ours", "properties", "only while left to Brevo"), rows)


def _properties() -> str:
    rows = [
        (f"`{name}`", one.about, ", ".join(f"`{prop}`" for prop in one.props) or "any") for name, one in EVENTS.items()
    ]
    return _table(("event", "what happened", "properties"), rows)


_WHEN = {name: f"only of those who agree to {channel}" for name, channel in CONDITIONS.items()}
_CONSENT = {f"consent.CHANNEL.{field}": about for field, about in sources.CONSENT.items()}
PARTS: Mapping[str, Callable[[], str]] = {
    "shipped": _shipped,
    "person": lambda: _named(("from", "what it is"), {**sources.PERSON, **_CONSENT}),
    "read": lambda: _named(("from", "what it is"), {**sources.CUSTOMER, **sources.LOYALTY, **sources.PATTERNS}),
    "computed": _computed,
    "types": lambda: _named(("type", "what it holds"), TYPES),
    "transforms": lambda: _named(("transform", "what it does"), TRANSFORMS),
    "when": lambda: _named(("when", "whose"), _WHEN),
    "events": _events,
    "properties": _properties,
}


def refreshed(text: str) -> str:
    """The document with every generated part as the registries have it now. Raises KeyError for an unknown part."""
    return _PART.sub(lambda part: f"{part[1]}{PARTS[part['name']]()}\n{part[3]}", text)


def parts_in(text: str) -> list[str]:
    """The names of the generated parts that a document has."""
    return [part["name"] for part in _PART.finditer(text)]


if __name__ == "__main__":
    sys.stdout.write(refreshed(sys.stdin.read()))
