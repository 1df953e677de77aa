"""Whose turn it is: the persons of one visit of T3, locked."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Row, text

from connector.clock import monotonic
from connector.horizons import Horizons
from connector.scope import Scope
from connector.sweep import BEGINNING


def claim(scope: Scope, most: int, horizons: Horizons) -> Sequence[Row[Any]]:
    """Lock at most so many persons with undecided events or due timers, in id order, leaving out those that others
    hold.

    Rows of (person_id, pending: has undecided events, rings: has due timers).
    """
    since = horizons.of(scope.shop_id)
    claimed = _claimed(scope, most, horizons, since)
    if not claimed and since is not None:
        claimed = _claimed(scope, most, horizons, None)
    scope.locked.update(row.person_id for row in claimed)
    return claimed


def _claimed(scope: Scope, most: int, horizons: Horizons, since: datetime | None) -> Sequence[Row[Any]]:
    given = {"shop_id": scope.shop_id, "now": scope.now, "most": most, "since": since or BEGINNING}
    began = monotonic()
    claimed = scope.connection.execute(_CLAIM, given).all()
    if claimed and claimed[0].first is not None:
        horizons.found(scope.shop_id, claimed[0].first, whole=since is None, took=monotonic() - began)
    return claimed


# Persons with events are locked as they are counted, so that a batch is full however many of them others hold; due
# timers fill the rest of it, in their order, past those whose persons others hold: several workers share one shop's.
# Nobody waits for a lock here, so the order in which they are taken does not matter. ``pending`` is read from the row
# that is locked, so an event that came while this statement ran is decided before the timers. A timer that was armed
# meanwhile, for a moment already past, waits for the next visit.
_CLAIM = text(
    """
WITH waiting AS MATERIALIZED (
    SELECT person_id, pending FROM person_work
    WHERE shop_id = :shop_id AND pending
    ORDER BY person_id LIMIT :most
    FOR UPDATE SKIP LOCKED
), ringing AS MATERIALIZED (
    SELECT locked.person_id, locked.pending, due.due_at
    FROM (
        SELECT person_id, due_at FROM timers
        WHERE shop_id = :shop_id AND due_at <= :now AND due_at >= :since
        ORDER BY due_at
    ) AS due
    CROSS JOIN LATERAL (
        SELECT person_id, pending FROM person_work
        WHERE shop_id = :shop_id AND person_id = due.person_id
        FOR UPDATE SKIP LOCKED
    ) AS locked
    WHERE due.person_id NOT IN (SELECT person_id FROM waiting)
    LIMIT :most - (SELECT count(*) FROM waiting)
)
SELECT person_id, pending, (
    SELECT true FROM timers
    WHERE timers.shop_id = :shop_id AND timers.person_id = waiting.person_id AND timers.due_at <= :now
    LIMIT 1
) IS NOT NULL AS rings, (SELECT min(due_at) FROM ringing) AS first
FROM waiting
UNION ALL
SELECT person_id, bool_or(pending), true, (SELECT min(due_at) FROM ringing) FROM ringing GROUP BY person_id
ORDER BY person_id
"""
)
