"""How long the calls to Brevo that wait now will take: how many there are, against the limit as it is known.

This is arithmetic, not a measurement: the limits let through so many calls in a window, and no code can go faster.
Shops with one Brevo account share its limits, so each of them is told the seconds for all of them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, text

from connector import shops
from connector.brevo.client import BrevoAccount
from connector.errors import ConfigurationError
from connector.shops import Shop

# What waits -> the limit that it goes by, one call each. What leaves many in a call is left out: products, categories
# and orders in bulk.
_BUCKETS: Mapping[str, str] = {
    "contact": "contacts",
    "order": "orders",
    "event": "events",
    "email": "email",
}
_STATEMENT = text(
    """
    SELECT shop_id, entity AS what, count(*) AS calls FROM sync_state
    WHERE state IN ('due', 'leased') AND NOT (quiet AND entity = 'order') GROUP BY shop_id, entity
    UNION ALL
    SELECT shop_id, 'event', count(*) FROM feed WHERE state IN ('due', 'leased') GROUP BY shop_id
    UNION ALL
    SELECT shop_id, channel, count(*) FROM outbox WHERE state = 'due' AND due_at <= :now GROUP BY shop_id, channel
    """
)
# More shops than this are not told of: those with most calls are.
_MOST_SHOPS = 20


@dataclass(frozen=True)
class Draining:
    """``calls`` of this shop wait for ``bucket``; the last may go in ``seconds`` of machine time."""

    shop: int
    bucket: str
    calls: int
    seconds: float


def read(connection: Connection, now: datetime, account_of: Callable[[Shop], BrevoAccount]) -> list[Draining]:
    """What waits for Brevo's limits, the longest first. ``now`` is business time."""
    waiting: dict[int, dict[str, int]] = {}
    for row in connection.execute(_STATEMENT, {"now": now}):
        if row.what in _BUCKETS:
            buckets = waiting.setdefault(row.shop_id, {})
            buckets[_BUCKETS[row.what]] = buckets.get(_BUCKETS[row.what], 0) + row.calls
    busiest = sorted(waiting, key=lambda shop_id: sum(waiting[shop_id].values()), reverse=True)[:_MOST_SHOPS]
    accounts = _accounts(connection, busiest, account_of)
    together: dict[tuple[str, str], int] = {}
    for shop_id, account in accounts.items():
        for bucket, calls in waiting[shop_id].items():
            key = (account.identity, bucket)
            together[key] = together.get(key, 0) + calls
    found = [
        Draining(shop_id, bucket, calls, round(account.drain_seconds(bucket, together[account.identity, bucket]), 3))
        for shop_id, account in accounts.items()
        for bucket, calls in waiting[shop_id].items()
    ]
    return sorted(found, key=lambda one: (-one.seconds, one.shop, one.bucket))


def _accounts(
    connection: Connection, shop_ids: Sequence[int], account_of: Callable[[Shop], BrevoAccount]
) -> dict[int, BrevoAccount]:
    """The accounts of these shops. One whose key cannot be opened makes no calls, so nothing drains."""
    found = {}
    for shop_id in shop_ids:
        try:
            found[shop_id] = account_of(shops.load(connection, shop_id))
        except (ConfigurationError, LookupError):
            continue
    return found
