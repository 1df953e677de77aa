"""Abandoned checkouts, for which there is no bulk query: read page by page."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import bindparam, select
from sqlalchemy.exc import DBAPIError, OperationalError

from connector.clock import monotonic
from connector.crashpoints import reach
from connector.db.rows import among
from connector.deps import Deps
from connector.locks import NORMALISE, lock_shop
from connector.models.store import checkouts
from connector.queue.batch import Batch
from connector.scope import Scope
from connector.shops import Shop
from sync import checkout_node
from sync.applying import Applied
from sync.backfill import endings
from sync.backfill.applying import FOUND_BY, counts, note_failures
from sync.backfill.parts import Held, keep, leave, more
from sync.copies.turn import DEFECTS
from sync.node_values import number
from sync.privacy.late import of_the_living

PAGE = 100


def read_on(deps: Deps, shop: Shop, held: Held) -> Batch:
    """One page, read and applied. Raises what the store answers."""
    told = deps.store(shop).query("abandoned_checkouts", {"first": PAGE, "after": held.row["cursor"]})
    page = told.get("abandonedCheckouts") or {}
    nodes = [node for node in page.get("nodes") or () if node]
    follows = page.get("pageInfo") or {}
    cursor = follows.get("endCursor") if follows.get("hasNextPage") else None
    began = monotonic()
    with deps.open(shop, quiet=True, found_by=FOUND_BY) as scope:
        keep(scope.connection, deps, held, {})
        applied = _apply(scope, nodes)
        note_failures(scope, held, nodes, applied.failed)
        read = {"cursor": cursor, "pages": more("pages"), **counts(applied, monotonic() - began)}
        if cursor is None:
            keep(scope.connection, deps, held, read)
            endings.end_part(scope, held, "done")
        else:
            leave(scope.connection, held, read)
        reach("backfill.paged")
    return Batch(len(nodes), True)


def _apply(scope: Scope, nodes: Sequence[Mapping[str, Any]]) -> Applied:
    """Each by itself: there are few, and one that fails takes no other with it."""
    lock_shop(scope, NORMALISE)
    done = Applied()
    living = of_the_living(scope, nodes)
    done.erased = {number(node["id"]) for node in nodes} - {number(node["id"]) for node in living}
    tokens = {number(node["id"]): checkout_node.token(node) for node in living}
    before = _held(scope, tokens.values())
    for node in living:
        record_id = number(node["id"])
        try:
            with scope.savepoint():
                checkout_node.refresh(scope, node)
        except OperationalError:
            raise
        except (*DEFECTS, DBAPIError) as error:
            done.failed[record_id] = f"It cannot be applied: {type(error).__name__}: {error}"
    after = _held(scope, tokens.values())
    for record_id, token in tokens.items():
        if record_id in done.failed or token is None:
            continue
        was, now = before.get(token), after.get(token)
        fate = done.created if was is None else done.unchanged if was == now else done.changed
        fate.add(record_id)
    return done


def _held(scope: Scope, tokens: Any) -> dict[str, dict[str, Any]]:
    given = {"shop_id": scope.shop_id, "tokens": [one for one in tokens if one is not None]}
    return {row["token"]: dict(row) for row in scope.connection.execute(_CHECKOUTS, given).mappings()}


_CHECKOUTS = select(checkouts).where(checkouts.c.shop_id == bindparam("shop_id"), among(checkouts.c.token, "tokens"))
