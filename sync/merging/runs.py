"""People inside flows who turn out to be one: runs, what wakes them and what they wanted sent. Runs that end because of
what became of the person.
"""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from sqlalchemy import bindparam, select, text

from connector import automations
from connector.db.rows import among
from connector.models.flow import runs
from connector.models.outbox import outbox
from connector.outbox import settle
from connector.scope import Scope
from flows.core.handed_over import MARK
from sync.merging.merge import Merge, follows

MERGED = "merged"
"""How a run ends that another one of the same person goes on for."""
_FOLLOW = follows(runs)


def of_one_person(merge: Merge) -> int:
    """Of two live runs of one flow for one key the older goes on, and the other ends: nobody is written to twice."""
    scope = merge.scope
    doubled = scope.connection.scalars(_DOUBLED, merge.given).all()
    end(scope, doubled, MERGED)
    return _FOLLOW(merge)


_DOUBLED = text(
    """
SELECT id FROM (
    SELECT id, row_number() OVER (PARTITION BY flow, key ORDER BY entered_at, id) AS place FROM runs
    WHERE shop_id = :shop_id AND person_id IN (:kept, :gone) AND state = 'live'
) AS live WHERE place > 1
"""
)


def live(scope: Scope, person_id: int) -> Sequence[UUID]:
    """The runs in which this person is now."""
    return scope.connection.scalars(_LIVE, {"shop_id": scope.shop_id, "person_id": person_id}).all()


_LIVE = select(runs.c.id).where(
    runs.c.shop_id == bindparam("shop_id"), runs.c.person_id == bindparam("person_id"), runs.c.state == "live"
)


def end(scope: Scope, run_ids: Sequence[UUID], outcome: str) -> None:
    """End these live runs with a line in their trail; what they wanted sent and has not left yet does not leave.

    The caller holds the lock of each one's person. Only for ends that no event of a flow's own tells of.
    """
    if not run_ids:
        return
    given = {"shop_id": scope.shop_id, "runs": list(run_ids), "outcome": outcome, "now": scope.now, "mark": MARK}
    if outcome != MERGED:
        # Of two that are one the other goes on, and so does the automation that carries it out.
        for run in scope.connection.execute(_HANDED_OVER, given).all():
            automations.leave(scope, run, outcome)
    scope.connection.execute(_END, given)
    scope.connection.execute(_UNWATCH, given)
    for row in scope.connection.execute(_UNSENT, given).mappings().all():
        settle(scope, dict(row), "skipped", reason=f"run_{outcome}", at=scope.now, awaited=False)


_HANDED_OVER = text(
    """
SELECT id, flow, key, person_id FROM runs
WHERE shop_id = :shop_id AND id = ANY (CAST(:runs AS uuid[])) AND state = 'live'
    AND CAST(position #>> ARRAY['vars', :mark] AS boolean)
ORDER BY id
"""
)
# A goal that is reached later is the goal of the run that went on, not of this one.
_UNWATCH = text(
    """
UPDATE goal_watches SET expires_at = least(expires_at, :now)
WHERE shop_id = :shop_id AND run_id = ANY (CAST(:runs AS uuid[])) AND reached_at IS NULL
"""
)
_END = text(
    """
WITH ended AS (
    UPDATE runs SET state = 'done', outcome = :outcome, ended_at = :now
    WHERE shop_id = :shop_id AND id = ANY (CAST(:runs AS uuid[])) AND state = 'live'
    RETURNING id, person_id, flow
), told AS (
    INSERT INTO trail (shop_id, person_id, run_id, flow, at, code, detail)
    SELECT :shop_id, person_id, id, flow, :now, 'exited', jsonb_build_object('outcome', CAST(:outcome AS text))
    FROM ended
)
DELETE FROM timers WHERE shop_id = :shop_id AND kind = 'run' AND owner IN (SELECT CAST(id AS text) FROM ended)
"""
)
_UNSENT = select(outbox).where(
    outbox.c.shop_id == bindparam("shop_id"), among(outbox.c.run_id, "runs"), outbox.c.state == "due"
)


def timers(merge: Merge) -> int:
    """A run's timer is the run's. Of two clocks for the same thing the one that rings first stays: clocks look at what
    has changed when they ring, so one that rings early sets itself again."""
    connection = merge.scope.connection
    return connection.execute(_CLOCKS, merge.given).rowcount + connection.execute(_WAKERS, merge.given).rowcount


_CLOCKS = text(
    """
WITH theirs AS (
    DELETE FROM timers
    WHERE shop_id = :shop_id AND kind = 'signal' AND owner = CAST(CAST(:gone AS bigint) AS text) AND person_id = :gone
    RETURNING key, due_at, token, payload, arming_id
)
INSERT INTO timers (shop_id, kind, owner, key, person_id, due_at, token, payload, arming_id)
SELECT :shop_id, 'signal', CAST(CAST(:kept AS bigint) AS text), key, :kept, due_at, token, payload, arming_id
FROM theirs
ON CONFLICT (shop_id, kind, owner, key) DO UPDATE SET
    due_at = excluded.due_at, token = excluded.token, payload = excluded.payload, arming_id = excluded.arming_id
    WHERE excluded.due_at < timers.due_at
"""
)
_WAKERS = text("UPDATE timers SET person_id = :kept WHERE shop_id = :shop_id AND person_id = :gone")


def undecided(merge: Merge) -> int:
    """What is undecided about either is decided about the kept one."""
    return merge.scope.connection.execute(_UNDECIDED, merge.given).rowcount


_UNDECIDED = text(
    """
WITH theirs AS (
    DELETE FROM pending_events WHERE shop_id = :shop_id AND person_id = :gone
    RETURNING event_id, occurred_at
)
INSERT INTO pending_events (shop_id, person_id, event_id, occurred_at)
SELECT :shop_id, :kept, event_id, occurred_at FROM theirs
ON CONFLICT DO NOTHING
"""
)


def work(merge: Merge) -> int:
    """The rows are the locks and stay. The kept one is looked at when there is anything to decide."""
    merge.scope.connection.execute(_WORK, merge.given)
    return 0


_WORK = text(
    """
UPDATE person_work SET since_real = :machine, pending = person_id = :kept AND EXISTS (
    SELECT FROM pending_events WHERE shop_id = :shop_id AND person_id = :kept
)
WHERE shop_id = :shop_id AND person_id IN (:kept, :gone)
"""
)
