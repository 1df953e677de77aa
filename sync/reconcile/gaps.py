"""What the store has and we do not, or not as new: judged, noted in the open report, and read from the store.

What is found is read and applied like everything that is read from the store (T2b), in scopes that say who found it
(``Scope.found_by``): what happened since the shop's webhooks were in place goes through the same flows, with its own
deadlines, and what happened before is history. Nothing happens twice, because an event is known by its fact.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import bindparam, select, text
from sqlalchemy.dialects.postgresql import insert

from connector.db.rows import among
from connector.models.reconcile import gap_reports, gaps
from connector.models.sync import fetches
from connector.scope import Scope
from sync import fetch
from sync.node_values import number
from sync.privacy.late import of_the_living
from sync.reconcile.kinds import Kind, seen_since

FOUND_BY = "reconcile"
CLOCK = "clock"
"""Asked for a report that nobody asked for."""


@dataclass(frozen=True)
class Gap:
    """``finding``: missed | behind | gone; ``at``: when the store changed it, or when we saw that it is gone."""

    record_id: int
    finding: str
    at: datetime


def judge(scope: Scope, kind: Kind, told: Mapping[int, datetime], *, missed_since: datetime | None = None) -> list[Gap]:
    """Which of these ({store's id: the store's time of its newest state}) we do not hold, or hold an older state of.

    What a delivery has asked to be read already is no gap, nor what is about somebody erased. ``missed_since``: what we
    do not hold and the store has not changed since then is none of ours.
    """
    ids = list(told)
    query = text(kind.held + kind.some)
    given = {"shop_id": scope.shop_id, "seen_since": seen_since(scope), "ids": ids, "names": [str(one) for one in ids]}
    held = {row.id: row for row in scope.connection.execute(query, _wanted(kind, given))}
    failed = set(scope.connection.scalars(_FAILED, {"shop_id": scope.shop_id, "kind": kind.name, "ids": ids}))
    found = []
    for record_id, at in told.items():
        ours = held.get(record_id)
        if ours is None and (missed_since is None or at >= missed_since):
            found.append(Gap(record_id, "missed", at))
        elif ours is not None and (record_id in failed or is_behind(ours, at)):
            found.append(Gap(record_id, "behind", at))
    return _ours_to_close(scope, kind, found)


_FAILED = select(fetches.c.remote_id).where(
    fetches.c.shop_id == bindparam("shop_id"),
    fetches.c.kind == bindparam("kind"),
    fetches.c.state == "failed",
    among(fetches.c.remote_id, "ids"),
)


def is_behind(ours: Any, at: datetime) -> bool:
    """Whether a row of ``Kind.held`` is older than the store's state of ``at``, or not whole."""
    return not ours.gone and (ours.at is None or ours.at < at or not ours.whole)


def _wanted(kind: Kind, given: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in given.items() if f":{name}" in kind.held + kind.some}


def _ours_to_close(scope: Scope, kind: Kind, found: Sequence[Gap]) -> list[Gap]:
    if not found:
        return []
    awaited = fetch.awaited(scope.connection, scope.shop_id, kind.name, [one.record_id for one in found])
    nodes = [{"id": f"gid://shopify/{kind.name}/{one.record_id}"} for one in found]
    living = {number(node["id"]) for node in of_the_living(scope, nodes)}
    return [one for one in found if one.record_id in living and one.record_id not in awaited]


def close(scope: Scope, kind: Kind, found: Sequence[Gap]) -> None:
    """Note these in the open report and have them repaired: what is gone at once, the rest is read from the store.

    The scope says that it is ours (``found_by``), and holds the shop's NORMALISE lock.
    """
    if not found:
        return
    for one in found:
        if one.finding == "gone":
            kind.deleted(scope, one.record_id, one.at)
        else:
            fetch.wish(scope, kind.name, one.record_id)
    report_id = open_report(scope)
    rows = [
        {
            "shop_id": scope.shop_id,
            "report_id": report_id,
            "kind": kind.name,
            "record_id": one.record_id,
            "finding": one.finding,
            "changed_at": one.at,
            "state": "repaired" if one.finding == "gone" else "open",
        }
        for one in found
    ]
    statement = insert(gaps)
    changed = {name: statement.excluded[name] for name in ("finding", "changed_at", "state")}
    scope.connection.execute(
        statement.on_conflict_do_update(index_elements=["shop_id", "report_id", "kind", "record_id"], set_=changed),
        rows,
    )


def open_report(scope: Scope, by: str = CLOCK) -> int:
    """The number of the shop's open report; a new one when none is. ``by``: who asked; whoever asks takes it over."""
    row = {
        "shop_id": scope.shop_id,
        "state": "open",
        "asked_by": by,
        "began_at": scope.now,
        "began_real": scope.machine,
        "due_real": scope.machine,
        "notes": [],
        "findings": {},
    }
    takes_over: dict[str, Any] = {"due_real": scope.machine}
    if by != CLOCK:
        takes_over |= {"asked_by": by, "began_real": scope.machine}
    statement = insert(gap_reports).values(row)
    scope.bells.add("reconcile")
    return int(
        scope.connection.execute(
            statement.on_conflict_do_update(
                index_elements=["shop_id"], index_where=text("state = 'open'"), set_=takes_over
            ).returning(gap_reports.c.id)
        ).scalar_one()
    )


def note(scope: Scope, sentences: Iterable[str]) -> None:
    """Keep these sentences in the open report, each once."""
    told = list(sentences)
    if not told:
        return
    report_id = open_report(scope)
    scope.connection.execute(_NOTE, {"shop_id": scope.shop_id, "id": report_id, "told": told})


_NOTE = text(
    """
UPDATE gap_reports SET notes = notes || (
    SELECT coalesce(jsonb_agg(said), '[]') FROM unnest(CAST(:told AS text[])) AS said WHERE NOT notes ? said
) WHERE shop_id = :shop_id AND id = :id
"""
)
