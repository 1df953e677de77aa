"""Deliveries put straight into the inbox, as the intake would have stored them, all visible at one moment."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from itertools import islice
from typing import Any

from sqlalchemy import Connection, text

from benchmarks.shoppers import Delivery
from benchmarks.stage import Stage
from connector.db.session import transaction
from connector.models.inbox import inbox, inbox_keys
from connector.queue.bells import ring
from webhooks.topics import TOPICS

_ROWS_PER_STATEMENT = 1_000

# What is left to do, also what is not due yet.
LEFT = {
    "inbox": "SELECT count(*) FROM inbox WHERE state IN ('new', 'retry')",
    "fetches": "SELECT count(*) FROM fetches WHERE state IN ('due', 'leased')",
    "persons": "SELECT count(*) FROM person_work WHERE pending",
    "contacts": "SELECT count(*) FROM sync_state WHERE state IN ('due', 'leased') AND entity = 'contact'",
    "records": "SELECT count(*) FROM sync_state WHERE state IN ('due', 'leased', 'waiting') AND entity <> 'contact'",
    "feed": "SELECT count(*) FROM feed WHERE state = 'due'",
}
_LEFT = text("SELECT " + ", ".join(f"({query}) AS {kind}" for kind, query in LEFT.items()))


def fill(stage: Stage, deliveries: Iterable[Delivery], now: datetime) -> int:
    """Store the deliveries in one transaction and ring for their shops; returns how many there were."""
    count, shops = 0, set()
    waiting = iter(deliveries)
    with transaction(stage.deps.engine) as connection:
        while some := list(islice(waiting, _ROWS_PER_STATEMENT)):
            rows = [_row(stage.shop_ids[one.shop], one, now) for one in some]
            shops |= {row["shop_id"] for row in rows}
            _insert(connection, rows)
            count += len(rows)
    for shop_id in shops:
        ring(stage.deps.redis, "intake", shop_id)
    return count


def left(stage: Stage) -> dict[str, int]:
    """Rows of each kind that are not done."""
    with transaction(stage.deps.engine) as connection:
        return dict(connection.execute(_LEFT).mappings().one())


def unprocessed(stage: Stage) -> dict[str, int]:
    """State -> rows of the inbox that are not simply done."""
    query = text("SELECT state, count(*) AS rows FROM inbox WHERE state <> 'done' GROUP BY state")
    with transaction(stage.deps.engine) as connection:
        return {row.state: row.rows for row in connection.execute(query)}


def _insert(connection: Connection, rows: list[dict[str, Any]]) -> None:
    connection.execute(inbox_keys.insert(), [{c.name: row[c.name] for c in inbox_keys.c} for row in rows])
    connection.execute(inbox.insert(), rows)


def _row(shop_id: int, one: Delivery, now: datetime) -> dict[str, Any]:
    return {
        "shop_id": shop_id,
        "received_at": now,
        "received_real": now,
        "source": "shopify",
        "topic": one.topic,
        "external_id": one.webhook_id,
        "lane": TOPICS["shopify", one.topic].lane,
        "state": "new",
        "raw": one.body,
        "headers": {"topic": one.topic, "webhook_id": one.webhook_id},
        "attempts": 0,
    }
