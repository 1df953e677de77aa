"""Somebody looked at a product, put nothing into a cart, ordered nothing, and looked at no other for a while (`after`,
else two hours).

The clock runs from the last product that they looked at, which is the one that is told.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from flows.core.facts import Facts, lookup
from flows.core.model import Event
from flows.core.signals import since_last
from flows.core.signals.signal import Derived, Signal, SignalSettings
from flows.core.signals.thresholds import armed
from flows.core.vocabulary_of_behaviour import PRODUCT

NAME = "browse_abandoned"
DEFAULT = timedelta(hours=2)


def derive(event: Event, facts: Facts, settings: SignalSettings, now: datetime) -> Derived:
    return Derived(arm=(armed(NAME, "", event.occurred_at, settings.seconds(NAME, DEFAULT), 0),))


def fire(payload: Mapping[str, Any], facts: Facts, now: datetime) -> Derived:
    product, viewed_at = lookup(facts, "activity.last_product"), since_last.moment(facts, "activity.last_product.at")
    if not isinstance(product, Mapping) or viewed_at is None:
        return Derived()
    timer = since_last.standing(NAME, payload, viewed_at)
    bought = (since_last.moment(facts, path) for path in ("activity.last_cart_at", "person.last_order_at"))
    if any(at is not None and at >= timer.anchor_at for at in bought):
        return Derived()
    props = {field: product[field] for field in PRODUCT if field in product}
    return since_last.told(timer, facts, now, props)


BROWSE_ABANDONED = Signal(
    name=NAME,
    about=__doc__,
    listens=frozenset({"product_viewed"}),
    needs=frozenset({"person", "activity"}),
    props={
        **PRODUCT,
        "anchor_at": "when they looked at it: what “from trigger” counts from",
        "after_seconds": "the threshold that passed",
    },
    derive=derive,
    fire=fire,
    threshold=DEFAULT,
    only_heard=True,
)
