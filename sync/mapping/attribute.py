"""One line of the attribute mapping: reading what a merchant wrote, and what is wrong with it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from connector.attribute_values import TRANSFORMS, TYPES, WITH_ARGUMENT, Dropped, Step, converted
from sync.mapping.problems import ATTRIBUTES, Problem
from sync.mapping.sources import every_name, source

IDENTIFIERS = frozenset({"EMAIL", "SMS", "EXT_ID"})
"""Brevo's own identifiers that we write: never to be created as attributes."""

# By which Brevo tells contacts apart as well: the second contact with one of them is refused as a whole.
_TAKEN = {
    "EMAIL": "the address is always sent",
    "EXT_ID": "the customer's id is always sent",
    "WHATSAPP": "Brevo refuses a second contact with the same number",
    "LANDLINE_NUMBER": "Brevo refuses a second contact with the same number",
}
CONDITIONS: Mapping[str, str] = {f"{channel}_subscribed": channel for channel in ("email", "sms", "whatsapp")}
"""`when`: the channel on which the person must agree."""
_ENTRIES = ("from", "type", "when", "default", "transform", "options")
_NAME = re.compile(r"[A-Z][A-Z0-9_]{0,99}\Z")
_LONGEST_OPTION = 200


@dataclass(frozen=True)
class Attribute:
    """``options``: {label: what Brevo knows it by} of a category or of multiple choice."""

    name: str
    source: str
    type: str
    when: str | None = None
    default: Any = None
    steps: tuple[Step, ...] = ()
    options: Mapping[str, Any] = field(default_factory=dict)


class Wrong(Exception):
    """What is wrong with one entry and what to do."""

    def __init__(self, wrong: str, cure: str) -> None:
        super().__init__(wrong)
        self.wrong = wrong
        self.cure = cure


def read(name: str, entry: Any) -> Attribute | Problem:
    """The line ``name: entry``, checked."""
    try:
        return _read(name, entry)
    except Wrong as error:
        return Problem(ATTRIBUTES, str(name), error.wrong, error.cure)


def _read(name: Any, entry: Any) -> Attribute:
    if not isinstance(name, str) or not _NAME.match(name):
        raise Wrong("is no name of an attribute", "Brevo's are upper case: letters, digits and _, a letter first")
    if name in _TAKEN:
        raise Wrong("cannot be mapped", f"it identifies contacts at Brevo; {_TAKEN[name]}")
    if not isinstance(entry, Mapping) or not entry.get("from"):
        raise Wrong("needs `from` and `type`", f"for example {name}: {{from: city, type: text}}")
    if unknown := [str(one) for one in entry if one not in _ENTRIES]:
        raise Wrong(f"has `{unknown[0]}`, which means nothing", f"an attribute has {', '.join(_ENTRIES)}")
    kind = entry.get("type")
    if not isinstance(kind, str) or kind not in TYPES:
        more = "; Brevo has ids among transactional attributes only: use text" if kind == "id" else ""
        raise Wrong("needs a `type`", f"one of {', '.join(TYPES)}{more}")
    when = entry.get("when")
    if when is not None and when not in CONDITIONS:
        raise Wrong(f"has an unknown `when: {when}`", f"it is one of {', '.join(CONDITIONS)}")
    if name == "SMS" and when != "sms_subscribed":
        raise Wrong("needs `when: sms_subscribed`", "Brevo writes text messages to whoever has a number there")
    attribute = Attribute(
        name, _source(str(entry["from"])), kind, when, None, _steps(entry.get("transform")), _options(kind, entry)
    )
    default = _default(attribute, entry.get("default"))
    return Attribute(name, attribute.source, kind, when, default, attribute.steps, attribute.options)


def _source(name: str) -> str:
    if source(name) is None:
        raise Wrong(
            f"is from `{name}`, which is nothing that is known of a person", f"one of {', '.join(every_name())}"
        )
    return name


def _steps(written: Any) -> tuple[Step, ...]:
    if written is None:
        return ()
    steps = []
    for one in written if isinstance(written, list) else [written]:
        name, argument = next(iter(one.items())) if isinstance(one, Mapping) and len(one) == 1 else (one, None)
        if not isinstance(name, str) or name not in TRANSFORMS:
            raise Wrong(
                f"has an unknown `transform: {name}`", f"it is one of {', '.join(TRANSFORMS)}, or a list of them"
            )
        takes = WITH_ARGUMENT.get(name)
        if argument is not None and (takes is None or type(argument) is not takes):
            kind = {str: "a text", int: "a whole number"}.get(takes or type(None), "nothing")
            raise Wrong(f"gives `{name}` the wrong thing", f"it takes {kind}")
        steps.append((name, argument))
    return tuple(steps)


def _options(kind: str, entry: Mapping[str, Any]) -> dict[str, Any]:
    written = entry.get("options")
    if kind == "category":
        fits = isinstance(written, Mapping) and all(type(number) is int for number in written.values())
        cure = "say what Brevo shows and the number it has, as in {Gold: 1, Silver: 2}"
        labels = dict(written) if fits and isinstance(written, Mapping) else {}
        fits = fits and len(set(labels.values())) == len(labels)
    elif kind == "multiple-choice":
        fits, cure = isinstance(written, list), "say what Brevo shows, as in [Red, Blue]"
        labels = {str(one): str(one) for one in written} if isinstance(written, list) else {}
    elif written is not None:
        raise Wrong("has `options`", f"only category and multiple-choice have some, and this is {kind}")
    else:
        return {}
    if not fits or not labels or not all(0 < len(str(label)) <= _LONGEST_OPTION for label in labels):
        raise Wrong("needs its `options`", cure)
    return {str(label): value for label, value in labels.items()}


def _default(attribute: Attribute, written: Any) -> Any:
    if written is None:
        return None
    found = converted(written, attribute.type, options=attribute.options)
    if isinstance(found, Dropped):
        raise Wrong("has a `default` that is not of its type", f"{found.reason}, and this is {attribute.type}")
    return found
