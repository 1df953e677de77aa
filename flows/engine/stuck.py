"""Runs that nothing would wake: their clock or the word on their message is gone. They are set going again.

Whatever moves a run writes what wakes it in the same transaction, so this finds what a fault of ours, or somebody at
the tables, has left behind.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Row, text
from sqlalchemy.dialects.postgresql import insert

from connector.deps import Deps
from connector.locks import lock_persons
from connector.logging import get
from connector.models.flow import timers
from connector.scope import Scope
from connector.shops import Shop
from flows.core.machine import WAIT_TIMER

log = get(__name__)

# Runs looked after at once; what is left is found by the next look.
BATCH = 200


def mend(deps: Deps, shop: Shop) -> list[str]:
    """Set going what waits for nothing; sentences on what that was."""
    with deps.open(shop) as scope:
        found = _waiting_for_nothing(scope, None)
        mine = lock_persons(scope, {run.person_id for run in found}, skip_locked=True) if found else []
        # Again, now that nobody moves them.
        runs = _waiting_for_nothing(scope, mine) if mine else []
        wound = [run for run in runs if run.due_at is not None]
        told = [run for run in runs if run.due_at is None and _tell(scope, run)]
        _wind(scope, wound)
    lost = len(runs) - len(wound) - len(told)
    if runs:
        log.warning("runs_stuck", shop_id=shop.id, count=len(runs))
    said = []
    if wound or told:
        said.append(f"{_runs(len(wound) + len(told))} waited for nothing and {_go(len(wound) + len(told))} on.")
    if lost:
        said.append(f"{_runs(lost)} cannot be set going: what became of the message is not known.")
    return said


def _runs(number: int) -> str:
    return "1 run" if number == 1 else f"{number} runs"


def _go(number: int) -> str:
    return "goes" if number == 1 else "go"


def _waiting_for_nothing(scope: Scope, persons: Sequence[int] | None) -> Sequence[Row[Any]]:
    """Rows of (id, person_id, due_at, token, effects) of live runs; ``persons``: of these only."""
    given = {"shop_id": scope.shop_id, "persons": persons, "most": BATCH}
    return scope.connection.execute(_STUCK, given).all()


# A run that waits for an event, for as long as it takes, waits for something.
_STUCK = text(
    """
SELECT id, person_id, CAST(position -> 'waiting' ->> 'due_at' AS timestamptz) AS due_at,
    coalesce(position -> 'waiting' ->> 'token', id || ':' || (position ->> 'at') || ':' || (position ->> 'visit'))
        AS token, ARRAY(
        SELECT wake ->> 1 FROM jsonb_array_elements(position -> 'waiting' -> 'wakes_on') AS wake
        WHERE wake ->> 0 = 'effect'
    ) AS effects
FROM runs
WHERE shop_id = :shop_id AND state = 'live' AND jsonb_typeof(position -> 'waiting') = 'object'
    AND (CAST(:persons AS bigint[]) IS NULL OR person_id = ANY(CAST(:persons AS bigint[])))
    AND NOT EXISTS (
        SELECT FROM timers WHERE timers.shop_id = :shop_id AND kind = 'run' AND owner = CAST(runs.id AS text)
    )
    AND NOT EXISTS (
        SELECT FROM outbox WHERE outbox.shop_id = :shop_id AND run_id = runs.id
            AND outbox.state IN ('due', 'leased', 'unknown')
    )
    AND NOT EXISTS (
        SELECT FROM pending_events AS pending WHERE pending.shop_id = :shop_id AND pending.person_id = runs.person_id
    )
    AND (
        position -> 'waiting' ->> 'due_at' IS NOT NULL
        OR NOT jsonb_path_exists(position, '$.waiting.wakes_on[*] ? (@[0] == "event")')
    )
ORDER BY person_id, id LIMIT :most
"""
)


def _wind(scope: Scope, runs: Sequence[Row[Any]]) -> None:
    """Their clocks, as they were."""
    rows = [
        {
            "shop_id": scope.shop_id,
            "kind": "run",
            "owner": str(run.id),
            "key": WAIT_TIMER,
            "person_id": run.person_id,
            "due_at": run.due_at,
            "token": run.token.removeprefix(f"{run.id}:"),
            "payload": {},
        }
        for run in runs
    ]
    if rows:
        scope.connection.execute(insert(timers).values(rows).on_conflict_do_nothing())
        scope.bells.add("flows")


def _tell(scope: Scope, run: Row[Any]) -> bool:
    """Have the run hear once more what became of its messages; False when nobody knows."""
    given = {"shop_id": scope.shop_id, "run_id": run.id, "effects": list(run.effects), "person_id": run.person_id}
    told = scope.connection.execute(_TELL, given).rowcount
    if told:
        scope.connection.execute(_WAKE, {**given, "machine": scope.machine})
        scope.bells.add("flows")
    return bool(told)


_TELL = text(
    """
INSERT INTO pending_events (shop_id, person_id, event_id, occurred_at)
SELECT events.shop_id, :person_id, events.id, events.occurred_at FROM outbox
JOIN events ON events.shop_id = outbox.shop_id AND events.subject = 'message:' || outbox.id
    AND events.name = 'message_settled'
WHERE outbox.shop_id = :shop_id AND outbox.run_id = :run_id AND outbox.key = ANY(:effects)
ON CONFLICT DO NOTHING
"""
)
_WAKE = text(
    """
INSERT INTO person_work (shop_id, person_id, pending, since_real) VALUES (:shop_id, :person_id, true, :machine)
ON CONFLICT (shop_id, person_id) DO UPDATE SET pending = true, since_real = excluded.since_real
"""
)
