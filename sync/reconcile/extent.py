"""How much of a kind is ours to have: all of it once a backfill has read it, before that what came since."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import text

from connector.scope import Scope
from sync.reconcile.kinds import Kind


def whole_since(scope: Scope, kind: Kind) -> datetime | None:
    """What the store has not changed since then and we do not hold is none of ours; None: we are to have all of it."""
    given = {"shop_id": scope.shop_id, "kind": kind.root}
    if scope.connection.scalar(_READ, given):
        return None
    if scope.shop.live_since is not None:
        return scope.shop.live_since
    connected: datetime = scope.connection.execute(_CONNECTED, {"shop_id": scope.shop_id}).scalar_one()
    return connected


def is_being_read(scope: Scope, kind: Kind) -> bool:
    """Whether a backfill is reading all of it now."""
    return bool(scope.connection.scalar(_BEING_READ, {"shop_id": scope.shop_id, "kind": kind.root}))


def is_backfilled(scope: Scope) -> bool:
    """Whether a backfill of the catalogue was asked for."""
    return bool(scope.connection.scalar(_ASKED, {"shop_id": scope.shop_id}))


_ASKED = text("SELECT EXISTS (SELECT FROM backfills WHERE shop_id = :shop_id AND 'products' = ANY(kinds))")
_CONNECTED = text("SELECT created_at FROM shops WHERE id = :shop_id")
_READ = text("SELECT EXISTS (SELECT FROM backfill_parts WHERE shop_id = :shop_id AND kind = :kind AND state = 'done')")
_BEING_READ = text(
    """
SELECT EXISTS (
    SELECT FROM backfill_parts AS part JOIN backfills ON backfills.shop_id = part.shop_id
        AND backfills.id = part.backfill_id
    WHERE part.shop_id = :shop_id AND part.kind = :kind
        AND part.state IN ('waiting', 'running', 'copying', 'applying', 'paging')
        AND backfills.state IN ('queued', 'running', 'stopping')
)
"""
)
