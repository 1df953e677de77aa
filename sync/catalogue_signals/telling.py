"""Telling people of a change of a product, in slices: each is one transaction and holds the locks of a few people.

A row of ``catalogue_signal_people`` is somebody who is still to be told and goes with the telling, so whoever comes
after a death goes on where it was. Before each slice the product is looked at: what is true no longer is told nobody.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from decimal import Decimal
from typing import Any

import orjson
from sqlalchemy import bindparam, select, text, update

from connector import eventlog
from connector.db.rows import among
from connector.deps import Deps
from connector.event_mapping import told_events
from connector.eventlog import Fact
from connector.locks import lock_persons
from connector.logging import get
from connector.models.catalogue_signal import catalogue_signal_people, catalogue_signals
from connector.models.store import products, variants
from connector.queue.batch import NOTHING, Batch
from connector.scope import Scope
from connector.shops import Shop
from sync.catalogue_signals import alerts, interest
from sync.catalogue_signals.noticing import OLD

log = get(__name__)

SLICE = 200
"""People whose locks one transaction holds."""
AGAIN = timedelta(days=1)
"""Business time in which nobody is told the same of one product twice, however often its price or stock goes to and
fro."""
# Machine time until people whose locks others hold are tried again.
_BUSY = timedelta(seconds=1)


def tell_due(deps: Deps, shop: Shop) -> Batch:
    """One slice of one signal: first whom it interests, then so many of them."""
    with deps.open(shop) as scope:
        given = {"shop_id": shop.id, "machine": scope.machine}
        due = scope.connection.execute(_CLAIM, given).mappings().first()
        if due is None:
            return NOTHING
        signal = dict(due)
        holding = _still_true(scope, signal)
        reason = "old" if signal["at"] < scope.now - OLD else None if holding else "over"
        if signal["people"] is None and reason is None and not _heard(scope, signal["kind"]):
            reason = "unheard"
        if reason is not None:
            _end(scope, signal, reason)
        elif signal["people"] is None:
            found = interest.find(scope, signal, list(holding))
            _change(scope, signal, people=found)
            log.info("catalogue_signal", shop_id=shop.id, kind=signal["kind"], people=found)
        else:
            return _tell_some(scope, signal, holding)
        return Batch(1, True)


def _tell_some(scope: Scope, signal: Mapping[str, Any], holding: Mapping[int, Mapping[str, Any]]) -> Batch:
    """``holding``: what is told of each variant of which the signal is still true, the best first."""
    mine = {"shop_id": scope.shop_id, "signal_id": signal["id"]}
    waiting = scope.connection.scalars(_WAITING, {**mine, "most": SLICE}).all()
    if not waiting:
        if signal["kind"] == "back_in_stock":
            alerts.answered_by_brevo(scope, signal["product_id"], list(holding), signal["at"])
        _end(scope, signal, None)
        return Batch(1, True)
    free = lock_persons(scope, waiting, skip_locked=True)
    if not free:
        _change(scope, signal, due_real=scope.machine + _BUSY)
        return NOTHING
    # Only now are they whom they were, and whom nobody else has told.
    taken = scope.connection.execute(_TAKE, {**mine, "people": free}).mappings().all()
    lately = _told_lately(scope, signal, free)
    best = next(iter(holding))
    facts = [
        _fact(signal, row["person_id"], row["why"], holding[row["variant_id"] or best])
        for row in taken
        if row["present"] and row["person_id"] not in lately and (row["variant_id"] or best) in holding
    ]
    eventlog.append(scope, facts)
    if signal["kind"] == "back_in_stock":
        alerts.answered(scope, signal["product_id"], [fact.person_id for fact in facts if fact.person_id is not None])
    _change(scope, signal, told=signal["told"] + len(facts))
    return Batch(len(taken), True)


def _fact(signal: Mapping[str, Any], person_id: int, why: str, told: Mapping[str, Any]) -> Fact:
    """What this change is to this person: the same however often and by whomever it is told."""
    kind, variant_id = signal["kind"], told["variant_id"]
    identity = f"{kind}:{signal['product_id']}:{signal['at'].isoformat()}:{person_id}"
    return Fact(kind, identity, signal["at"], f"variant:{variant_id}", person_id, str(variant_id), {**told, "why": why})


def _still_true(scope: Scope, signal: Mapping[str, Any]) -> dict[int, dict[str, Any]]:
    """{variant id: what is told of it} of the signal's variants for which it holds now, in the signal's order."""
    given = {"shop_id": scope.shop_id, "product_id": signal["product_id"]}
    found = scope.connection.execute(_PRODUCT, given).mappings().first()
    if found is None or found["deleted_at"] or found["status"] not in (None, "active"):
        return {}
    product = dict(found)
    given = {"shop_id": scope.shop_id, "ids": [one["variant_id"] for one in signal["variants"]]}
    listed = [dict(row) for row in scope.connection.execute(_VARIANTS, given).mappings()]
    rows = {row["id"]: row for row in listed if not row["deleted_at"]}
    few = scope.shop.settings["catalogue_signals"]["low_stock"]
    return {
        one["variant_id"]: {**_about(product, rows[one["variant_id"]]), **one}
        for one in signal["variants"]
        if one["variant_id"] in rows and _holds(signal["kind"], one, rows[one["variant_id"]], few)
    }


def _holds(kind: str, told: Mapping[str, Any], variant: Mapping[str, Any], few: int) -> bool:
    count = variant["inventory_quantity"]
    match kind:
        case "price_dropped":
            return variant["price"] is not None and variant["price"] <= Decimal(told["new"])
        case "back_in_stock":
            return count is None or count > 0
        case _:
            return count is not None and 0 < count <= few


def _about(product: Mapping[str, Any], variant: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "product_id": product["id"],
        "title": product["title"],
        "url": product["url"],
        "image_url": product["image_url"],
        "variant_title": variant["title"],
        "sku": variant["sku"],
        "price": None if variant["price"] is None else str(variant["price"]),
        "inventory_quantity": variant["inventory_quantity"],
    }


def _heard(scope: Scope, kind: str) -> bool:
    """Whether anybody listens: an active flow, Brevo by the shop's mapping, or an address of the merchant."""
    if kind in told_events(scope.shop.settings["event_mapping"]) or kind in scope.shop.heard_outside:
        return True
    return bool(scope.connection.scalar(_STARTS_A_FLOW, {"shop_id": scope.shop_id, "kind": kind}))


def _told_lately(scope: Scope, signal: Mapping[str, Any], people: Sequence[int]) -> set[int]:
    """Who of these, whose locks are held, has heard the same of this product."""
    given = {
        "shop_id": scope.shop_id,
        "people": list(people),
        "kind": signal["kind"],
        "product": orjson.dumps(signal["product_id"]).decode(),
        "after": signal["at"] - AGAIN,
        "before": signal["at"] + AGAIN,
    }
    return set(scope.connection.scalars(_TOLD_LATELY, given))


def _end(scope: Scope, signal: Mapping[str, Any], reason: str | None) -> None:
    scope.connection.execute(_FORGET, {"shop_id": scope.shop_id, "signal_id": signal["id"]})
    _change(scope, signal, state="done", reason=reason, due_real=scope.machine)


def _change(scope: Scope, signal: Mapping[str, Any], **values: Any) -> None:
    mine = (catalogue_signals.c.shop_id == scope.shop_id) & (catalogue_signals.c.id == signal["id"])
    scope.connection.execute(update(catalogue_signals).where(mine).values(**values))


_CLAIM = (
    select(catalogue_signals)
    .where(
        catalogue_signals.c.shop_id == bindparam("shop_id"),
        catalogue_signals.c.state == "due",
        catalogue_signals.c.due_real <= bindparam("machine"),
    )
    .order_by(catalogue_signals.c.id)
    .limit(1)
    .with_for_update(skip_locked=True)
)
_WAITING = (
    select(catalogue_signal_people.c.person_id)
    .where(
        catalogue_signal_people.c.shop_id == bindparam("shop_id"),
        catalogue_signal_people.c.signal_id == bindparam("signal_id"),
    )
    .order_by(catalogue_signal_people.c.person_id)
    .limit(bindparam("most"))
)
_TAKE = text(
    """
DELETE FROM catalogue_signal_people AS waiting USING persons
WHERE waiting.shop_id = :shop_id AND signal_id = :signal_id AND person_id = ANY (CAST(:people AS bigint[]))
    AND persons.shop_id = :shop_id AND persons.id = person_id
RETURNING person_id, variant_id, why, merged_into IS NULL AND erased_at IS NULL AS present
"""
)
_FORGET = text("DELETE FROM catalogue_signal_people WHERE shop_id = :shop_id AND signal_id = :signal_id")
_PRODUCT = select(products).where(products.c.shop_id == bindparam("shop_id"), products.c.id == bindparam("product_id"))
_VARIANTS = select(variants).where(variants.c.shop_id == bindparam("shop_id"), among(variants.c.id, "ids"))
_STARTS_A_FLOW = text(
    """
SELECT EXISTS (
    SELECT FROM flows JOIN flow_versions USING (shop_id, flow, version)
    WHERE flows.shop_id = :shop_id AND status = 'active' AND definition -> 'trigger' ->> 'on' = :kind
)
"""
)
_TOLD_LATELY = text(
    """
SELECT DISTINCT person_id FROM events
WHERE shop_id = :shop_id AND person_id = ANY (CAST(:people AS bigint[])) AND occurred_at > :after
    AND occurred_at < :before AND name = :kind AND props -> 'product_id' = CAST(:product AS jsonb)
"""
)
