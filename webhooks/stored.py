"""Stored deliveries as staff look at them, and giving them another go.

Applying a delivery again is harmless: the events that it tells have ids made from the facts, and an older state never
overwrites a newer one.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, RowMapping, Select, func, select, true, update

from connector.db.session import transaction
from connector.deps import Deps
from connector.models.inbox import inbox
from connector.models.shop import shops
from connector.queue.bells import ring

STATES = ("new", "retry", "done", "ignored", "quarantined", "poison")
STOPPED = ("quarantined", "poison")
_BATCH = 500


@dataclass(frozen=True)
class Which:
    """Which deliveries are meant: all conditions must hold, an empty one holds always."""

    states: tuple[str, ...] = ()
    topic: str = ""
    shop_id: int | None = None
    ids: tuple[int, ...] = ()
    # Only those that came before this one.
    before: int | None = None


@dataclass(frozen=True)
class Delivery:
    """A row of the inbox with its shop's domain. Times named ``real`` are machine time, ``received_at`` is not."""

    id: int
    shop_id: int
    domain: str
    source: str
    topic: str
    lane: str
    state: str
    reason: str | None
    external_id: str
    headers: Mapping[str, Any]
    raw: bytes
    received_at: datetime
    received_real: datetime
    attempts: int
    retry_real: datetime | None
    replays: int | None
    replayed_real: datetime | None

    @property
    def failed_again(self) -> bool:
        """Whether it was given another go and has not gone through."""
        return bool(self.replays) and self.state in (*STOPPED, "retry")


def listed(connection: Connection, which: Which, limit: int) -> list[Delivery]:
    """The newest ``limit`` of them, the newest first."""
    found: list[RowMapping] = []
    for state in which.states or STATES:
        mine = _of(which, state).order_by(inbox.c.id.desc()).limit(limit).lateral("delivery")
        query = select(shops.c.domain, mine).select_from(shops.join(mine, true())).order_by(mine.c.id.desc())
        found += connection.execute(query.limit(limit)).mappings().all()
    newest = sorted(found, key=lambda row: int(row["id"]), reverse=True)[:limit]
    return [Delivery(**{**row, "raw": bytes(row["raw"])}) for row in newest]


def counted(connection: Connection, which: Which) -> dict[tuple[str, str], int]:
    """{(state, topic): how many}."""
    counts: dict[tuple[str, str], int] = {}
    for state in which.states or STATES:
        mine = _of(which, state).lateral("delivery")
        query = select(mine.c.topic, func.count()).select_from(shops.join(mine, true())).group_by(mine.c.topic)
        counts |= {(state, topic): count for topic, count in connection.execute(query)}
    return counts


def replay(deps: Deps, which: Which) -> dict[int, int]:
    """Put them back to work as if they had just arrived, and ring; {shop id: how many}. New ones are left alone."""
    done: dict[int, int] = {}
    states = [state for state in which.states or STATES if state != "new"]
    with transaction(deps.engine) as connection:
        query = select(shops.c.id).order_by(shops.c.id)
        wanted = connection.scalars(query if which.shop_id is None else query.where(shops.c.id == which.shop_id)).all()
    for shop_id in wanted:
        count, last = 0, 0
        while batch := _replay_batch(deps, shop_id, which, states, last):
            count, last = count + len(batch), batch[-1]
        if count:
            done[shop_id] = count
            ring(deps.redis, "intake", shop_id)
    return done


def _replay_batch(deps: Deps, shop_id: int, which: Which, states: Sequence[str], after: int) -> list[int]:
    """The ids that were put back, in their order. ``after``: so that what is applied meanwhile is not met again."""
    with transaction(deps.engine) as connection:
        query = (
            select(inbox.c.id, inbox.c.received_at)
            .where(inbox.c.shop_id == shop_id, inbox.c.id > after, inbox.c.state.in_(states), *_narrowed(which))
            .order_by(inbox.c.id)
            .limit(_BATCH)
            .with_for_update()
        )
        rows = connection.execute(query).all()
        if rows:
            connection.execute(
                update(inbox)
                .where(
                    inbox.c.shop_id == shop_id,
                    inbox.c.id.in_([row.id for row in rows]),
                    inbox.c.received_at.in_({row.received_at for row in rows}),
                )
                .values(
                    state="new",
                    attempts=0,
                    retry_real=None,
                    replays=func.coalesce(inbox.c.replays, 0) + 1,
                    replayed_real=deps.clock.machine(),
                )
            )
    return [row.id for row in rows]


def _of(which: Which, state: str) -> Select[Any]:
    """One shop's deliveries in this state: per shop and per state, because that is what the indexes know."""
    query = select(inbox).where(inbox.c.shop_id == shops.c.id, inbox.c.state == state, *_narrowed(which))
    if which.shop_id is not None:
        query = query.where(inbox.c.shop_id == which.shop_id)
    return query


def _narrowed(which: Which) -> list[Any]:
    conditions: list[Any] = [inbox.c.topic == which.topic] if which.topic else []
    if which.before is not None:
        conditions.append(inbox.c.id < which.before)
    return [*conditions, inbox.c.id.in_(which.ids)] if which.ids else conditions
