"""Before messages are claimed: what they show beside their run is brought up to date, with nobody locked."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import select

from connector.deps import Deps
from connector.models.outbox import outbox
from connector.shops import Shop
from flows.content import names
from flows.content.source import MessageSource
from flows.engine.drafts import Drafts
from flows.engine.sources import looks, shelves

_DRAWN = (("products", "bestsellers"), ("products", "similar"))


def hangs_on_more(source: MessageSource) -> bool:
    """Whether a message of this source is to be looked at here at all."""
    return looks.hangs_on_the_store(source)


def see_to(deps: Deps, shop: Shop, ids: Sequence[int]) -> None:
    """Draw the shop's best sellers anew and ask the store for prices and stock, as far as these messages show them."""
    if not ids:
        return
    with deps.open(shop) as scope:
        rows = (
            scope.connection.execute(select(outbox).where(outbox.c.shop_id == shop.id, outbox.c.id.in_(ids)))
            .mappings()
            .all()
        )
        if not rows:
            return
        drafts = Drafts(scope, rows)
        if any(names.names(one.source, *path) for one in drafts.wanted for path in _DRAWN):
            shelves.see_to(scope)
        wanted = drafts.stale()
    if wanted:
        looks.take(deps, shop, wanted)
