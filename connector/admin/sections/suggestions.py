"""What fields of forms offer to be entered, so that nobody has to know names by heart."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from connector.admin import flow_words
from connector.admin.sections.section import Section
from flows.core import segments
from flows.core.facts import family
from flows.core.signals.consumption import TABLE
from flows.core.vocabulary import EVENTS, FIELDS

Offered = Sequence[tuple[str, str]]
"""(what is entered, what it is called)."""


def _people() -> Offered:
    return [(path, about) for path, about in FIELDS.items() if family(path) in segments.FAMILIES]


OFFERED: Mapping[str, Callable[[], Offered]] = {
    "events": lambda: [(name, flow_words.event(name)) for name in EVENTS],
    "people": _people,
    "segments": lambda: [(name, flow_words.named(name)) for name in segments.SHIPPED],
    "consumables": lambda: [(name, f"lasts {one['cycle_days']} days") for name, one in TABLE.items()],
}


def offered(section: Section) -> Mapping[str, Offered]:
    """What the columns of this part offer, by name."""
    names = dict.fromkeys(column.suggests for field in section.fields for column in field.kind.columns)
    return {name: OFFERED[name]() for name in names if name}
