"""What is wrong with an entry of the event mapping: held against what our events are known to carry."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from marshmallow import ValidationError

from connector.event_mapping import flow_of, names_of
from connector.shops import ShopSettingsSchema
from flows.core.vocabulary import CUSTOM, EVENTS, EventName, event_named
from sync.mapping.problems import EVENTS as PART
from sync.mapping.problems import Problem


def problems(name: str, entry: Any) -> Iterator[Problem]:
    """All that is wrong with ``name: entry``; an entry that is null is switched off."""
    if entry is None:
        return
    try:
        ShopSettingsSchema().load({"event_mapping": {name: entry}})
    except ValidationError as error:
        said: Any = error.normalized_messages()
        yield Problem(
            PART,
            str(name),
            f"cannot be taken ({_flat(_of(said, name))})",
            "see the form of an entry in docs/mapping.md",
        )
        return
    ours = list(entry.get("events") or (name,))
    known: dict[str, EventName] = {}
    for event in ours:
        if (about := event_named(event)) is not None:
            known[event] = about
            continue
        if flow_of(event) is not None:
            continue
        cure = f"ours are {', '.join(EVENTS)}, and {CUSTOM}NAME for what the events API tells"
        yield Problem(PART, name, f"is about `{event}`, which never happens here", cure)
    if "shape" in entry and "properties" in entry:
        yield Problem(PART, name, "has `shape` and `properties`", "a shape says which properties travel: leave one out")
    named = [*names_of(entry.get("properties") or [])]
    named += [one["from"] for one in (entry.get("contact_properties") or {}).values()]
    for property_ in dict.fromkeys(named):
        if known and not any(not about.props or property_ in about.props for about in known.values()):
            has = dict.fromkeys(one for about in known.values() for one in about.props)
            what = " or ".join(known)
            yield Problem(PART, name, f"names `{property_}`, which {what} does not have", f"it has {', '.join(has)}")


def _of(said: Any, name: str) -> Any:
    """What is said of the entry itself."""
    inner = said["event_mapping"]
    inner = inner.get(name, inner) if isinstance(inner, Mapping) else inner
    return inner.get("value", inner) if isinstance(inner, Mapping) else inner


def _flat(said: Any) -> str:
    """Marshmallow's messages as one sentence, each behind the field that it is about."""
    if isinstance(said, Mapping):
        parts = (f"{'' if field in ('value', 'key') else f'{field}: '}{_flat(inner)}" for field, inner in said.items())
        return ", ".join(parts).rstrip(".")
    return " ".join(map(str, said)).rstrip(".") if isinstance(said, list) else str(said).rstrip(".")
