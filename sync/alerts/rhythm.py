"""How many deliveries of each topic came on which day: counted from the inbox as it grows, and kept for six weeks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from itertools import groupby, pairwise

from sqlalchemy import Connection, delete, select, text

from connector.models.alert import delivery_days

WINDOW = timedelta(days=28)
_KEPT = timedelta(days=42)
AT_ONCE = 20_000
"""Deliveries that one look counts."""


@dataclass(frozen=True)
class Rhythm:
    """A topic in the 28 days that ended with its last delivery: how many came, on how many ``days``, and the longest
    row of days between them on which none did. ``source``: shopify, api, or brevo with all of its topics as one."""

    source: str
    topic: str
    last_at: datetime
    deliveries: int
    days: int
    longest_gap: int


def count(connection: Connection, shop_id: int, counted: int, now: datetime) -> tuple[int, bool]:
    """Count what has come after delivery ``counted``: (the last that is counted now, whether there are more).

    A delivery whose transaction was still open at the time is left out: a day's count may be a few too low.
    """
    asked = {"shop": shop_id, "counted": counted, "since": now - _KEPT, "most": AT_ONCE}
    row = connection.execute(_COUNT, asked).one()
    old = (delivery_days.c.shop_id == shop_id) & (delivery_days.c.day < (now - _KEPT).date())
    connection.execute(delete(delivery_days).where(old))
    return row.last or counted, row.rows == AT_ONCE


# One entry of the primary key for each delivery that is new; the bound of time leaves out the months before.
_COUNT = text(
    """
WITH fresh AS MATERIALIZED (
    SELECT id, source, CASE source WHEN 'brevo' THEN '' ELSE topic END AS topic, received_at FROM inbox
    WHERE shop_id = :shop AND id > :counted AND received_at > :since ORDER BY id LIMIT :most
), told AS (
    INSERT INTO delivery_days (shop_id, source, topic, day, deliveries, last_at)
    SELECT :shop, source, topic, CAST(received_at AT TIME ZONE 'UTC' AS DATE), count(*), max(received_at) FROM fresh
    GROUP BY 2, 3, 4
    ON CONFLICT (shop_id, source, topic, day) DO UPDATE SET
        deliveries = delivery_days.deliveries + excluded.deliveries,
        last_at = greatest(delivery_days.last_at, excluded.last_at)
)
SELECT max(id) AS last, count(*) AS rows FROM fresh
"""
)


def rhythms(connection: Connection, shop_id: int, now: datetime) -> list[Rhythm]:
    """All topics of the shop that have come in the last six weeks."""
    query = (
        select(delivery_days)
        .where(delivery_days.c.shop_id == shop_id, delivery_days.c.day <= now.date())
        .order_by(delivery_days.c.source, delivery_days.c.topic, delivery_days.c.day)
    )
    rows = connection.execute(query).all()
    return [
        rhythm(source, topic, [(row.day, row.deliveries) for row in days], days[-1].last_at)
        for (source, topic), group in groupby(rows, key=lambda row: (row.source, row.topic))
        if (days := list(group))
    ]


def rhythm(source: str, topic: str, days: Sequence[tuple[date, int]], last_at: datetime) -> Rhythm:
    """``days``: those on which something came, and how many, in their order."""
    last = days[-1][0]
    inside = [(day, number) for day, number in days if last - WINDOW < day]
    gaps = [(after - before).days - 1 for (before, _), (after, _) in pairwise(inside)]
    return Rhythm(source, topic, last_at, sum(number for _, number in inside), len(inside), max(gaps, default=0))
