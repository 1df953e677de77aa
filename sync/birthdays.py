"""Birthdays: the day and the month of somebody's birth, kept only where the shop's settings name where they are told.

They come from a metafield of customers or from an answer to a form (the setting ``signals.birthday``). Of both the word
that was heard last counts. The year is not kept.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import date, datetime
from typing import Any

import orjson
from sqlalchemy import text

from connector import eventlog
from connector.scope import Scope
from connector.shops import Shop
from connector.signal_settings import chosen
from sync.node_values import moment

SOURCE = "birthday"
"""Of its row among the kept fields of a person."""
_WRITTEN = re.compile(r"(?:(\d{4})-|--)?(\d{2})-(\d{2})(?:[T ].*)?\Z")


def metafield_keys(shop: Shop) -> list[str]:
    """The metafields that customers of this shop have to be read with."""
    key = chosen(shop.settings, "birthday")["metafield"]
    return [] if key is None else [key]


def day_of(written: Any) -> str | None:
    """Month and day, as MM-DD, of a date (1990-02-28, --02-28 or 02-28); None for what is none."""
    found = _WRITTEN.match(written.strip()) if isinstance(written, str) else None
    if found is None:
        return None
    try:
        # A leap year, where none is told.
        return f"{date(int(found[1] or 2000), int(found[2]), int(found[3])):%m-%d}"
    except ValueError:
        return None


def from_store(scope: Scope, person_id: int, node: Mapping[str, Any]) -> None:
    """Keep what a Customer of queries/customers.graphql tells. The caller holds the person's lock and has seen that the
    answer is not older than what is known of the customer."""
    keys = metafield_keys(scope.shop)
    if not keys or node.get("metafields") is None:
        return
    held = {f"{one['namespace']}.{one['key']}": one["value"] for one in node["metafields"]["nodes"]}
    # The store leaves out what has no value.
    written = held.get(keys[0])
    told_at = moment(node.get("updatedAt"))
    if not written or day_of(written) is not None:
        # A store's clock may be ahead.
        _hear(scope, person_id, day_of(written), min(told_at or scope.now, scope.now))


def from_answers(scope: Scope, person_id: int, answers: Mapping[str, Any], at: datetime) -> None:
    """Keep what somebody, whose lock the caller holds, has answered, when the shop asks for the birthday so."""
    question = chosen(scope.shop.settings, "birthday")["answer"]
    day = day_of(answers.get(question)) if question is not None else None
    if day is not None:
        _hear(scope, person_id, day, at)


def _hear(scope: Scope, person_id: int, day: str | None, at: datetime) -> None:
    scope.owed(_write, first=True)[person_id] = (day, at)


def _write(scope: Scope, told: dict[int, tuple[str | None, datetime]]) -> None:
    """{person id: (the day, None: there is none; since when that is known)}."""
    known = {person_id: day for person_id, (day, _) in told.items() if day is not None}
    gone = sorted(told.keys() - known.keys())
    if gone:
        scope.connection.execute(_GONE, {"shop_id": scope.shop_id, "ids": gone, "source": SOURCE})
    if not known:
        return
    ids = sorted(known)
    values = [orjson.dumps(known[person_id]).decode() for person_id in ids]
    given = {"shop_id": scope.shop_id, "ids": ids, "values": values, "source": SOURCE}
    new = scope.connection.scalars(_KEEP, given).all()
    eventlog.append(scope, [_fact(person_id, known[person_id], told[person_id][1]) for person_id in sorted(new)])


def _fact(person_id: int, day: str, at: datetime) -> eventlog.Fact:
    return eventlog.Fact(
        "birthday_told",
        f"birthday:{person_id}:{at.isoformat()}:{day}",
        at,
        f"person:{person_id}",
        person_id,
        props={"birthday": day},
    )


_GONE = text(
    "DELETE FROM profile_fields"
    " WHERE shop_id = :shop_id AND person_id = ANY(CAST(:ids AS bigint[])) AND source = :source"
)
_KEEP = text(
    """
INSERT INTO profile_fields (shop_id, person_id, source, value)
SELECT :shop_id, told.person_id, :source, CAST(told.value AS jsonb)
FROM unnest(CAST(:ids AS bigint[]), CAST(:values AS text[])) AS told (person_id, value)
ORDER BY told.person_id
ON CONFLICT (shop_id, person_id, source) DO UPDATE SET value = excluded.value
WHERE profile_fields.value <> excluded.value
RETURNING person_id
"""
)
