"""Whom the limits hold back just now: of those who were written to last, so that it costs the same in every shop."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import groupby
from operator import attrgetter

from sqlalchemy import Connection, text

from connector.frequency_caps import shop_caps
from connector.shops import Shop
from flows.core.calendar import zone
from flows.core.caps import MOST_DAYS, Sent, used

PEOPLE, _ENTRIES = 500, 1000


@dataclass(frozen=True)
class Held:
    """Of so many people so many would get no more marketing on this channel now."""

    people: int
    held: int
    channel: str


def held(connection: Connection, shop: Shop, now: datetime, channel: str = "email") -> Held | None:
    """By this shop's settings, saved or not; None when nobody was sent marketing yet. A day is one of the shop's."""
    since = now - timedelta(days=MOST_DAYS + 2)
    rows = connection.execute(_LATEST, {"shop": shop.id, "entries": _ENTRIES, "people": PEOPLE, "since": since}).all()
    by_person = [list(group) for _, group in groupby(rows, attrgetter("person_id"))]
    if not by_person:
        return None
    limits = [limit for limit in shop_caps(shop.settings, channel) if limit.binds(channel)]
    where = zone(shop.timezone)

    def is_full(ledger: Iterable[Sent]) -> bool:
        known = list(ledger)
        return any(len(used(limit, known, now, where)) >= limit.count for limit in limits)

    full = sum(
        is_full(Sent(row.flow, row.run_id, row.channel, row.purpose, row.cap, row.counted_at) for row in person)
        for person in by_person
    )
    return Held(len(by_person), full, channel)


_LATEST = text(
    """
SELECT entry.person_id, entry.flow, entry.run_id, entry.channel, entry.purpose, entry.cap, entry.counted_at
FROM (
    SELECT DISTINCT person_id FROM (
        SELECT person_id FROM send_ledger WHERE shop_id = :shop ORDER BY outbox_id DESC LIMIT :entries
    ) AS latest LIMIT :people
) AS people
JOIN send_ledger AS entry ON entry.shop_id = :shop AND entry.person_id = people.person_id
    AND entry.counted_at > :since AND entry.purpose = 'marketing'
ORDER BY entry.person_id
"""
)
