"""One look that is due, or the end of a report: what the bell "reconcile" is answered with."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta

from sqlalchemy import RowMapping

from connector.crashpoints import reach
from connector.deps import Deps
from connector.errors import ConfigurationError, ProviderError, Retry
from connector.queue.batch import NOTHING, Batch
from connector.shops import Shop
from sync.reconcile import changed, everything, gaps, looks, passes, reports, sample
from sync.reconcile.kinds import KINDS

Look = Callable[[Deps, Shop], Sequence[str]]
"""A look at something that is no record, which it also repairs. Answers with sentences on what it found; raises
ProviderError."""


def look_due(deps: Deps, shop: Shop, more: Mapping[str, Look]) -> Batch:
    """One step of a look that is due. ``more``: what looks at subscriptions and at runs, which live above this."""
    held = _claim(deps, shop)
    if held is None:
        return reports.end_due(deps, shop)
    reach("pass.leased")
    if shop.live_since is None and held["look"] not in looks.ALWAYS:
        return _left_out(deps, shop, held)
    manner, _, kind = held["look"].partition(":")
    try:
        if manner == passes.CHANGED:
            return changed.look(deps, shop, KINDS[kind], held)
        if manner == passes.ALL:
            return everything.look(deps, shop, KINDS[kind], held)
        return _other(deps, shop, held, {passes.SAMPLE: sample.compare, **more}[manner])
    except ConfigurationError as error:
        passes.postpone(deps, held, Retry("shopify", str(error)))
        return NOTHING


def _claim(deps: Deps, shop: Shop) -> RowMapping | None:
    held = passes.claim(deps, shop)
    if held is not None:
        return held
    with deps.open(shop) as scope:
        if not looks.prepare(scope):
            return None
    return passes.claim(deps, shop)


def _left_out(deps: Deps, shop: Shop, held: RowMapping) -> Batch:
    """Of a shop of which it is not known since when its store reports to us, nothing is known to have been missed."""
    with deps.open(shop) as scope:
        if passes.still_held(scope.connection, held):
            if held["report_id"] is not None:
                gaps.note(scope, [_UNHEARD.format(shop=shop.domain)])
            next_at = scope.now + timedelta(hours=1)
            passes.finish(scope.connection, held, next_at=next_at, now=scope.now, machine=scope.machine)
    return Batch(1, True)


_UNHEARD = (
    "It is not known since when this store reports to us, so people and orders were not compared: install the"
    " app in {shop} once more."
)


def _other(deps: Deps, shop: Shop, held: RowMapping, look: Look) -> Batch:
    try:
        said = look(deps, shop)
    except ProviderError as error:
        passes.postpone(deps, held, error)
        return NOTHING
    with deps.open(shop) as scope:
        if passes.still_held(scope.connection, held):
            gaps.note(scope, said)
            began = held["began_at"]
            every = looks.EVERY[held["look"]]
            passes.finish(scope.connection, held, next_at=began + every, now=scope.now, machine=scope.machine)
    return Batch(1, True)
