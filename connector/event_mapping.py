"""Which events the provider is told of, under which name and with which properties: data, not code."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import cache
from importlib.resources import files
from typing import Any

import orjson

from connector import shipped_yaml
from connector.attribute_values import Dropped, converted
from connector.plugin_events import SHAPES

Entry = Mapping[str, Any]

LARGEST = 50_000
"""Bytes that the properties of an event may have at Brevo, as JSON (its reference of POST /events)."""
# For what the caller adds: the event's id.
_ROOM = 200
ENTERED, LEFT = "automation_entered", "automation_left"
"""Our events of runs that the provider's automations carry out. Their entry is named by the flow, `FLOW_entered` or
`FLOW_left`; without one they go under that name, with all they carry."""
_FLOW = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*\Z")
_OF_A_FLOW = {ENTERED: "entered", LEFT: "left"}
SHORTENED = "shortened"
"""The property that says which lists were too long: {"shortened": ["items: 40 of 900"]}."""


@dataclass(frozen=True, slots=True)
class Told:
    """An event as Brevo is told of it. ``contact_properties``: attributes of the contact that it changes; ``dropped``:
    {attribute: why it is not among them}.
    """

    name: str
    properties: dict[str, Any]
    contact_properties: dict[str, Any] = field(default_factory=dict)
    dropped: Mapping[str, str] = field(default_factory=dict)

    @property
    def body(self) -> dict[str, Any]:
        """What of POST /events says what happened; not when, and to whom."""
        told: dict[str, Any] = {"event_name": self.name, "event_properties": self.properties}
        return {**told, "contact_properties": self.contact_properties} if self.contact_properties else told


@cache
def defaults() -> Mapping[str, Entry]:
    """The shipped mapping, as it is written."""
    return dict(shipped_yaml.load((files("connector") / "event_mapping.yaml").read_text(encoding="utf-8")))


@cache
def _by_event() -> dict[str, list[Entry]]:
    return _sorted_by_event(defaults())


def _sorted_by_event(entries: Mapping[str, Entry | None]) -> dict[str, list[Entry]]:
    found: dict[str, list[Entry]] = {}
    for name, entry in entries.items():
        if entry:
            for event in entry.get("events") or (name,):
                found.setdefault(event, []).append(entry)
    return found


def provider_events(
    name: str,
    props: Mapping[str, Any],
    overrides: Mapping[str, Entry | None],
    *,
    left_to_brevo: Collection[str],
    shop: str,
    at: datetime,
    prefix: str = "",
) -> Iterator[Told]:
    """What the provider is told of our event, which happened ``at`` this ``shop``.

    ``overrides`` is the shop's ``event_mapping`` setting, of the same form as event_mapping.yaml; ``left_to_brevo``
    names the flows that the provider's automations run instead of ours. ``prefix``: of the shop's attributes.
    """
    for entry in _entries_of(name, props, overrides):
        if "flows" in entry and not set(entry["flows"]) & set(left_to_brevo):
            continue
        shape = SHAPES.get(entry.get("shape") or "")
        properties = _chosen(entry, props) if shape is None else shape(props, shop, at)
        contact, dropped = _contact_properties(entry.get("contact_properties") or {}, props, prefix)
        yield Told(entry["as"], bounded(properties), contact, dropped)


def _entries_of(name: str, props: Mapping[str, Any], overrides: Mapping[str, Entry | None]) -> Sequence[Entry]:
    if name in _OF_A_FLOW:
        own = f"{props['flow']}_{_OF_A_FLOW[name]}"
        entry = {**defaults(), **overrides}.get(own, {"as": own})
        return [entry] if entry else []
    entries = _sorted_by_event({**defaults(), **overrides}) if overrides else _by_event()
    return entries.get(name, ())


def flow_of(entry_name: str) -> str | None:
    """The flow whose entering or leaving an entry of this name is about, if it is named like one of those."""
    flow, _, what = entry_name.rpartition("_")
    return flow if what in _OF_A_FLOW.values() and _FLOW.match(flow) else None


def told_events(overrides: Mapping[str, Entry | None]) -> frozenset[str]:
    """Our events that the provider is told of, by the shipped mapping and these ``overrides`` of the shop."""
    return frozenset(_sorted_by_event({**defaults(), **overrides}) if overrides else _by_event())


def names_of(written: Any) -> dict[str, str]:
    """{our property: its name at Brevo} of an entry's `properties`: a list of names, or names with other names."""
    return {str(one): str(one) for one in written} if isinstance(written, list) else dict(written)


def _chosen(entry: Entry, props: Mapping[str, Any]) -> dict[str, Any]:
    wanted = entry.get("properties")
    chosen = props if wanted is None else {as_: props[ours] for ours, as_ in names_of(wanted).items() if ours in props}
    return {key: value for key, value in chosen.items() if value is not None}


def _contact_properties(
    wanted: Mapping[str, Entry], props: Mapping[str, Any], prefix: str
) -> tuple[dict[str, Any], dict[str, str]]:
    sent, dropped = {}, {}
    for name, entry in wanted.items():
        raw = props.get(entry["from"])
        value = Dropped("the event does not say it") if raw is None else converted(raw, entry["type"])
        if isinstance(value, Dropped):
            dropped[prefix + name] = value.reason
        else:
            sent[prefix + name] = value
    return sent, dropped


def bounded(properties: Mapping[str, Any], largest: int = LARGEST - _ROOM) -> dict[str, Any]:
    """The properties in at most ``largest`` bytes of JSON: the longest lists are shortened, and it is said which.

    What is too long without any list is left out, the longest first.
    """
    kept = dict(properties)
    whole: dict[str, int] = {}
    while len(orjson.dumps(kept, default=str)) > largest:
        lists = {path: found for path, found in _lists(kept) if found}
        if lists:
            path = max(lists, key=lambda one: len(orjson.dumps(lists[one], default=str)))
            whole.setdefault(path, len(lists[path]))
            kept = _with(kept, path.split("."), lists[path][: len(lists[path]) // 2])
            left = dict(_lists(kept))
            notes = [f"{one}: {len(left[one])} of {count}" for one, count in whole.items()]
        else:
            longest = max((one for one in kept if one != SHORTENED), key=lambda one: _size(kept, one))
            del kept[longest]
            notes = [*kept.get(SHORTENED, ()), f"{longest}: left out"]
        kept[SHORTENED] = notes
    return kept


def _size(properties: Mapping[str, Any], name: str) -> int:
    return len(orjson.dumps(properties[name], default=str))


def _lists(properties: Mapping[str, Any], before: str = "") -> Iterator[tuple[str, list[Any]]]:
    for name, value in properties.items():
        path = f"{before}{name}"
        if isinstance(value, list) and path != SHORTENED:
            yield path, value
        elif isinstance(value, Mapping):
            yield from _lists(value, f"{path}.")


def _with(properties: Mapping[str, Any], path: list[str], value: list[Any]) -> dict[str, Any]:
    name, rest = path[0], path[1:]
    return {**properties, name: _with(properties[name], rest, value) if rest else value}
