"""The attributes of a mapping field by field, and one of them changed without writing the document by hand."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from sync.mapping import contact, document
from sync.mapping.problems import WrongMapping

SHIPPED, CHANGED, OWN, OFF = "as shipped", "changed", "your own", "switched off"


@dataclass(frozen=True)
class Row:
    """One attribute. ``state``: SHIPPED, CHANGED, OWN or OFF; ``before``: what is shipped, where that is different."""

    name: str
    source: str
    type: str
    when: str
    more: Mapping[str, Any]
    state: str
    before: str = ""


_SHOWN = ("from", "type", "when")


def rows(text: str) -> list[Row]:
    """Every attribute by this document, those of the shop's own first; none of a document that cannot be read."""
    try:
        laid_over = document.read(text).attributes
    except WrongMapping:
        return []
    shipped = contact.defaults()
    found = [
        _row(str(name), laid_over.get(name, shipped.get(name)), shipped.get(name)) for name in {**shipped, **laid_over}
    ]
    return sorted(found, key=lambda row: (row.state == SHIPPED, row.name))


def _row(name: str, entry: Any, shipped: Any) -> Row:
    if entry is None:
        return Row(name, "", "", "", {}, OFF, str((shipped or {}).get("from", "")))
    state = OWN if shipped is None else SHIPPED if entry == shipped else CHANGED
    more = {key: value for key, value in entry.items() if key not in _SHOWN}
    before = str(shipped.get("from", "")) if state == CHANGED else ""
    return Row(name, str(entry["from"]), str(entry["type"]), str(entry.get("when", "")), more, state, before)


def with_attribute(text: str, name: str, source: str | None, kind: str | None, when: str | None) -> str:
    """The document with this attribute as given; without ``source`` it is switched off, or left out when it is the
    shop's own. As shipped, it is left out. Remarks of the document are lost. Raises WrongMapping."""
    mapped, shipped = document.read(text), contact.defaults()
    attributes = dict(mapped.attributes)
    if source is None:
        entry = None
    else:
        kept = attributes.get(name, shipped.get(name)) or {}
        entry = {**kept, "from": source, "type": kind or kept.get("type", "text"), "when": when}
        entry = {key: value for key, value in entry.items() if value is not None}
    if entry == shipped.get(name):
        # Of the shop's own none is shipped: emptied, it is gone.
        attributes.pop(name, None)
    else:
        attributes[name] = entry
    made = document.written(replace(mapped, attributes=attributes))
    # What is wrong with it is told as of any document.
    document.read(made)
    return made
