"""All looks, how often each is made, and with which rows they begin."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from connector.scope import Scope
from sync.reconcile import changed, everything, extent, passes
from sync.reconcile.kinds import KINDS

EVERY: Mapping[str, timedelta] = {
    passes.SUBSCRIPTIONS: timedelta(hours=1),
    passes.SAMPLE: timedelta(days=1),
    passes.STUCK: timedelta(minutes=15),
    passes.REVIEWS: timedelta(hours=3),
}
"""Business time from one of these to the next."""

FIRST: tuple[str, ...] = (
    *(passes.name(manner, kind) for manner in (passes.CHANGED, passes.ALL) for kind in KINDS),
    passes.SUBSCRIPTIONS,
    passes.STUCK,
)
"""What a report looks at. When all of it is repaired comes the sample: what differs then is drift."""

LOOKS = frozenset({*FIRST, passes.SAMPLE, passes.REVIEWS})

ALWAYS = frozenset(
    {
        *(passes.name(passes.CHANGED, kind) for kind in ("Product", "Collection")),
        passes.STUCK,
        passes.REVIEWS,
    }
)
"""Looks that are made whether or not it is known since when the shop's webhooks are in place."""


def prepare(scope: Scope) -> bool:
    """Write the rows of the looks that have none yet; whether there were any."""
    if passes.known(scope.connection, scope.shop_id) >= LOOKS:
        return False
    rows: dict[str, Mapping[str, Any]] = {
        **changed.first(scope.shop, scope.now, backfilled=extent.is_backfilled(scope)),
        **everything.first(scope.now, list(KINDS)),
        **{look: {"due_at": scope.now + every} for look, every in EVERY.items()},
    }
    passes.prepare(scope.connection, scope.shop_id, rows)
    return True
