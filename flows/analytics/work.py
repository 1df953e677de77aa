"""Keeps the figures up to date: one slice of what has changed, and then a rest.

A pass that came to its end is followed by a rest of REST, or RATIO times as long as its last slice took, so that
counting never takes more than a small part of a core, however much happens.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, text, update
from sqlalchemy.dialects.postgresql import insert

from connector.clock import monotonic
from connector.deps import Deps
from connector.models.analytics import figure_passes
from connector.queue.batch import NOTHING, Batch
from connector.scope import Scope
from connector.shops import Shop
from flows.analytics import rounds, weeks
from flows.analytics.attributing import Rates, attribute, mark_buyers, standing_for
from flows.analytics.counting import fold, rebuild

REST = timedelta(seconds=5)
RATIO = 50
LONGEST_REST = timedelta(minutes=5)

ReadRates = Callable[[Connection, int], Rates]


def keep_up(deps: Deps, shop: Shop, rates: ReadRates, published: rounds.ReadPublished) -> Batch:
    """Count a slice of what has changed, and when there is no more of that, of the metrics. ``published`` reads the
    current versions of a shop's flows."""
    found = count_due(deps, shop, rates)
    if not found.more:
        rounds.count_due(deps, shop, published)
    return found


def count_due(deps: Deps, shop: Shop, rates: ReadRates) -> Batch:
    """Count a slice of what has changed since the last time. ``rates`` reads those of a shop."""
    began = monotonic()
    with deps.open(shop) as scope:
        # A plan made while these tables were empty goes through all of a shop's rows when they are full.
        scope.connection.execute(text("SET LOCAL plan_cache_mode = force_custom_plan"))
        held = _held(scope)
        if held is None:
            return NOTHING
        more = _slice(scope, held, rates)
        if not more:
            rest = min(max(REST, timedelta(seconds=RATIO * (monotonic() - began))), LONGEST_REST)
            _note(scope, counted_at=scope.now, due_real=scope.machine + rest)
    return Batch(1, more)


def _slice(scope: Scope, held: dict[str, Any], rates: ReadRates) -> bool:
    """Whether there is more to do at once."""
    if held["counted_at"] is None and held["windows"] is None:
        # What was there before anybody counted.
        rebuild(scope)
    if held["windows"] != standing_for(scope):
        held["marked_to"] = 0
        _note(scope, windows=standing_for(scope), marked_to=0)
    if held["marked_to"] is not None:
        _note(scope, marked_to=mark_buyers(scope, held["marked_to"]))
    more = attribute(scope, rates(scope.connection, scope.shop_id))
    # After the attributions, whose changes it adds up with the others.
    more = fold(scope) or more
    weeks.draw(scope, held["week_at"])
    return more or held["marked_to"] is not None


def _held(scope: Scope) -> dict[str, Any] | None:
    """The shop's pass, locked; None when it rests, or somebody else has it."""
    row = scope.connection.execute(_CLAIM, {"shop_id": scope.shop_id}).mappings().first()
    if row is None:
        first = insert(figure_passes).values(shop_id=scope.shop_id, due_real=scope.machine).on_conflict_do_nothing()
        if not scope.connection.execute(first).rowcount:
            return None
        row = scope.connection.execute(_CLAIM, {"shop_id": scope.shop_id}).mappings().one()
    return None if row["due_real"] > scope.machine else dict(row)


_CLAIM = text("SELECT * FROM figure_passes WHERE shop_id = :shop_id FOR UPDATE SKIP LOCKED")


def _note(scope: Scope, **values: datetime | str | int | None) -> None:
    scope.connection.execute(update(figure_passes).where(figure_passes.c.shop_id == scope.shop_id).values(**values))


def rebuild_all(scope: Scope) -> None:
    """Count everything anew; the next passes look at all orders again, and count the metrics."""
    first = insert(figure_passes).values(shop_id=scope.shop_id, due_real=scope.machine).on_conflict_do_nothing()
    scope.connection.execute(first)
    rebuild(scope)
    weeks.draw(scope, None)
    rounds.anew(scope)
    _note(scope, windows=standing_for(scope), marked_to=0, counted_at=scope.now, due_real=scope.machine)
