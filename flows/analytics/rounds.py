"""Counts the metrics (``flows.analytics.metrics``) in rounds: slice by slice through the shop's people, from what is
recorded of them, as of the moment at which the round began.

Nothing has to be told of what changes between two rounds, so a refund, two people who are one and a late report are in
the next one. What is shown are the figures of the last whole round. A slice is followed by a rest of RATIO times as
long as it took, a whole round by one of at least REST.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import timedelta
from typing import Any

import orjson
from sqlalchemy import Connection, text, update
from sqlalchemy.dialects.postgresql import insert

from connector.clock import monotonic
from connector.deps import Deps
from connector.models.analytics import metric_figures, metric_passes
from connector.scope import Scope
from connector.shops import Shop
from flows.analytics.metrics import METRICS, Metric, Published

SLICE = 5000
"""People of one transaction. None of them is locked."""
RATIO = 50
REST = timedelta(hours=1)
PAST = timedelta(days=400)
"""Whoever came in earlier is in no metric of a flow."""
_EVERY = timedelta(days=1)

ReadPublished = Callable[[Connection, int], Iterable[Published]]
"""The current versions of a shop's flows."""


def count_all(deps: Deps, shop: Shop, published: ReadPublished) -> None:
    """Count a whole round at once: for whoever waits for it."""
    with deps.open(shop) as scope:
        anew(scope)
    while not count_due(deps, shop, published, rests=False):
        pass


def count_due(deps: Deps, shop: Shop, published: ReadPublished, *, rests: bool = True) -> bool:
    """Count one more slice, unless the shop rests; says whether the round is whole. ``rests``: whether it rests."""
    began = monotonic()
    with deps.open(shop) as scope:
        # A plan made while these tables were empty goes through all of a shop's rows when they are full.
        scope.connection.execute(text("SET LOCAL plan_cache_mode = force_custom_plan"))
        held = _held(scope, rests=rests)
        if held is None:
            return True
        if held["began_at"] is None:
            held |= {"began_at": scope.now, "beyond": 0, "took_ms": 0}
            scope.connection.execute(_FORGET, {"shop_id": scope.shop_id, "shown": held["round"]})
        asked = {"shop_id": scope.shop_id, "beyond": held["beyond"], "size": SLICE}
        people = scope.connection.scalars(_PEOPLE, asked).all()
        _count(scope, held, people, list(published(scope.connection, scope.shop_id)))
        took = timedelta(seconds=monotonic() - began)
        held["took_ms"] += took // timedelta(milliseconds=1)
        if len(people) < SLICE:
            rest = max(REST, RATIO * timedelta(milliseconds=held["took_ms"]))
            held |= {"round": held["round"] + 1, "counted_at": held["began_at"], "began_at": None, "beyond": 0}
            scope.connection.execute(_FORGET, {"shop_id": scope.shop_id, "shown": held["round"]})
        else:
            rest = RATIO * took
            held["beyond"] = people[-1]
        _note(scope, {**held, "due_real": scope.machine + rest})
    return held["began_at"] is None


def anew(scope: Scope) -> None:
    """The next round begins at once, and from the beginning."""
    scope.connection.execute(_first(scope))
    _note(scope, {"began_at": None, "due_real": scope.machine})


def _held(scope: Scope, *, rests: bool) -> dict[str, Any] | None:
    """The shop's pass, locked; None when it rests, or somebody else has it."""
    row = scope.connection.execute(_CLAIM, {"shop_id": scope.shop_id}).mappings().first()
    if row is None:
        if not scope.connection.execute(_first(scope)).rowcount:
            return None
        row = scope.connection.execute(_CLAIM, {"shop_id": scope.shop_id}).mappings().one()
    # By the calendar too: where business time runs, a day is short.
    old = row["began_at"] is None and row["counted_at"] is not None and row["counted_at"] <= scope.now - _EVERY
    return None if rests and row["due_real"] > scope.machine and not old else dict(row)


_CLAIM = text("SELECT * FROM metric_passes WHERE shop_id = :shop_id FOR UPDATE SKIP LOCKED")


def _first(scope: Scope) -> Any:
    row = {"shop_id": scope.shop_id, "round": 0, "beyond": 0, "took_ms": 0, "due_real": scope.machine}
    return insert(metric_passes).values(row).on_conflict_do_nothing()


def _note(scope: Scope, values: Mapping[str, Any]) -> None:
    mine = metric_passes.c.shop_id == scope.shop_id
    scope.connection.execute(update(metric_passes).where(mine).values({**values, "shop_id": scope.shop_id}))


_PEOPLE = text("SELECT id FROM persons WHERE shop_id = :shop_id AND id > :beyond ORDER BY id LIMIT :size")
_FORGET = text("DELETE FROM metric_figures WHERE shop_id = :shop_id AND round <> :shown")


def watched(metric: Metric, published: Sequence[Published], settings: Mapping[str, Any]) -> list[dict[str, Any]]:
    """What this metric watches in these flows, as its query takes it."""
    return [watch.to_json(one.flow.flow) for one in published for watch in metric.watches(one, settings)]


def _count(scope: Scope, held: Mapping[str, Any], people: Sequence[int], published: Sequence[Published]) -> None:
    """Add what the metrics come to of these people to the round that is under way."""
    settings, now = scope.shop.settings, held["began_at"]
    sources = [("pos", "include_pos_orders"), ("shopify_draft_order", "include_draft_orders")]
    given = {
        "shop_id": scope.shop_id, "persons": list(people), "now": now, "since": now - PAST,
        "zone": scope.shop.timezone, "currency": scope.shop.currency, "tests": settings["include_test_orders"],
        "sources": [source for source, setting in sources if not settings[setting]],
    }  # fmt: skip
    for metric in METRICS.values() if people else ():
        looked_at = watched(metric, published, settings)
        if not looked_at and not metric.of_shop:
            continue
        asked = {**given, "watched": orjson.dumps(looked_at).decode(), "within": metric.within}
        rows = scope.connection.execute(metric.counts, asked).mappings()
        mine = {"shop_id": scope.shop_id, "round": held["round"] + 1, "metric": metric.name}
        if found := [{**mine, **row} for row in rows]:
            scope.connection.execute(_ADD, found)


_new = insert(metric_figures)
_ADD = _new.on_conflict_do_update(
    index_elements=[column.name for column in metric_figures.primary_key],
    set_={name: metric_figures.c[name] + _new.excluded[name] for name in ("whole", "hits", "waiting", "amount")},
)
