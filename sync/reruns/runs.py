"""Re-runs as rows: asking for one, looking at it, stopping it, and having what failed tried again."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, RowMapping, select, text, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.exc import IntegrityError

from connector import audit, counts
from connector.errors import InvalidInput
from connector.models.rerun import sync_run_failures, sync_runs
from connector.scope import Scope
from sync.reruns import reading
from sync.reruns.entities import entity_of
from sync.reruns.what import What

OPEN = ("queued", "running", "stopping")
"""States of a run that has not ended; the others are stopped, done and failed."""
RESUMABLE = ("stopped", "failed")
_BEGINNING: Mapping[str, Any] = {
    "done": 0, "changed": 0, "unchanged": 0, "failed": 0, "read_all": False, "attempts": 0,
}  # fmt: skip


@dataclass(frozen=True)
class Run:
    """``total``: about how many records, None until they are counted; ``done`` of them were read, which is the sum of
    ``changed``, ``unchanged`` and what could not be read or applied. ``failed`` also counts what Brevo would not take.

    ``untold``: records that Brevo is still to be told of, counted to one more than ``counts.MOST``; a run ends when
    there are none. ``read_all``: nothing is left to be read. ``reason``: why it failed, or what it waits for. ``by`` is
    an actor of the audit log; all times are business time.
    """

    id: int
    what: What
    state: str
    by: str
    total: int | None
    done: int
    changed: int
    unchanged: int
    failed: int
    untold: int
    reason: str | None
    asked_at: datetime
    started_at: datetime | None
    finished_at: datetime | None
    read_all: bool = False

    @property
    def ended(self) -> bool:
        return self.state not in OPEN

    @property
    def resumable(self) -> bool:
        """Whether it ended before all was read."""
        return self.state in RESUMABLE and not self.read_all


@dataclass(frozen=True)
class Failure:
    """``record_id``: the store's id, below zero a person of ours who is no customer. ``stage``: where it failed: store
    (read), here (applied) or brevo (told). ``reason``: the platform's own answer where it gave one.
    """

    record_id: int
    person_id: int | None
    stage: str
    reason: str
    at: datetime


def start(scope: Scope, what: What, *, by: str) -> int:
    """Have the workers do it; returns the id of the run.

    ``by``: the actor, for the audit log. Raises InvalidInput when nothing can be found by what was asked for, or when a
    run of this entity is under way for the shop.
    """
    entity = entity_of(what.entity)
    what.check()
    if not scope.shop.active:
        raise InvalidInput("This shop is not active: there is nothing to sync with.")
    reading.where(scope.connection, scope.shop_id, entity, what, scope.now)
    if what.since is not None and what.until is None:
        # What changes while it runs is told by deliveries; a range without an end would never be read to its end.
        what = replace(what, until=scope.now)
    row = {
        "shop_id": scope.shop_id,
        "entity": what.entity,
        "what": what.to_json(),
        "person_id": what.person,
        "state": "queued",
        "asked_by": by,
        "due_real": scope.machine,
        "asked_at": scope.now,
        **_BEGINNING,
    }
    run_id = scope.connection.scalar(insert(sync_runs).values(row).on_conflict_do_nothing().returning(sync_runs.c.id))
    if run_id is None:
        raise InvalidInput(_under_way(scope, what.entity))
    # Whom it is about is with the run, where an erasure finds it.
    detail = {"entity": what.entity, "by": what.manner, **_range(what), **_only(what)}
    audit.note(scope, actor=by, act="sync.start", object_kind="sync_run", object_id=run_id, detail=detail)
    scope.bells.add("reruns")
    return int(run_id)


def _range(what: What) -> dict[str, str]:
    moments = {"since": what.since, "until": what.until}
    return {name: moment.isoformat() for name, moment in moments.items() if moment is not None}


def _only(what: What) -> dict[str, bool]:
    return {"only_brevo": True} if what.only_brevo else {}


def _under_way(scope: Scope, entity: str) -> str:
    row = scope.connection.execute(
        select(sync_runs.c.id, sync_runs.c.asked_at, sync_runs.c.asked_by).where(
            sync_runs.c.shop_id == scope.shop_id, sync_runs.c.entity == entity, sync_runs.c.state.in_(OPEN)
        )
    ).first()
    which = f" (run {row.id}, asked for by {row.asked_by} at {row.asked_at:%Y-%m-%d %H:%M} UTC)" if row else ""
    return f"A sync of {entity} is under way for this shop{which}: wait until it has ended, or stop it."


def stop(scope: Scope, run_id: int, *, by: str) -> bool:
    """End the run before its next slice; False when it has ended already. What it has applied stays, and Brevo is told
    of that.
    """
    stopped = scope.connection.execute(
        update(sync_runs)
        .where(
            sync_runs.c.shop_id == scope.shop_id,
            sync_runs.c.id == run_id,
            sync_runs.c.state.in_(("queued", "running")),
        )
        .values(state="stopping", due_real=scope.machine)
    ).rowcount
    if not stopped:
        return False
    audit.note(scope, actor=by, act="sync.stop", object_kind="sync_run", object_id=run_id)
    scope.bells.add("reruns")
    return True


def resume(scope: Scope, run_id: int, *, by: str) -> None:
    """Go on with a run that was stopped or has failed, at the page where it stood. Raises LookupError when the shop has
    no such run, InvalidInput when there is nothing to go on with, or another run of its entity is under way.
    """
    this = (sync_runs.c.shop_id == scope.shop_id) & (sync_runs.c.id == run_id)
    row = scope.connection.execute(select(sync_runs).where(this).with_for_update()).mappings().first()
    if row is None:
        raise LookupError(f"There is no sync {run_id}.")
    if row["state"] not in RESUMABLE:
        raise InvalidInput("Only a sync that was stopped or has failed can go on.")
    if row["read_all"]:
        raise InvalidInput("All of it had been read: try what has failed again, or ask for a new sync.")
    if not scope.shop.active:
        raise InvalidInput("This shop is not active: there is nothing to sync with.")
    What.from_json(row["entity"], row["what"]).check()
    again = {"state": "queued", "due_real": scope.machine, "attempts": 0, "reason": None, "finished_at": None}
    try:
        with scope.savepoint():
            scope.connection.execute(update(sync_runs).where(this).values(**again))
    except IntegrityError as error:
        raise InvalidInput(_under_way(scope, row["entity"])) from error
    audit.note(scope, actor=by, act="sync.resume", object_kind="sync_run", object_id=run_id)
    scope.bells.add("reruns")


def retry(scope: Scope, run_id: int, record_ids: Sequence[int] = (), *, by: str) -> int:
    """Sync again what failed in this run, or these records of it; returns the id of the new run.

    Raises InvalidInput when there is no such failure, or a run of this entity is under way for the shop.
    """
    query = (
        select(sync_run_failures.c.record_id, sync_runs.c.entity, sync_runs.c.what)
        .join_from(
            sync_run_failures,
            sync_runs,
            (sync_runs.c.shop_id == sync_run_failures.c.shop_id) & (sync_runs.c.id == sync_run_failures.c.run_id),
        )
        .where(sync_run_failures.c.shop_id == scope.shop_id, sync_run_failures.c.run_id == run_id)
        .order_by(sync_run_failures.c.record_id)
    )
    if record_ids:
        query = query.where(sync_run_failures.c.record_id.in_(record_ids))
    rows = scope.connection.execute(query).all()
    if not rows:
        raise InvalidInput(f"Nothing of this kind has failed in run {run_id}.")
    only_brevo = bool(rows[0].what.get("only_brevo"))
    again = What(rows[0].entity, ids=tuple(row.record_id for row in rows), only_brevo=only_brevo)
    return start(scope, again, by=by)


_RUNS = select(
    sync_runs,
    text(
        "(SELECT count(*) FROM (SELECT 1 FROM sync_state WHERE sync_state.shop_id = sync_runs.shop_id"  # noqa: S608
        " AND sync_state.run_id = sync_runs.id AND sync_state.state IN ('due', 'leased', 'waiting')"
        f" LIMIT {counts.MOST + 1}) AS waiting) AS untold"
    ),
)


def progress(connection: Connection, shop_id: int, run_id: int) -> Run:
    """How far this run is. Raises LookupError when the shop has no such run."""
    query = _RUNS.where(sync_runs.c.shop_id == shop_id, sync_runs.c.id == run_id)
    row = connection.execute(query).mappings().first()
    if row is None:
        raise LookupError(f"no run {run_id}")
    return _run(row)


def history(
    connection: Connection, shop_id: int, limit: int = 50, *, person_id: int | None = None, before: int | None = None
) -> list[Run]:
    """The shop's newest runs, newest first; ``person_id``: those that were asked for this person; ``before``: those
    older than this one."""
    query = _RUNS.where(sync_runs.c.shop_id == shop_id).order_by(sync_runs.c.id.desc()).limit(limit)
    if before is not None:
        query = query.where(sync_runs.c.id < before)
    if person_id is not None:
        query = query.where(sync_runs.c.person_id == person_id)
    return [_run(row) for row in connection.execute(query).mappings()]


def failures(
    connection: Connection, shop_id: int, run_id: int, limit: int = 100, *, after: int | None = None
) -> list[Failure]:
    """Records that this run could not bring over, by their ids; ``after``: those after this one."""
    query = (
        select(sync_run_failures)
        .where(sync_run_failures.c.shop_id == shop_id, sync_run_failures.c.run_id == run_id)
        .order_by(sync_run_failures.c.record_id)
        .limit(limit)
    )
    if after is not None:
        query = query.where(sync_run_failures.c.record_id > after)
    return [
        Failure(row.record_id, row.person_id, row.stage, row.reason, row.failed_at) for row in connection.execute(query)
    ]


def _run(row: RowMapping) -> Run:
    return Run(
        id=row["id"],
        what=What.from_json(row["entity"], row["what"]),
        state=row["state"],
        by=row["asked_by"],
        total=row["total"],
        done=row["done"],
        changed=row["changed"],
        unchanged=row["unchanged"],
        failed=row["failed"],
        untold=row["untold"],
        reason=row["reason"],
        asked_at=row["asked_at"],
        started_at=row["started_at"],
        finished_at=row["finished_at"],
        read_all=row["read_all"],
    )
