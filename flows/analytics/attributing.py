"""Which message an order is owed to: the last one that its buyer followed, opened or was sent before it, as long as
that was within the channel's window.

Whoever has a mark is looked at again as a whole, from their orders and messages as they are: so it does not matter in
which order they were told of.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any, Protocol

import orjson
from sqlalchemy import text

from connector.attribution_windows import TOUCHES, windows
from connector.db.rows import add_rows
from connector.locks import FIGURES, lock_persons, lock_shop
from connector.models.analytics import attributions, figure_changes
from connector.scope import Scope

SLICE = 200
"""People whose orders are looked at in one transaction: nobody decides about them meanwhile."""
MARKED_AT_ONCE = 5000
"""Buyers who are marked in one statement when all are to be looked at again."""
_CENT_OF_A_CENT = Decimal("0.0001")


class Rates(Protocol):
    """The merchant's rates, as ``sync.currency.Rates`` has them."""

    def exchange(self, currency: str | None, counted_in: str | None, day: date | None) -> Any:
        """What an amount of the day is multiplied by (``rate``), None when it stays. Raises LookupError."""


def standing_for(scope: Scope) -> str:
    """Stands for the windows, and the currency in which revenue is counted: other ones, other attributions."""
    return orjson.dumps([scope.shop.settings["attribution"], scope.shop.currency], option=orjson.OPT_SORT_KEYS).decode()


def mark_buyers(scope: Scope, beyond: int) -> int | None:
    """Mark the next of all who have bought anything or to whom an order is ascribed; returns the last of them, None
    when there are no more."""
    given = {"shop_id": scope.shop_id, "beyond": beyond, "size": MARKED_AT_ONCE}
    found = scope.connection.scalars(_BUYERS, given).all()
    if found:
        scope.connection.execute(_MARK, {"shop_id": scope.shop_id, "persons": list(found)})
    if len(found) < MARKED_AT_ONCE:
        return None
    # What was empty a moment ago is read slice by slice from now on: PostgreSQL is told before it finds out by itself.
    scope.connection.execute(text("ANALYZE attribution_marks"))
    return int(found[-1])


_BUYERS = text(
    """
SELECT person_id FROM (
    (SELECT DISTINCT person_id FROM orders WHERE shop_id = :shop_id AND person_id > :beyond
        AND counted IS NOT NULL ORDER BY person_id LIMIT :size)
    UNION
    (SELECT DISTINCT person_id FROM attributions WHERE shop_id = :shop_id AND person_id > :beyond
        ORDER BY person_id LIMIT :size)
) AS buyers ORDER BY person_id LIMIT :size
"""
)
_MARK = text("INSERT INTO attribution_marks (shop_id, person_id) SELECT :shop_id, unnest(CAST(:persons AS bigint[]))")


def attribute(scope: Scope, rates: Rates) -> bool:
    """Look again at the orders of a slice of those who have a mark; says whether there may be more.

    Those whom somebody else has locked keep their mark.
    """
    # Whoever rebuilds adds up all attributions: none changes meanwhile.
    marked = scope.connection.scalars(_MARKED, {"shop_id": scope.shop_id, "size": SLICE}).all()
    held = lock_persons(scope, set(marked), skip_locked=True)
    held += scope.connection.scalars(_NOBODY, {"shop_id": scope.shop_id, "persons": list(marked)}).all()
    if not held:
        return False
    # Whoever rebuilds adds up all attributions: none changes meanwhile.
    lock_shop(scope, FIGURES)
    given = {"shop_id": scope.shop_id, "persons": held}
    # First the marks, then the look: what comes between has a mark of its own.
    scope.connection.execute(_UNMARK, given)
    before = {row["order_id"]: dict(row) for row in scope.connection.execute(_HELD, given).mappings()}
    after = _owed(scope, rates, given)
    _write(scope, before, after)
    return len(marked) >= SLICE


_MARKED = text(
    "SELECT DISTINCT person_id FROM attribution_marks WHERE shop_id = :shop_id ORDER BY person_id LIMIT :size"
)
# Whoever was erased meanwhile cannot be locked, and has nothing any more.
_NOBODY = text(
    """
SELECT person_id FROM unnest(CAST(:persons AS bigint[])) AS marked (person_id)
WHERE NOT EXISTS (
    SELECT FROM person_work WHERE person_work.shop_id = :shop_id AND person_work.person_id = marked.person_id
)
"""
)
_UNMARK = text(
    "DELETE FROM attribution_marks WHERE shop_id = :shop_id AND person_id = ANY (CAST(:persons AS bigint[]))"
)
# Person by person: the index is used whole, whatever PostgreSQL believes of a table that has just begun to fill.
_HELD = text(
    """
SELECT mine.* FROM unnest(CAST(:persons AS bigint[])) AS person (id) CROSS JOIN LATERAL (
    SELECT * FROM attributions WHERE shop_id = :shop_id AND person_id = person.id OFFSET 0
) AS mine
UNION
-- Of an order that is another's by now, too.
SELECT mine.* FROM unnest(CAST(:persons AS bigint[])) AS person (id) CROSS JOIN LATERAL (
    SELECT id FROM orders WHERE shop_id = :shop_id AND person_id = person.id OFFSET 0
) AS bought CROSS JOIN LATERAL (
    SELECT * FROM attributions WHERE shop_id = :shop_id AND order_id = bought.id OFFSET 0
) AS mine
"""
)


def _owed(scope: Scope, rates: Rates, given: Mapping[str, Any]) -> dict[int, dict[str, Any]]:
    """{order: its row of ``attributions``} of these people."""
    counted = windows(scope.shop.settings)
    spans = {
        "channels": [channel for channel, _ in counted],
        "touches": [touch for _, touch in counted],
        "spans": list(counted.values()),
        "ranks": [TOUCHES.index(touch) for _, touch in counted],
    }
    rows = scope.connection.execute(_OWED, {**given, **spans}).mappings()
    return {row["order_id"]: _valued(scope, rates, dict(row)) for row in rows}


# Of an order that counts for the person ``counted`` is what is left of it (sync/orders.py): it is none of them when it
# is cancelled, deleted, a test or history.
_OWED = text(
    """
SELECT orders.shop_id, orders.id AS order_id, orders.person_id, touch.id AS outbox_id, touch.flow, touch.version,
    touch.step, touch.message, touch.channel, touch.touch, touch.touched_at, orders.created_at AS placed_at,
    orders.currency, greatest(coalesce(orders.gross, orders.total), orders.counted) AS amount, orders.counted
FROM orders CROSS JOIN LATERAL (
    SELECT sent.id, sent.flow, sent.version, sent.step, sent.message, sent.channel, counts.touch,
        CASE counts.touch WHEN 'clicked' THEN sent.clicked_at WHEN 'opened' THEN sent.opened_at ELSE sent.sent_at END
            AS touched_at, counts.rank
    FROM outbox AS sent JOIN unnest(CAST(:channels AS text[]), CAST(:touches AS text[]), CAST(:spans AS interval[]),
        CAST(:ranks AS integer[])) AS counts (channel, touch, span, rank) ON counts.channel = sent.channel
    WHERE sent.shop_id = :shop_id AND sent.person_id = orders.person_id AND sent.message <> '' AND sent.state = 'sent'
        AND CASE counts.touch WHEN 'clicked' THEN sent.clicked_at WHEN 'opened' THEN sent.opened_at ELSE sent.sent_at
            END BETWEEN orders.created_at - counts.span AND orders.created_at
    ORDER BY touched_at DESC, counts.rank, sent.id DESC LIMIT 1
) AS touch
WHERE orders.shop_id = :shop_id AND orders.person_id = ANY (CAST(:persons AS bigint[])) AND orders.counted IS NOT NULL
ORDER BY orders.id
"""
)


def _valued(scope: Scope, rates: Rates, row: dict[str, Any]) -> dict[str, Any]:
    left = row.pop("counted")
    row["refunded"] = row["amount"] - left
    try:
        exchange = rates.exchange(row["currency"], scope.shop.currency, row["placed_at"].date())
    except LookupError:
        # Nothing is guessed; whoever asks is told which orders these are.
        return {**row, "revenue": None}
    worth = left if exchange is None else left * exchange.rate
    return {**row, "revenue": Decimal(worth).quantize(_CENT_OF_A_CENT)}


def _write(scope: Scope, before: Mapping[int, Mapping[str, Any]], after: Mapping[int, Mapping[str, Any]]) -> None:
    new = [row for order, row in sorted(after.items()) if row != before.get(order)]
    # What is no more, and what is written anew.
    gone = [row for order, row in sorted(before.items()) if row != after.get(order)]
    if gone:
        scope.connection.execute(_FORGET, {"shop_id": scope.shop_id, "orders": [row["order_id"] for row in gone]})
    if new:
        add_rows(scope.connection, attributions, new)
    changes = [*(_change(row, -1) for row in gone), *(_change(row, 1) for row in new)]
    if changes:
        add_rows(scope.connection, figure_changes, changes)


_FORGET = text("DELETE FROM attributions WHERE shop_id = :shop_id AND order_id = ANY (CAST(:orders AS bigint[]))")


def _change(row: Mapping[str, Any], sign: int) -> dict[str, Any]:
    """What this attribution, or its end, comes to in the figures of the day on which the order was placed."""
    revenue = row["revenue"]
    cohort = {name: row[name] for name in ("shop_id", "flow", "version", "step", "message", "channel")}
    return {
        **cohort,
        "at": _quarter(row["placed_at"]),
        "orders": sign,
        "unpriced": sign if revenue is None else 0,
        "revenue": sign * (revenue or 0),
    }


def _quarter(moment: datetime) -> datetime:
    return moment - timedelta(minutes=moment.minute % 15, seconds=moment.second, microseconds=moment.microsecond)
