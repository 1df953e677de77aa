"""How many customers have bought only once and never returned."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any

from flows.analytics.metrics.metric import Metric, Published, Watch, of_customers

DAYS = 60


def _watches(published: Published, settings: Mapping[str, Any]) -> Sequence[Watch]:
    flow = published.flow
    return [Watch()] if flow.trigger.on == "lapsed" and "win-back" in flow.tags else []


_ONCE = "orders_count = 1"
_LONG_AGO = "last_order_at <= CAST(:now AS timestamptz) - CAST(:within AS interval)"

ONE_TIME_BUYERS = Metric(
    name="one_time_buyers",
    title="Bought once and never returned",
    says=f"Customers with exactly one order, which is at least {DAYS} days ago. Cancelled orders are none. Whoever"
    " has bought once more lately is still expected.",
    of="customers",
    counts=of_customers(
        """
    SELECT '' AS who, orders_count, last_order_at FROM persons
    WHERE shop_id = :shop_id AND id = ANY (CAST(:persons AS bigint[])) AND orders_count > 0""",
        whole="count(*)",
        hits=f"count(*) FILTER (WHERE {_ONCE} AND {_LONG_AGO})",
        waiting=f"count(*) FILTER (WHERE {_ONCE} AND NOT coalesce({_LONG_AGO}, false))",
    ),
    watches=_watches,
    within=timedelta(days=DAYS),
    kind="count",
    nobody="Nobody has bought anything yet.",
    of_shop=True,
)
