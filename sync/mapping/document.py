"""The mapping of a shop as the YAML document that a merchant edits.

    attributes: what is laid over the shipped sync/mapping/contact.yaml, entry by entry
    events: what is laid over the shipped connector/event_mapping.yaml

An entry set to null switches the shipped one off. What it says is kept in two settings of the shop; the document itself
is kept as it was written, remarks and all.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import yaml

from sync.mapping import attribute, event_lines
from sync.mapping.attribute import Attribute
from sync.mapping.contact import defaults, metafields
from sync.mapping.problems import ATTRIBUTES, EVENTS, Problem, WrongMapping
from sync.mapping.sources import MOST_METAFIELDS

LARGEST = 100_000
EMPTY = """\
# What goes to Brevo otherwise than shipped; `connector mapping show --all` prints all that is in force.
# An entry replaces the shipped one of the same name, and null switches it off. See docs/mapping.md.
#
# attributes:
#   LOYALTY_TIER: {from: metafield:loyalty.tier, type: text, default: none}
#   TIMEZONE: null
# events:
#   order_paid: {as: invoice_paid, properties: {order_name: number, total: amount}}
"""
_SETTINGS = {ATTRIBUTES: "contact_mapping", EVENTS: "event_mapping"}


@dataclass(frozen=True)
class Mapped:
    """What a document lays over the shipped mappings."""

    attributes: Mapping[str, Any] = field(default_factory=dict)
    events: Mapping[str, Any] = field(default_factory=dict)

    @property
    def settings(self) -> dict[str, Any]:
        """As ``shops.settings`` keeps it."""
        return {"contact_mapping": dict(self.attributes), "event_mapping": dict(self.events)}


def of_settings(settings: Mapping[str, Any]) -> Mapped:
    """What a shop's settings say."""
    return Mapped(settings["contact_mapping"], settings["event_mapping"])


def read(text: str) -> Mapped:
    """What this document says. Raises WrongMapping with all that is wrong with it."""
    written, lines = _parsed(text)
    found = [*_shape(written)]
    if not found:
        found = [*problems(_mapped(written))]
    if found:
        raise WrongMapping([replace(one, line=lines.get((one.part, one.entry))) for one in found])
    return _mapped(written)


def problems(mapped: Mapped) -> Iterator[Problem]:
    """What is wrong with this mapping laid over the shipped one."""
    lines = {name: attribute.read(name, entry) for name, entry in mapped.attributes.items() if entry is not None}
    yield from (one for one in lines.values() if isinstance(one, Problem))
    for name, entry in mapped.attributes.items():
        if entry is None and name not in defaults():
            yield Problem(ATTRIBUTES, str(name), "is switched off, and is not shipped", "leave it out")
    keys = metafields(tuple(one for one in lines.values() if isinstance(one, Attribute)))
    if len(keys) > MOST_METAFIELDS:
        cure = f"map at most {MOST_METAFIELDS}, or gather several in one metafield"
        yield Problem(ATTRIBUTES, "", f"take from {len(keys)} metafields", cure)
    for name, entry in mapped.events.items():
        yield from event_lines.problems(name, entry)


def written(mapped: Mapped) -> str:
    """A document that says this."""
    parts = {name: dict(part) for name, part in ((ATTRIBUTES, mapped.attributes), (EVENTS, mapped.events)) if part}
    return _dumped(parts) if parts else EMPTY


def _dumped(parts: Mapping[str, Mapping[str, Any]]) -> str:
    # One line for each entry.
    text = ""
    for part, entries in parts.items():
        text += f"{part}:\n"
        for name, entry in entries.items():
            shown = yaml.safe_dump(entry, default_flow_style=True, sort_keys=False, allow_unicode=True, width=10_000)
            text += f"  {name}: {shown.strip().removesuffix('...').strip()}\n"
    return text


def _mapped(written: Mapping[str, Any]) -> Mapped:
    return Mapped(dict(written.get(ATTRIBUTES) or {}), dict(written.get(EVENTS) or {}))


def _shape(written: Any) -> Iterator[Problem]:
    cure = f"it has two parts, {ATTRIBUTES} and {EVENTS}, each with entries of the form NAME: {{...}}"
    if not isinstance(written, Mapping):
        yield Problem("", "", "The mapping is no list of parts", cure)
        return
    for part, entries in written.items():
        if part not in _SETTINGS:
            yield Problem("", str(part), "is no part of a mapping", cure)
        elif entries is not None and not isinstance(entries, Mapping):
            yield Problem(part, "", "has no entries", cure)


Lines = dict[tuple[str, str], int]
"""{(part, entry): line}, from 1 on."""


class _Loader(yaml.SafeLoader):
    """Words are words: a tag called `no` or `on` is none of YAML's booleans. Anchors are not used here."""

    yaml_implicit_resolvers = {
        first: [(tag, form) for tag, form in resolvers if not tag.endswith((":bool", ":timestamp"))]
        for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
    }

    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        event = self.peek_event()  # type: ignore[no-untyped-call]
        if isinstance(event, yaml.AliasEvent) or getattr(event, "anchor", None):
            raise yaml.MarkedYAMLError(problem="anchors (& and *) are not used here", problem_mark=event.start_mark)
        return super().compose_node(parent, index)


_Loader.add_implicit_resolver("tag:yaml.org,2002:bool", re.compile(r"(true|false)\Z"), ["t", "f"])


def _parsed(text: str) -> tuple[Any, Lines]:
    if len(text) > LARGEST:
        raise WrongMapping([Problem("", "", "The mapping is too long", f"it may have {LARGEST} characters")])
    try:
        loader = _Loader(text.replace("\r\n", "\n"))
        try:
            node = loader.get_single_node()
            lines = _lines(node)
            return (loader.construct_document(node) if node is not None else {}), lines
        finally:
            loader.dispose()
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        mark = getattr(error, "problem_mark", None)
        said = str(getattr(error, "problem", None) or "it cannot be read")
        line = mark.line + 1 if mark else None
        cure = "each entry is one line NAME: {from: ..., type: ...}, two spaces inside its part"
        raise WrongMapping([Problem("", "", f"This is no YAML ({said})", cure, line)]) from error


def _lines(node: yaml.Node | None) -> Lines:
    """Where the entries are. Raises MarkedYAMLError for a name that is there twice, which YAML would take once."""
    found: Lines = {}
    if not isinstance(node, yaml.MappingNode):
        return found
    for part, entries in _pairs(node):
        found[part, ""] = found["", part] = entries.start_mark.line + 1
        if isinstance(entries, yaml.MappingNode):
            for name, entry in _pairs(entries):
                found[part, name] = entry.start_mark.line + 1
                if isinstance(entry, yaml.MappingNode):
                    list(_pairs(entry))
    return found


def _pairs(node: yaml.MappingNode) -> Iterator[tuple[str, yaml.Node]]:
    seen = set()
    for key, value in node.value:
        name = str(key.value)
        if name in seen:
            raise yaml.MarkedYAMLError(problem=f"{name} is there twice", problem_mark=key.start_mark)
        seen.add(name)
        yield name, value
