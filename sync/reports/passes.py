"""What no webhook told is looked for in Brevo's statistics.

Missing webhooks are normal: Brevo drops one for good after any answer but 2xx and 429, and when it was not taken within
some hours. A look at the statistics of a channel is made once a day, and sooner when messages have left of which
nothing was told. It reads from some time before the last look on, page by page, drops what the event log has, and
applies the rest as the webhook would have been; so that nothing counts twice. ``report_passes`` says what was found.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, RowMapping, bindparam, select, text, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.exc import OperationalError

from connector.backoff import backoff
from connector.brevo.report_calls import STATISTICS_BUCKET, STATISTICS_PAGE
from connector.db.rows import among
from connector.db.session import transaction
from connector.deps import Deps
from connector.errors import ProviderError, RateLimited, Refused
from connector.eventlog import Fact
from connector.locks import NORMALISE, lock_shop
from connector.logging import get
from connector.models.event import events
from connector.models.report import report_passes
from connector.queue.batch import NOTHING, Batch
from connector.scope import Scope
from connector.shops import Shop
from sync.reports import messages, statistics
from sync.reports.report import Report

log = get(__name__)

CHANNELS = ("email", "sms", "whatsapp")
EVERY = timedelta(days=1)
"""Business time between two passes, when nothing is missed."""
OVERLAP = timedelta(days=1)
"""How much of what the pass before has read is read again: the statistics may be behind."""
# How often it is looked whether a pass is needed, business time.
_LOOK = timedelta(hours=1)
# A webhook that is younger may still come: Brevo tries again after ten minutes.
_GRACE = timedelta(minutes=30)
# Brevo answers for 90 days at most.
_FURTHEST = timedelta(days=89)
_TOGETHER = 500
# How long one page may take to be applied; with the provider's time-out it is the lease. Machine time.
_APPLIED_WITHIN = timedelta(seconds=15)
_REASON_LENGTH = 300
# The statistics and the webhooks may round a moment differently. Seconds.
_NEAR = (-2, -1, 1, 2)


def reconcile_due(deps: Deps, shop: Shop) -> Batch:
    """Read one page of a pass that is due."""
    held = _claim(deps, shop)
    if held is None:
        return NOTHING
    if held["began_at"] is None and not _is_needed(deps, shop, held):
        _end(deps, held, {"due_at": deps.clock.now() + _LOOK})
        return Batch(1, True)
    began = held["began_at"] or deps.clock.now()
    channel, now = held["channel"], deps.clock.now()
    try:
        account = deps.brevo(shop)
        wait = account.take(STATISTICS_BUCKET[channel], lane="maintenance")
        if wait:
            raise RateLimited("brevo", "our share of the limit on statistics is used up", after=wait)
        first = max(held["since"], now - _FURTHEST).date()
        rows = account.statistics(channel, first, now.date(), held["place"])
    except ProviderError as error:
        _postpone(deps, held, error, began)
        return NOTHING
    told = [one for one in (statistics.report(channel, row) for row in rows) if one is not None]
    told = [one for one in told if held["since"] <= one.at <= now - _GRACE]
    found = Counter(held["found"] if held["began_at"] else {})
    for start in range(0, len(told), _TOGETHER):
        found.update(_apply_missed(deps, shop, told[start : start + _TOGETHER]))
    read = len(rows) + (held["rows_read"] if held["began_at"] else 0)
    values: dict[str, Any] = {"rows_read": read, "found": dict(found), "attempts": 0, "reason": None}
    more = len(rows) >= STATISTICS_PAGE[channel]
    _end(deps, held, {**values, **(_next_page(held, began, rows) if more else _finished(began, now))})
    if found and not more:
        log.warning("reports_missed", shop_id=shop.id, channel=channel, count=sum(found.values()))
    return Batch(len(told), True)


def _next_page(held: RowMapping, began: datetime, rows: Sequence[Any]) -> dict[str, Any]:
    return {"began_at": began, "place": held["place"] + len(rows)}


def _finished(began: datetime, now: datetime) -> dict[str, Any]:
    return {"began_at": None, "place": 0, "since": began - OVERLAP, "finished_at": now, "due_at": now + _LOOK}


def ask(connection: Connection, shop_id: int, now: datetime) -> int:
    """Have every channel looked at now, as far as it was looked at before; returns how many those are."""
    asked = update(report_passes).where(report_passes.c.shop_id == shop_id, report_passes.c.began_at.is_(None))
    return connection.execute(asked.values(due_at=now, finished_at=None)).rowcount


def standing(connection: Connection, shop_id: int) -> Sequence[RowMapping]:
    """What the newest pass of each channel came to: rows of ``report_passes``."""
    query = select(report_passes).where(report_passes.c.shop_id == shop_id).order_by(report_passes.c.channel)
    return connection.execute(query).mappings().all()


def _claim(deps: Deps, shop: Shop) -> RowMapping | None:
    """A channel's row under lease; None when none is due or somebody else has it.

    Nothing can have been missed before the first look, which only notes when it was.
    """
    now, machine = deps.clock.now(), deps.clock.machine()
    lease = machine + timedelta(seconds=deps.settings.provider_timeout_seconds) + _APPLIED_WITHIN
    fresh = {"shop_id": shop.id, "due_at": now + _LOOK, "since": now, "finished_at": now}
    with transaction(deps.engine) as connection:
        connection.execute(
            insert(report_passes)
            .values(
                [{**fresh, "channel": one, "attempts": 0, "place": 0, "rows_read": 0, "found": {}} for one in CHANNELS]
            )
            .on_conflict_do_nothing()
        )
        given = {"shop_id": shop.id, "now": now, "machine": machine, "lease": lease}
        return connection.execute(_CLAIM, given).mappings().first()


_CLAIM = text(
    """
UPDATE report_passes SET lease_real = :lease
WHERE shop_id = :shop_id AND channel = (
    SELECT channel FROM report_passes
    WHERE shop_id = :shop_id AND due_at <= :now AND (lease_real IS NULL OR lease_real < :machine)
    ORDER BY due_at, channel LIMIT 1 FOR UPDATE SKIP LOCKED
)
RETURNING *
"""
)


def _is_needed(deps: Deps, shop: Shop, held: RowMapping) -> bool:
    """Whether a day has passed, or messages have left of which nothing was told. Of a channel that nothing was sent on
    Brevo knows nothing that we need."""
    now = deps.clock.now()
    asked = {"shop_id": shop.id, "channel": held["channel"], "now": now}
    with transaction(deps.engine) as connection:
        if held["channel"] != "email" and not connection.scalar(_IN_USE, asked | {"since": now - _FURTHEST}):
            return False
        if held["finished_at"] is None or held["finished_at"] <= now - EVERY:
            return True
        return bool(connection.scalar(_SILENCE, asked | {"from": now - 6 * _LOOK, "until": now - _LOOK}))


_IN_USE = text(
    "SELECT EXISTS (SELECT FROM outbox WHERE shop_id = :shop_id AND channel = :channel AND created_at > :since)"
)
_SILENCE = text(
    """
SELECT EXISTS (
    SELECT FROM outbox WHERE shop_id = :shop_id AND channel = :channel AND state = 'sent' AND reported IS NULL
        AND sent_at BETWEEN :from AND :until
)
"""
)


def _apply_missed(deps: Deps, shop: Shop, told: Sequence[Report]) -> Counter[str]:
    """Apply those that the event log does not have; how many of each event that were."""
    found: Counter[str] = Counter()
    with deps.open(shop) as scope:
        lock_shop(scope, NORMALISE)
        logged = _logged(scope, told)
        for one in told:
            if logged & set(_ids(scope, one)):
                continue
            try:
                with scope.savepoint():
                    messages.happened(scope, one)
            except OperationalError:
                raise
            except Exception as error:
                # One row that nobody thought of keeps back none of the others.
                log.exception("report_not_applied", shop_id=shop.id, kind=one.event, error=type(error).__name__)
            else:
                found[one.event] += 1
                logged |= set(_ids(scope, one)[:2])
    return found


def _logged(scope: Scope, told: Sequence[Report]) -> set[UUID]:
    ids = [one for report in told for one in _ids(scope, report)]
    return set(scope.connection.scalars(_KNOWN, {"shop_id": scope.shop_id, "ids": ids}))


_KNOWN = select(events.c.id).where(events.c.shop_id == bindparam("shop_id"), among(events.c.id, "ids"))


def _ids(scope: Scope, report: Report) -> list[UUID]:
    """The ids that this fact has in the event log, or may have: of an open, under which of the two names; of what may
    happen again, up to two seconds off."""
    names = [report.event] + ([messages.OPENED_UNSEEN] if report.event == "message_opened" else [])
    shifts = (0, *_NEAR) if report.may_repeat else (0,)
    identities = [report.shifted(timedelta(seconds=shift)).identity for shift in shifts]
    return [Fact(name, one, report.at, "").id(scope.shop_id) for one in identities for name in names]


def _postpone(deps: Deps, held: RowMapping, error: ProviderError, began: datetime) -> None:
    """The page was not read: the lease stands until it is worth trying again. What Brevo will not answer for a channel
    (a plan without it) is asked again tomorrow."""
    wait = backoff(deps.settings.retry_seconds, held["attempts"], error)
    values: dict[str, Any] = {
        "lease_real": deps.clock.machine() + timedelta(seconds=wait),
        "attempts": held["attempts"] + (0 if isinstance(error, RateLimited) else 1),
        "reason": str(error)[:_REASON_LENGTH],
    }
    if isinstance(error, Refused):
        values |= {"lease_real": None, "began_at": None, "place": 0, "due_at": began + EVERY}
    log.warning("reports_postponed", shop_id=held["shop_id"], kind=held["channel"], error=type(error).__name__)
    _write(deps, held, values)


def _end(deps: Deps, held: RowMapping, values: dict[str, Any]) -> None:
    _write(deps, held, {"lease_real": None, **values})


def _write(deps: Deps, held: RowMapping, values: dict[str, Any]) -> None:
    mine = (
        report_passes.c.shop_id == held["shop_id"],
        report_passes.c.channel == held["channel"],
        report_passes.c.lease_real == held["lease_real"],
    )
    with transaction(deps.engine) as connection:
        connection.execute(update(report_passes).where(*mine).values(values))
