"""Everything of a kind, ids and times only, by one bulk operation, compared with what we hold as sets: what we lack is
read, and what the store has no more is deleted here.

A record is deleted only when the store, asked for it by its id, does not know it: a list may be older than the record,
or cut short.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, TypeVar

import orjson
from sqlalchemy import RowMapping, text

from connector.db.session import transaction
from connector.deps import Deps
from connector.errors import ProviderError, RateLimited, Refused, Retry
from connector.http import CallFailed
from connector.locks import NORMALISE, lock_shop
from connector.queue.batch import NOTHING, Batch
from connector.scope import scoped
from connector.shopify import bulk
from connector.shopify.graphql import PROVIDER, PartialData, Store
from connector.shops import Shop
from sync.backfill import files
from sync.node_values import moment, number
from sync.reconcile import extent, gaps, passes
from sync.reconcile.gaps import Gap
from sync.reconcile.kinds import Kind, seen_since

EVERY = timedelta(days=1)
_TOGETHER = 250
One = TypeVar("One")
# Machine seconds between two looks at an operation, growing by half each time; how long its file may take; and how long
# the comparison may.
_FIRST_PAUSE, _LONGEST_PAUSE = 0.2, 20.0
_FILE_SECONDS = 600.0
_COMPARED_WITHIN = 900.0


def look(deps: Deps, shop: Shop, kind: Kind, held: RowMapping) -> Batch:
    """Ask for the list, or see whether it is there and compare it."""
    if not _rested(deps, shop, kind, held):
        return Batch(1, True)
    try:
        store = deps.store(shop)
        operation_id, _, looks = (held["cursor"] or "").partition(" ")
        if not operation_id:
            _wait(deps, held, bulk.run(store, query(kind)), 0)
            return Batch(1, True)
        operation = bulk.look(store, operation_id)
        if operation is not None and operation.under_way:
            _wait(deps, held, operation_id, int(looks) + 1)
            return Batch(1, False)
        if operation is None or operation.state != "completed":
            said = "is not known any more" if operation is None else f"{operation.state}: {operation.error}"
            raise Retry(PROVIDER, f"the bulk operation {said}")
        holding = passes.renew(deps, held, _FILE_SECONDS + _COMPARED_WITHIN)
        if holding is None:
            return NOTHING
        held = holding
        told = _told(deps, kind, operation)
        found = _compare(deps, shop, kind, told)
        gone = _gone(store, kind, found.unlisted)
    except ProviderError as error:
        # An operation that came to nothing is asked for anew; while all are taken there was none.
        cursor = held["cursor"] if isinstance(error, RateLimited) else None
        passes.postpone(deps, held, error, cursor=cursor)
        return NOTHING
    for part in _parts(sorted(found.behind.items())):
        with deps.open(shop, found_by=gaps.FOUND_BY) as scope:
            lock_shop(scope, NORMALISE)
            gaps.close(scope, kind, gaps.judge(scope, kind, dict(part), missed_since=extent.whole_since(scope, kind)))
    for lost in _parts(gone):
        with deps.open(shop, found_by=gaps.FOUND_BY) as scope:
            lock_shop(scope, NORMALISE)
            gaps.close(scope, kind, [Gap(one, "gone", scope.now) for one in lost])
    with deps.open(shop) as scope:
        if passes.still_held(scope.connection, held):
            passes.finish(
                scope.connection, held, next_at=held["began_at"] + EVERY, now=scope.now, machine=scope.machine
            )
    return Batch(len(found.behind) + len(gone), True)


def query(kind: Kind) -> str:
    """What the store is asked for."""
    return f"{{ {kind.root} {{ edges {{ node {{ id updatedAt }} }} }} }}"


def first(now: datetime, kinds: Sequence[str]) -> Mapping[str, Mapping[str, Any]]:
    """The rows of ``passes`` with which these looks begin."""
    return {passes.name(passes.ALL, kind): {"due_at": now + EVERY} for kind in kinds}


def _rested(deps: Deps, shop: Shop, kind: Kind, held: RowMapping) -> bool:
    """Whether no backfill is under way, which is reading all of it anyway; else this look is over."""
    with deps.open(shop) as scope:
        if not extent.is_being_read(scope, kind):
            return True
        if held["report_id"] is not None:
            gaps.note(scope, [f"A backfill reads the {kind.words[1]} now: they were not compared."])
        passes.finish(
            scope.connection,
            held,
            next_at=scope.now + timedelta(hours=1),
            now=scope.now,
            machine=scope.machine,
            finished_at=held["finished_at"],
        )
    return False


def _wait(deps: Deps, held: RowMapping, operation_id: str, looks: int) -> None:
    pause = min(_FIRST_PAUSE * 1.5**looks, _LONGEST_PAUSE)
    with transaction(deps.engine) as connection:
        then = deps.clock.machine() + timedelta(seconds=pause)
        passes.go_on(connection, held, cursor=f"{operation_id} {looks}", wait=then)


def _told(deps: Deps, kind: Kind, operation: bulk.Operation) -> dict[int, datetime]:
    """{the store's id: the store's time}: some 200 bytes of memory for each record. Raises ProviderError."""
    found: dict[int, datetime] = {}
    if operation.url is None:
        return found
    try:
        for line, _ in files.lines(deps, operation.url, _FILE_SECONDS, size=operation.bytes):
            told = orjson.loads(line)
            at = moment(told["updatedAt"])
            if at is not None:
                found[number(told["id"])] = at
    except (CallFailed, files.Unreadable, orjson.JSONDecodeError, LookupError, TypeError, ValueError) as error:
        raise Retry(PROVIDER, f"the list of {kind.words[1]} cannot be read: {error}") from error
    if operation.records is not None and len(found) != operation.records:
        raise Retry(PROVIDER, f"the list of {kind.words[1]} has {len(found)} lines and not {operation.records}")
    return found


@dataclass(frozen=True)
class _Compared:
    """``behind``: {id: the store's time} of what we do not hold as new; ``unlisted``: ids that only we have."""

    behind: dict[int, datetime]
    unlisted: list[int]


def _compare(deps: Deps, shop: Shop, kind: Kind, told: dict[int, datetime]) -> _Compared:
    """What differs; ``told`` is used up. Our rows pass by once, a few at a time."""
    behind: dict[int, datetime] = {}
    unlisted = []
    with transaction(deps.engine) as connection, scoped(connection, shop, deps.clock, deps.settings) as scope:
        given = {"shop_id": shop.id} | ({"seen_since": seen_since(scope)} if ":seen_since" in kind.held else {})
        some = connection.execution_options(stream_results=True, yield_per=2000)
        for row in some.execute(text(kind.held), given):
            at = told.pop(row.id, None)
            if at is None:
                if row.seen and not row.gone:
                    unlisted.append(row.id)
            elif gaps.is_behind(row, at):
                behind[row.id] = at
    return _Compared(behind | told, unlisted)


def _parts(found: Sequence[One]) -> Iterator[Sequence[One]]:
    for start in range(0, len(found), _TOGETHER):
        yield found[start : start + _TOGETHER]


def _gone(store: Store, kind: Kind, ids: Sequence[int]) -> list[int]:
    """Those of these that the store does not know. Raises ProviderError."""
    gone: list[int] = []
    for part in _parts(ids):
        gids = [f"gid://shopify/{kind.name}/{one}" for one in part]
        struck: set[int] = set()
        try:
            nodes = list(store.query("still_there", {"ids": gids}).get("nodes") or ())
        except PartialData as error:
            nodes, struck = error.nodes()
        if len(nodes) != len(part):
            raise Refused(PROVIDER, "the store answered for other records than it was asked for")
        gone += [one for place, one in enumerate(part) if nodes[place] is None and place not in struck]
    return gone
