"""An arming is carried out in slices: some people by id in one transaction, which also remembers how far it came.

Who dies in a slice leaves it to the next who comes; nothing is counted twice, and a clock is a unique row.
"""

from __future__ import annotations

from typing import Any

import orjson
from sqlalchemy import Row, bindparam, select, text, update

from connector.crashpoints import reach
from connector.deps import Deps
from connector.locks import NORMALISE, lock_persons, lock_shop
from connector.models.arming import armings
from connector.queue.batch import NOTHING, Batch
from connector.scope import Scope
from connector.shops import Shop
from flows.core.signals import ArmTimer, put_off
from flows.engine.arming import anchors
from flows.engine.arming.acts import OPEN, choice_of
from flows.engine.arming.choice import ears
from flows.engine.arming.planning import Clock, plan
from flows.engine.arming.previewing import plans
from flows.engine.arming.rations import Rations
from flows.engine.writes import clock_row

# People in one transaction, who are locked meanwhile.
SLICE = 500


def arm_due(deps: Deps, shop: Shop) -> Batch:
    """One slice of the act that has waited longest."""
    with deps.open(shop) as scope:
        scope.connection.execute(_PLAN_ANEW)
        held = scope.connection.execute(_CLAIM, {"shop_id": shop.id}).first()
        if held is None:
            return NOTHING
        if held.state == "stopping":
            return _take_back(scope, held)
        if held.started_at is None:
            return _begin(scope, held)
        batch = _slice(scope, held)
        reach("arming.armed")
    return batch


# The table of clocks grows with every slice: a plan that was kept from when it was empty reads all of it each time.
_PLAN_ANEW = text("SET LOCAL plan_cache_mode = force_custom_plan")

# No lease: whoever has the row has it until the end of the transaction, and nothing else is waited for in it.
_CLAIM = (
    select(armings)
    .where(armings.c.shop_id == bindparam("shop_id"), armings.c.state.in_(OPEN))
    .order_by(armings.c.id)
    .limit(1)
    .with_for_update(skip_locked=True)
)


def _begin(scope: Scope, held: Row[Any]) -> Batch:
    """Count those whose moment has passed: for how many days there have to be rations."""
    choice = choice_of(held)
    rations = None
    if choice.daily is not None:
        settings = ears(scope.connection, scope.shop, choice.signal).settings
        late = sum(
            clock.late
            for made in plans(scope.connection, scope.shop, choice, settings, scope.now)
            for clock in made.clocks
        )
        rations = Rations.of(late, choice.daily)
    _keep(scope, held, state="running", started_at=scope.now, rations=rations)
    return Batch(1, True)


def _slice(scope: Scope, held: Row[Any]) -> Batch:
    choice = choice_of(held)
    # Several persons are waited for.
    lock_shop(scope, NORMALISE)
    ids = anchors.people(scope.connection, scope.shop_id, held.cursor, SLICE)
    lock_persons(scope, ids)
    settings = ears(scope.connection, scope.shop, choice.signal).settings
    made = plan(scope.connection, scope.shop, choice, settings, ids, scope.now)
    rations = None
    if choice.daily is not None:
        rations = Rations(list(held.rations), choice.daily, held.started_at, scope.shop.timezone)
    _arm(scope, held.id, [(clock.person_id, _timer(clock, rations)) for clock in made.clocks])
    ended = len(ids) < SLICE
    late = sum(clock.late for clock in made.clocks)
    _keep(
        scope,
        held,
        cursor=ids[-1] if ids else held.cursor,
        rations=rations.counts if rations else None,
        in_time=held.in_time + len(made.clocks) - late,
        late=held.late + late,
        moved=held.moved + sum(clock.moved for clock in made.clocks),
        running=held.running + made.running,
        told=held.told + made.told,
        left_out=held.left_out + made.left_out,
        **({"state": "done", "finished_at": scope.now} if ended else {}),
    )
    return Batch(len(ids), True)


def _timer(clock: Clock, rations: Rations | None) -> ArmTimer:
    if not clock.late:
        return clock.timer
    assert rations is not None
    return put_off(clock.timer, rations.place(clock.timer.signal, clock.seed, clock.timer.key))


def _arm(scope: Scope, arming_id: int, clocks: list[tuple[int, ArmTimer]]) -> None:
    if clocks:
        rows = [clock_row(person_id, timer) for person_id, timer in clocks]
        given = {"shop_id": scope.shop_id, "arming_id": arming_id, "rows": orjson.dumps(rows).decode()}
        scope.connection.execute(_ARM, given)


# Only clocks with other thresholds are planned for people who have one. What an event armed stays an event's, so that
# taking the act back leaves it.
_ARM = text(
    """
INSERT INTO timers (shop_id, kind, owner, key, person_id, due_at, token, payload, arming_id)
SELECT :shop_id, kind, owner, key, person_id, due_at, token, payload, :arming_id
FROM jsonb_to_recordset(CAST(:rows AS jsonb)) AS armed
    (kind text, owner text, key text, person_id bigint, due_at timestamptz, token text, payload jsonb)
ON CONFLICT (shop_id, kind, owner, key) DO UPDATE SET
    due_at = excluded.due_at, payload = excluded.payload,
    arming_id = CASE WHEN timers.arming_id IS NOT NULL THEN excluded.arming_id END
"""
)


def _take_back(scope: Scope, held: Row[Any]) -> Batch:
    """Remove what has not rung, of some people; the act is stopped when there is nothing left."""
    lock_shop(scope, NORMALISE)
    asked = {"shop_id": scope.shop_id, "arming_id": held.id, "most": SLICE}
    ids = scope.connection.scalars(_WAITING, asked).all()
    lock_persons(scope, ids)
    removed = scope.connection.execute(_REMOVE, {**asked, "ids": list(ids)}).rowcount
    ended = {} if ids else {"state": "stopped", "finished_at": scope.now}
    _keep(scope, held, taken_back=held.taken_back + removed, **ended)
    return Batch(len(ids), True)


_WAITING = text(
    "SELECT DISTINCT person_id FROM timers WHERE shop_id = :shop_id AND arming_id = :arming_id"
    " ORDER BY person_id LIMIT :most"
)
_REMOVE = text(
    "DELETE FROM timers WHERE shop_id = :shop_id AND arming_id = :arming_id AND person_id = ANY(CAST(:ids AS bigint[]))"
)


def _keep(scope: Scope, held: Row[Any], **values: Any) -> None:
    mine = (armings.c.shop_id == held.shop_id) & (armings.c.id == held.id)
    scope.connection.execute(update(armings).where(mine).values(values))
