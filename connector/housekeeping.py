"""What is not needed any more is removed, in small batches, beside the clock process's ticks.

What it is about: months of the inbox and of the attempts, the keys by which a delivery is known again, work that is
done, what was to be handed out to people, and bells that nobody answers. Each batch is one transaction under one lock,
so that two clock processes do not get in each other's way and nobody else waits for longer than ``_LOCK_WAIT``. The
event log, consents, trail and decisions are what flows decide by and are kept.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Connection, text
from sqlalchemy.exc import DBAPIError

from connector import pulse
from connector.db import partitions
from connector.db.session import transaction
from connector.deps import Deps
from connector.locks import HOUSEKEEPING
from connector.logging import get
from connector.queue.bells import thin_out
from connector.settings import Settings

log = get(__name__)

BATCH = 2000
# Machine seconds between two rounds, and after one that failed.
_EVERY, _AFTER_TROUBLE = 3600.0, 60.0
# A sign of life while there is nothing to do.
_BEAT = 30.0
_LOCK_WAIT, _LONGEST_STATEMENT = "500ms", "10s"


@dataclass(frozen=True)
class Times:
    """``now`` is business time, ``machine`` real time: each table is asked in the time that it keeps."""

    now: datetime
    machine: datetime


Task = Callable[[Connection, Settings, Times], int]
"""One batch; returns how many rows or months it dealt with. 0: nothing (more) to do."""


def _make_months(connection: Connection, settings: Settings, times: Times) -> int:
    return len(partitions.ensure(connection, times.now))


def _drop_inbox_month(connection: Connection, settings: Settings, times: Times) -> int:
    """A month without open deliveries goes when it is old enough; with stopped ones when it is old enough for those."""
    for month in partitions.present(connection, "inbox"):
        if month.end > times.now - timedelta(days=settings.inbox_keep_days):
            return 0
        kept = ["new", "retry"]
        if month.end > times.now - timedelta(days=settings.stopped_keep_days):
            kept += ["quarantined", "poison"]
        holds = text(f"SELECT EXISTS (SELECT 1 FROM {month.name} WHERE state = ANY(:states))")  # noqa: S608
        if connection.scalar(holds, {"states": kept}):
            continue
        # Nobody may put a row back to work between the look and the drop.
        connection.execute(text("LOCK TABLE ONLY inbox IN ACCESS EXCLUSIVE MODE"))
        if not connection.scalar(holds, {"states": kept}):
            partitions.drop(connection, month)
            return 1
    return 0


def _drop_attempts_month(connection: Connection, settings: Settings, times: Times) -> int:
    return _drop_month(connection, "attempts", times.now - timedelta(days=settings.attempts_keep_days))


def _drop_contents_month(connection: Connection, settings: Settings, times: Times) -> int:
    return _drop_month(connection, "message_contents", times.now - timedelta(days=settings.content_keep_days))


def _drop_month(connection: Connection, table: str, before: datetime) -> int:
    """Remove the oldest month of this table when all of it is older."""
    for month in partitions.present(connection, table)[:1]:
        if month.end <= before:
            partitions.drop(connection, month)
            return 1
    return 0


def _delete(connection: Connection, table: str, condition: str, **values: object) -> int:
    """Delete one batch of the rows that fit."""
    chosen = f"SELECT ctid FROM {table} WHERE {condition} LIMIT {BATCH} FOR UPDATE SKIP LOCKED"  # noqa: S608
    return connection.execute(
        text(f"DELETE FROM {table} WHERE ctid = ANY(ARRAY({chosen}))"),  # noqa: S608
        values,
    ).rowcount


def _delete_unsorted_deliveries(connection: Connection, settings: Settings, times: Times) -> int:
    """What lies in the inbox's default partition, which is never dropped."""
    return _delete(
        connection,
        "inbox_other",
        "state IN ('done', 'ignored') AND received_at < :settled"
        " OR state IN ('quarantined', 'poison') AND received_at < :stopped",
        settled=times.now - timedelta(days=settings.inbox_keep_days),
        stopped=times.now - timedelta(days=max(settings.inbox_keep_days, settings.stopped_keep_days)),
    )


def _delete_unsorted_attempts(connection: Connection, settings: Settings, times: Times) -> int:
    before = times.now - timedelta(days=settings.attempts_keep_days)
    return _delete(connection, "attempts_other", "outbox_created_at < :before", before=before)


def _delete_unsorted_contents(connection: Connection, settings: Settings, times: Times) -> int:
    before = times.now - timedelta(days=settings.content_keep_days)
    return _delete(connection, "message_contents_other", "outbox_created_at < :before", before=before)


def _delete_keys(connection: Connection, settings: Settings, times: Times) -> int:
    before = times.now - timedelta(days=settings.inbox_keys_keep_days)
    return _delete(connection, "inbox_keys", "received_at < :before", before=before)


def _delete_fetches(connection: Connection, settings: Settings, times: Times) -> int:
    before = times.machine - timedelta(days=settings.work_keep_days)
    return _delete(connection, "fetches", "state IN ('done', 'failed') AND due_real < :before", before=before)


def _delete_told_events(connection: Connection, settings: Settings, times: Times) -> int:
    """Events that Brevo has been told of or has refused: the lowest numbers of each shop are its oldest."""
    before = times.machine - timedelta(days=settings.work_keep_days)
    return connection.execute(_TOLD_EVENTS, {"before": before, "batch": BATCH}).rowcount


_TOLD_EVENTS = text(
    """
    DELETE FROM feed WHERE ctid = ANY(ARRAY(
        SELECT oldest.ctid FROM shops CROSS JOIN LATERAL (
            SELECT ctid, state, due_real FROM feed WHERE feed.shop_id = shops.id ORDER BY id LIMIT :batch
        ) AS oldest
        WHERE oldest.state IN ('sent', 'refused') AND oldest.due_real < :before
        LIMIT :batch
    ))
    """
)


def _delete_clicks(connection: Connection, settings: Settings, times: Times) -> int:
    before = times.now - timedelta(days=settings.short_links_keep_days)
    return connection.execute(_OLD_CLICKS, {"before": before, "batch": BATCH}).rowcount


def _delete_short_links(connection: Connection, settings: Settings, times: Times) -> int:
    """The links of messages that nobody reads any more; their clicks went before them."""
    before = times.now - timedelta(days=settings.short_links_keep_days)
    return connection.execute(_OLD_LINKS, {"before": before, "batch": BATCH}).rowcount


_OLD_LINKS = text(
    """
    DELETE FROM short_links WHERE ctid = ANY(ARRAY(
        SELECT oldest.ctid FROM shops CROSS JOIN LATERAL (
            SELECT ctid FROM short_links WHERE short_links.shop_id = shops.id AND created_at < :before LIMIT :batch
        ) AS oldest
        LIMIT :batch
    ))
    """
)
_OLD_CLICKS = text(
    """
    DELETE FROM short_link_clicks WHERE ctid = ANY(ARRAY(
        SELECT click.ctid FROM shops
        CROSS JOIN LATERAL (
            SELECT id FROM short_links WHERE short_links.shop_id = shops.id AND created_at < :before
        ) AS link
        JOIN short_link_clicks AS click ON click.shop_id = shops.id AND click.link_id = link.id
        LIMIT :batch
    ))
    """
)


def _delete_webhook_deliveries(connection: Connection, settings: Settings, times: Times) -> int:
    """What endpoints of merchants were told long ago, with every try at it: the lowest numbers are the oldest."""
    before = times.machine - timedelta(days=settings.work_keep_days)
    return connection.scalar(_WEBHOOK_DELIVERIES, {"before": before, "batch": BATCH}) or 0


_WEBHOOK_DELIVERIES = text(
    """
    WITH gone AS (
        DELETE FROM webhook_deliveries WHERE ctid = ANY(ARRAY(
            SELECT oldest.ctid FROM shops CROSS JOIN LATERAL (
                SELECT ctid, made_real FROM webhook_deliveries WHERE webhook_deliveries.shop_id = shops.id
                ORDER BY id LIMIT :batch
            ) AS oldest
            WHERE oldest.made_real < :before
            LIMIT :batch
        ))
        RETURNING shop_id, id
    ), tries AS (
        DELETE FROM webhook_attempts USING gone
        WHERE webhook_attempts.shop_id = gone.shop_id AND webhook_attempts.delivery_id = gone.id
    )
    SELECT count(*) FROM gone
    """
)


def _delete_catalogue_signals(connection: Connection, settings: Settings, times: Times) -> int:
    before = times.machine - timedelta(days=settings.work_keep_days)
    return _delete(connection, "catalogue_signals", "state = 'done' AND due_real < :before", before=before)


def _delete_whatsapp_numbers(connection: Connection, settings: Settings, times: Times) -> int:
    return _delete(connection, "whatsapp_numbers", "of_use_until < :now", now=times.now)


def _delete_exports(connection: Connection, settings: Settings, times: Times) -> int:
    """What was to be handed out to people and was kept for long enough."""
    return _delete(connection, "person_exports", "ends_real < :machine", machine=times.machine)


TASKS: Mapping[str, Task] = {
    "months made": _make_months,
    "inbox months dropped": _drop_inbox_month,
    "attempts months dropped": _drop_attempts_month,
    "contents months dropped": _drop_contents_month,
    "deliveries": _delete_unsorted_deliveries,
    "attempts": _delete_unsorted_attempts,
    "contents": _delete_unsorted_contents,
    "keys": _delete_keys,
    "fetches": _delete_fetches,
    "told events": _delete_told_events,
    "webhook deliveries": _delete_webhook_deliveries,
    "clicks": _delete_clicks,
    "short links": _delete_short_links,
    "catalogue signals": _delete_catalogue_signals,
    "whatsapp numbers": _delete_whatsapp_numbers,
    "exports": _delete_exports,
}


def keep_house(deps: Deps, stop: threading.Event | None = None) -> dict[str, int]:
    """One whole round; returns what each task dealt with. Ends early when told to stop, or when another process
    is at it. Raises DBAPIError, after the other tasks had their turn."""
    done = dict.fromkeys(TASKS, 0)
    trouble: DBAPIError | None = None
    for name, task in TASKS.items():
        try:
            while not (stop and stop.is_set()):
                dealt = _batch(deps, task)
                if dealt is None:
                    return done
                done[name] += dealt
                if not dealt:
                    break
        except DBAPIError as error:
            trouble = error
    if trouble is not None:
        raise trouble
    return done


def _batch(deps: Deps, task: Task) -> int | None:
    """One batch in one transaction; None when another process keeps house."""
    times = Times(deps.clock.now(), deps.clock.machine())
    with transaction(deps.engine) as connection:
        if not connection.scalar(text("SELECT pg_try_advisory_xact_lock(:lock)"), {"lock": HOUSEKEEPING}):
            return None
        connection.execute(text(f"SET LOCAL lock_timeout = '{_LOCK_WAIT}'"))
        connection.execute(text(f"SET LOCAL statement_timeout = '{_LONGEST_STATEMENT}'"))
        return task(connection, deps.settings, times)


def run(deps: Deps, stop: threading.Event) -> None:
    """Keep house every hour until told to stop. Trouble is logged, shows in the pulse, and is outlived."""
    signs = pulse.Pulse(deps.redis, pulse.HOUSEKEEPING)
    while not stop.is_set():
        try:
            done = keep_house(deps, stop)
        except DBAPIError as error:
            kind = type(error).__name__
            log.warning("housekeeping_failed", error=kind)
            signs.beat(deps.clock.machine(), kind)
            stop.wait(_AFTER_TROUBLE)
            continue
        done["bells"] = thin_out(deps.redis)
        for name, count in done.items():
            if count:
                log.info("kept_house", kind=name, count=count)
        rested = 0.0
        while rested < _EVERY and not stop.is_set():
            signs.beat(deps.clock.machine())
            stop.wait(_BEAT)
            rested += _BEAT
