"""Which changes of a product are worth telling, written down in the transaction that learns of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from sqlalchemy.dialects.postgresql import insert

from connector import eventlog
from connector.eventlog import Fact
from connector.models.catalogue_signal import catalogue_signals
from connector.scope import Scope
from sync.variants import Changes

OLD = timedelta(days=1)
"""Business time after which a change is no news any more."""


def notice(
    scope: Scope, product_id: int, changes: Changes, at: datetime, *, reported: Mapping[str, int] | None = None
) -> None:
    """Have those told whom these changes interest, and end what they make untrue.

    ``at``: when the store says that it changed. ``reported``: {event: variant id}, the store's own word for a variant
    that came or went, which holds where quantities are not known. What a sync that staff asked for or a reading of the
    whole store has found, what is history and what is old is told to nobody.
    """
    gone = {row["id"] for row, before in changes.stock if _sold_out(row, before)}
    gone |= {id for event, id in (reported or {}).items() if event == "variant_out_of_stock"}
    _take_back(scope, product_id, changes, gone, at)
    live_since = scope.shop.live_since
    if scope.quiet or scope.found_by == "backfill" or at < scope.now - OLD or (live_since and at < live_since):
        return
    settings = scope.shop.settings["catalogue_signals"]
    back = {row["id"] for row, before in changes.stock if _is_back(row, before)}
    back |= {id for event, id in (reported or {}).items() if event == "variant_in_stock"}
    few = [row["id"] for row, before in changes.stock if _is_few(row, before, settings["low_stock"])]
    _keep(scope, "price_dropped", product_id, at, _drops(changes, settings["price_drop_percent"]))
    _keep(scope, "back_in_stock", product_id, at, [{"variant_id": id} for id in sorted(back)])
    _keep(scope, "low_stock", product_id, at, [{"variant_id": id} for id in few])


def _drops(changes: Changes, least: float) -> list[dict[str, Any]]:
    """The variants that became cheaper by at least so many per cent, the largest drop first."""
    found = []
    for row, before in changes.prices:
        old, new = before["price"], row["price"]
        if old and new is not None and new < old and (percent := (old - new) * 100 / old) >= Decimal(str(least)):
            found.append({"variant_id": row["id"], "old": str(old), "new": str(new), "percent": int(percent)})
    return sorted(found, key=lambda one: -one["percent"])


def _is_back(row: Mapping[str, Any], before: Mapping[str, Any]) -> bool:
    return bool(before["inventory_quantity"] <= 0 < row["inventory_quantity"])


def _sold_out(row: Mapping[str, Any], before: Mapping[str, Any]) -> bool:
    return bool(row["inventory_quantity"] <= 0 < before["inventory_quantity"])


def _is_few(row: Mapping[str, Any], before: Mapping[str, Any], most: int) -> bool:
    return bool(0 < row["inventory_quantity"] <= most < before["inventory_quantity"])


def _take_back(scope: Scope, product_id: int, changes: Changes, gone: set[int], at: datetime) -> None:
    """One mark for everybody, found by the runs that are about this variant."""
    facts = []
    for row, before in changes.prices:
        if before["price"] < row["price"]:
            prices = {"old": str(before["price"]), "new": str(row["price"])}
            facts.append(_over("price_raised", product_id, row["id"], at, prices))
    facts += [_over("out_of_stock_again", product_id, id, at, {}) for id in sorted(gone)]
    eventlog.append(scope, facts)


def _over(name: str, product_id: int, variant_id: int, at: datetime, props: Mapping[str, Any]) -> Fact:
    subject = f"variant:{variant_id}"
    told = {"product_id": product_id, "variant_id": variant_id, **props}
    return Fact(name, f"{subject}:{at.isoformat()}", at, subject, key=str(variant_id), props=told)


def _keep(scope: Scope, kind: str, product_id: int, at: datetime, found: Sequence[Mapping[str, Any]]) -> None:
    """Once per change, whoever tells it again."""
    if not found:
        return
    row = {"shop_id": scope.shop_id, "kind": kind, "product_id": product_id, "at": at, "variants": list(found)}
    scope.connection.execute(_NEW, {**row, "state": "due", "told": 0, "due_real": scope.machine})
    scope.bells.add("signals")


_NEW = insert(catalogue_signals).on_conflict_do_nothing()
