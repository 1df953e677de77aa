"""What somebody has bought will soon be used up.

The shop's setting `signals.replenishment_due` says how long products last. The clock runs from the last order of the
product and starts again with every order of it; it is told once for an order and a product. What is not sold any more
is left out.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from flows.core.facts import Facts, lookup
from flows.core.model import Event
from flows.core.signals.consumption import ReplenishmentSchema, cycle_of
from flows.core.signals.signal import Anchor, ArmTimer, Derived, NewEvent, Past, PastClock, Signal, SignalSettings

NAME = "replenishment_due"
_COPIED = ("product_id", "variant_id", "title", "variant_title", "sku", "price", "quantity", "url", "image_url")


def _armed(product_id: int, order_id: int, anchor: datetime, days: int) -> ArmTimer:
    """`anchor` is the order, or later when the clock was put off."""
    payload = {"product_id": product_id, "order_id": order_id, "anchor_at": anchor.isoformat(), "days": days}
    return ArmTimer(NAME, str(product_id), anchor + timedelta(days=days), anchor, payload)


def derive(event: Event, facts: Facts, settings: SignalSettings, now: datetime) -> Derived:
    if not settings.counts(event.props):
        return Derived()
    chosen, known = settings.chosen(NAME, ReplenishmentSchema), lookup(facts, "products")
    days: dict[int, int] = {}
    for line in event.props.get("items") or ():
        product_id = line.get("product_id")
        product = known.get(str(product_id), {}) if isinstance(known, Mapping) else {}
        cycle = cycle_of(line, product, chosen) if product_id else None
        if cycle is not None:
            # Of two variants of one product the one that lasts longer.
            days[product_id] = max(days.get(product_id, 0), cycle.reminder(line.get("quantity") or 1))
    order_id = event.props["order_id"]
    return Derived(arm=tuple(_armed(one, order_id, event.occurred_at, many) for one, many in sorted(days.items())))


def fire(payload: Mapping[str, Any], facts: Facts, now: datetime) -> Derived:
    bought = lookup(facts, "purchase")
    if not isinstance(bought, Mapping) or not bought["sold"]:
        return Derived()
    anchor = datetime.fromisoformat(payload["anchor_at"])
    if bought["order_id"] != payload["order_id"]:
        # They have bought it again since, or that order counts no longer.
        anchor = datetime.fromisoformat(bought["bought_at"])
    timer = _armed(payload["product_id"], bought["order_id"], anchor, payload["days"])
    if timer.due_at > now:
        return Derived(arm=(timer,))
    props = {
        **{field: bought.get(field) for field in _COPIED},
        "order_id": bought["order_id"],
        "bought_at": bought["bought_at"],
        "anchor_at": anchor.isoformat(),
        "days": payload["days"],
        "reorder_url": _link(facts, bought),
    }
    subject, identity = f"person:{lookup(facts, 'person.id')}", _identity(bought["order_id"], payload["product_id"])
    return Derived((NewEvent(NAME, timer.due_at, subject, str(payload["product_id"]), identity, props),))


def _link(facts: Facts, bought: Mapping[str, Any]) -> str | None:
    """The store's own address that fills a cart with the same again; None when the variant is not known."""
    url, variant = lookup(facts, "shop.url"), bought.get("variant_id")
    return f"{url}/cart/{variant}:{bought.get('quantity') or 1}" if isinstance(url, str) and variant else None


def _identity(order_id: int, product_id: int) -> str:
    return f"order:{order_id}:{product_id}"


def clock(anchor: Anchor, settings: SignalSettings, now: datetime) -> PastClock | None:
    """Of an anchor whose key is the product, and whose detail is the line by which it was bought last: ``{product_id,
    variant_id, sku, quantity, order_id, product_type, tags}``."""
    cycle = cycle_of(anchor.detail, anchor.detail, settings.chosen(NAME, ReplenishmentSchema))
    if cycle is None:
        return None
    product_id, order_id = int(anchor.key), anchor.detail["order_id"]
    days = cycle.reminder(anchor.detail.get("quantity") or 1)
    return PastClock(_armed(product_id, order_id, anchor.at, days), _identity(order_id, product_id))


REPLENISHMENT_DUE = Signal(
    name=NAME,
    about=__doc__,
    listens=frozenset({"order_placed"}),
    needs=frozenset({"person", "products", "purchase", "shop"}),
    props={
        "product_id": "the product; the usual key of a flow",
        "variant_id": "the variant",
        "title": "the product's title",
        "variant_title": "the variant's, e.g. 60 ml",
        "sku": "the variant's article number",
        "price": "what a piece cost",
        "quantity": "how many pieces were bought",
        "url": "the page of the product",
        "image_url": "its picture",
        "order_id": "the order by which it was bought last",
        "bought_at": "when that was",
        "anchor_at": "what “from trigger” counts from: that order, or later for somebody who was armed late",
        "days": "after how many days this is told",
        "reorder_url": "an address that puts the same into a cart again",
    },
    derive=derive,
    fire=fire,
    buying=True,
    past=Past("purchases", clock),
    settings=ReplenishmentSchema,
    only_heard=True,
)
