"""Which events the provider is told of, under which name and with which properties: data, not code."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from datetime import datetime
from functools import cache
from importlib.resources import files
from typing import Any

import yaml

from connector.plugin_events import SHAPES

Entry = Mapping[str, Any]


@cache
def _defaults() -> dict[str, Entry]:
    return dict(yaml.safe_load((files("connector") / "event_mapping.yaml").read_text(encoding="utf-8")))


@cache
def _by_event() -> dict[str, list[Entry]]:
    return _sorted_by_event(_defaults())


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
) -> Iterator[tuple[str, dict[str, Any]]]:
    """The names and properties under which the provider is told of our event, which happened ``at`` this ``shop``.

    ``overrides`` is the shop's ``event_mapping`` setting, of the same form as event_mapping.yaml; ``left_to_brevo``
    names the flows that the provider's automations run instead of ours.
    """
    entries = _sorted_by_event({**_defaults(), **overrides}) if overrides else _by_event()
    for entry in entries.get(name, ()):
        if "flows" in entry and not set(entry["flows"]) & set(left_to_brevo):
            continue
        shape = SHAPES.get(entry.get("shape") or "")
        yield entry["as"], _chosen(entry, props) if shape is None else shape(props, shop, at)


def _chosen(entry: Entry, props: Mapping[str, Any]) -> dict[str, Any]:
    wanted = entry.get("properties")
    chosen = props if wanted is None else {key: props[key] for key in wanted if key in props}
    return {key: value for key, value in chosen.items() if value is not None}
