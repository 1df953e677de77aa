"""Reads to whom a flow was sent, and who bought because of it."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Connection, text

from connector.paging import SIZE, Page, page
from connector.paging import after as cursor
from connector.shops import Shop
from flows.analytics.figures import Purchase, Recipient

_BEYOND = 2**62


def recipients(
    connection: Connection,
    shop: Shop,
    flow: str,
    *,
    message: str | None = None,
    after: str | None = None,
    size: int = SIZE,
) -> Page[Recipient]:
    """To whom the messages of a flow went or were meant to go, the newest first. Raises InvalidInput for a cursor that
    is none."""
    (last,) = cursor(after, int) or (_BEYOND,)
    # Of each message the newest, from one index: a rare message is found as quickly as one that went to everybody.
    names = (
        [message] if message is not None else connection.scalars(_MESSAGES, {"shop_id": shop.id, "flow": flow}).all()
    )
    given = {"shop_id": shop.id, "flow": flow, "messages": list(names), "last": last, "size": size + 1}
    rows = [Recipient(**row) for row in connection.execute(_RECIPIENTS, given).mappings()]
    return page(rows, lambda one: (one.outbox_id,), size)


_MESSAGES = text(
    "SELECT DISTINCT message FROM figure_totals WHERE shop_id = :shop_id AND flow = :flow AND message <> ''"
)
_RECIPIENTS = text(
    """
SELECT mine.id AS outbox_id, mine.person_id, mine.message, mine.channel, mine.state, mine.reason, mine.sent_at,
    mine.opened_at, mine.clicked_at, (
        SELECT max(attributions.order_id) FROM attributions
        WHERE attributions.shop_id = :shop_id AND attributions.outbox_id = mine.id
    ) AS order_id
FROM unnest(CAST(:messages AS text[])) AS named (message) CROSS JOIN LATERAL (
    SELECT * FROM outbox
    WHERE outbox.shop_id = :shop_id AND outbox.flow = :flow AND outbox.message = named.message
        AND outbox.message <> '' AND outbox.id < :last
    ORDER BY outbox.id DESC LIMIT :size
) AS mine
ORDER BY mine.id DESC LIMIT :size
"""
)


def buyers(
    connection: Connection, shop: Shop, flow: str, *, after: str | None = None, size: int = SIZE
) -> Page[Purchase]:
    """The orders that are owed to a flow, the newest first. Raises InvalidInput for a cursor that is none."""
    found = cursor(after, datetime, int)
    given = {"shop_id": shop.id, "flow": flow, "size": size + 1}
    if found is None:
        rows = connection.execute(_FIRST_BUYERS, given).mappings()
    else:
        rows = connection.execute(_NEXT_BUYERS, {**given, "at": found[0], "order": found[1]}).mappings()
    return page([Purchase(**row) for row in rows], lambda one: (one.placed_at, one.order_id), size)


def unpriced(
    connection: Connection, shop: Shop, flow: str, *, after: str | None = None, size: int = SIZE
) -> Page[Purchase]:
    """The orders of a flow that are in no revenue, because the merchant has given no rate for their currency."""
    (last,) = cursor(after, int) or (_BEYOND,)
    given = {"shop_id": shop.id, "flow": flow, "order": last, "size": size + 1}
    rows = [Purchase(**row) for row in connection.execute(_UNPRICED, given).mappings()]
    return page(rows, lambda one: (one.order_id,), size)


_OF = """
SELECT mine.order_id, orders.name AS order_name, mine.person_id, mine.amount, mine.refunded, mine.currency,
    mine.outbox_id, mine.message, mine.channel, mine.touched_at, mine.touch, mine.placed_at, mine.revenue
FROM attributions AS mine LEFT JOIN orders ON orders.shop_id = mine.shop_id AND orders.id = mine.order_id
WHERE mine.shop_id = :shop_id AND mine.flow = :flow
"""
_FIRST_BUYERS = text(f"{_OF} ORDER BY mine.placed_at DESC, mine.order_id DESC LIMIT :size")
_NEXT_BUYERS = text(
    f"{_OF} AND (mine.placed_at, mine.order_id) < (:at, :order)"
    " ORDER BY mine.placed_at DESC, mine.order_id DESC LIMIT :size"
)
_UNPRICED = text(f"{_OF} AND mine.revenue IS NULL AND mine.order_id < :order ORDER BY mine.order_id DESC LIMIT :size")
