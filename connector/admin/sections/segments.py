"""Named segments: conditions with a name, which all flows may ask for, as lines of a form."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, text

from connector.admin import flow_words
from connector.admin.sections import asking
from connector.admin.sections.kinds import TEXT, Column, choice
from connector.admin.sections.rows import Line, rows
from connector.admin.sections.section import Field, Section
from connector.shops import Shop
from flows.core import segments

SHIPPED_WORDS: Mapping[str, str] = {
    "vip": "spent 500 or more, in the shop's currency",
    "regular": "ordered twice or more, buy often, and have not stayed away",
    "engaged": "clicked, ordered, visited or signed in within 30 days",
    "active": "clicked, ordered, visited or signed in within 90 days",
    "inactive": "did none of it for 90 days",
    "unread": "opened and clicked nothing for 90 days",
    "bought_lately": "ordered within 90 days",
    "bought_long_ago": "last ordered more than 90 days ago",
    "women": "said so in a form, to the question gender",
    "men": "said so in a form, to the question gender",
    "qualified_lead": "have 50 points as a lead, or more",
}
"""Who is in each of those that ship."""
_ALL, _ANY = "all", "any"
_OFF = "off"


def _read(lines: Sequence[Line]) -> dict[str, Any]:
    by_name: dict[str, list[tuple[int, Line]]] = {}
    for number, line in enumerate(lines, 1):
        if not line.get("name"):
            raise ValueError(f"Line {number}: Name the segment, such as big_spenders.")
        by_name.setdefault(line["name"], []).append((number, line))
    return {name: _condition(name, mine) for name, mine in by_name.items()}


def _condition(name: str, lines: Sequence[tuple[int, Line]]) -> Any:
    if any(line.get("way") == _OFF for _, line in lines):
        if len(lines) > 1:
            raise ValueError(f"Line {lines[0][0]}: {name} cannot be switched off and have a condition too.")
        return None
    joined = {line.get("joined", _ALL) for _, line in lines}
    if len(joined) > 1:
        raise ValueError(f"Line {lines[-1][0]}: Say the same of all lines of {name}: all hold, or one is enough.")
    parts = []
    for number, line in lines:
        try:
            parts.append(asking.read(line.get("field", ""), line.get("way", ""), line.get("value", "")))
        except ValueError as error:
            raise ValueError(f"Line {number}: {error}") from None
    return parts[0] if len(parts) == 1 else {joined.pop(): parts}


def _lines(chosen: Mapping[str, Any] | None) -> Iterator[Line]:
    for name, condition in sorted((chosen or {}).items()):
        if condition is None:
            yield {"name": name, "joined": _ALL, "way": _OFF}
            continue
        joined, parts = _parts(condition)
        for part in parts:
            field, way, value = asking.shown(part)
            yield {"name": name, "joined": joined, "field": field, "way": way, "value": value}


def _parts(condition: Any) -> tuple[str, Sequence[Any]]:
    """The lines that a condition is made of; of one with others inside one another it is one line."""
    if isinstance(condition, Mapping) and len(condition) == 1:
        ((name, inner),) = condition.items()
        if name in (_ALL, _ANY) and isinstance(inner, list) and len(inner) > 1:
            return name, inner
    elif isinstance(condition, Mapping):
        return _ALL, [{name: inner} for name, inner in condition.items()]
    return _ALL, [condition]


LINES = rows(
    (
        Column("name", "Segment", TEXT, "segments"),
        Column("joined", "Of its lines", choice((_ALL, "all hold"), (_ANY, "one is enough"))),
        Column("field", "What is asked for", TEXT, "people"),
        Column("way", "Compared", asking.way((_OFF, "nobody is in it: it is switched off"))),
        Column("value", "With", TEXT),
    ),
    _read,
    _lines,
)


def _effect(connection: Connection, shop: Shop, now: datetime) -> Sequence[str]:
    known = segments.of_shop(shop.settings["segments"])
    missing = [row for row in connection.execute(_ASKED_FOR, {"shop_id": shop.id}) if row.segment not in known]
    return [
        f"There are {', '.join(sorted(known))}.",
        *(
            f"The flow {row.flow} asks for the segment {row.segment}, which is not there: it can be told of nobody."
            for row in missing
        ),
    ]


def _known(shop: Shop) -> Mapping[str, Any]:
    """Each segment in words, and whether it ships."""
    chosen = shop.settings["segments"]
    known = segments.of_shop(chosen)
    return {
        "rows": [
            (name, flow_words.condition(one) if name in chosen else SHIPPED_WORDS[name], name not in chosen)
            for name, one in sorted(known.items())
        ]
    }


# Of the version that people enter.
_ASKED_FOR = text(
    r"""
SELECT DISTINCT flows.flow, named[1] AS segment
FROM flows JOIN flow_versions USING (shop_id, flow, version)
CROSS JOIN LATERAL regexp_matches(definition::text, '"segment[.]([a-z][a-z0-9_]*)"', 'g') AS named
WHERE flows.shop_id = :shop_id AND flows.status IN ('active', 'paused')
ORDER BY 1, 2
"""
)

SEGMENTS = Section(
    "segments",
    "Segments",
    "Groups of people with a name, for use in all flows: who has spent much, who has not been seen for long. A flow"
    " asks for them as segment.NAME.",
    (
        Field(
            "segments",
            "Your own segments",
            LINES,
            "One condition to a line; lines of the same name belong together. A name that ships, such as vip, is"
            " replaced by yours. Values are numbers (500), words (Gold), or times such as 30d ago.",
            empty="those that ship, which stand above",
        ),
    ),
    ("segments",),
    effect=_effect,
    part="admin/_setting_segments.html",
    more=_known,
)
