"""What messages show beside the person, the checkout and the event of their run: one module per kind of facts.

Each is read for a whole batch in a fixed number of statements, and only for messages that name it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from connector.scope import Scope
from flows.engine.sources import carts, catalogue, loyalty, orders, profile, reviews
from flows.engine.sources.source import Source, Wanted

SOURCES: tuple[Source, ...] = (
    carts.CHECKOUT,
    carts.CART,
    orders.ORDER,
    orders.TRACKING,
    orders.LAST_ORDER,
    catalogue.PRODUCT,
    *catalogue.LISTS,
    loyalty.LOYALTY,
    reviews.REVIEWS,
    profile.SEGMENTS,
    profile.FIELDS,
)


def load(scope: Scope, wanted: Sequence[Wanted]) -> dict[int, dict[str, Any]]:
    """{id of a message: {root: what it shows there}} of these messages."""
    found: dict[int, dict[str, Any]] = {one.id: {} for one in wanted}
    for source in SOURCES:
        asking = [one for one in wanted if one.names(*source.path)]
        if not asking:
            continue
        for message_id, value in source.read(scope, asking).items():
            place = found[message_id]
            for part in source.path[:-1]:
                place = place.setdefault(part, {})
            place[source.path[-1]] = value
    return found


__all__ = ["SOURCES", "Source", "Wanted", "load"]
