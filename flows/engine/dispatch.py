"""T4: what waits in the outbox leaves, once.

1. Calls are taken from the provider's limiter before anything is claimed.
2. Messages that an order must stop wait for the commerce lane and ask the store (``lane``).
3. ``claim`` judges them on the facts of now and leases them; committed.
4. The provider is called with no transaction open, within a second of the lane's all-clear or not at all.
5. ``outcomes`` records each by itself.
"""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import select, update

from connector.brevo.client import BrevoAccount
from connector.clock import monotonic, pause
from connector.db.session import transaction
from connector.deps import Deps
from connector.errors import ProviderError
from connector.locks import lock_persons
from connector.logging import get
from connector.models.flow import runs
from connector.models.outbox import outbox
from connector.queue.batch import Batch
from connector.shops import Shop
from flows.channels import CHANNELS
from flows.engine import lane, outcomes, unknown
from flows.engine.book import Book
from flows.engine.claim import Claimed, claim, due

log = get(__name__)

BATCH = 32
_CALLS_AT_ONCE = 8
# Machine seconds from the moment the commerce lane was looked at until the last first byte may leave.
_LEAVE_WITHIN = 0.9
# A worker may wait this long for the provider's limiter instead of ending and being rung again.
_PATIENCE = 0.5
_ORDER_EVENTS = frozenset({"order_placed", "checkout_completed"})


@dataclass(frozen=True)
class _Due:
    """A message that wants to leave: whether an order must stop it, and which checkout it is about."""

    id: int
    channel: str
    stopped_by_order: bool
    checkout: str | None
    waiting_since: datetime | None


def dispatch_due(deps: Deps, shop: Shop) -> Batch:
    """Send one batch of what is due."""
    settled = unknown.settle_due(deps, shop)
    wanted = _peek(deps, shop)
    if not wanted:
        return settled
    # One channel at a time: each has its own bucket at the provider.
    channel = CHANNELS[wanted[0].channel]
    wanted = [one for one in wanted if one.channel == channel.name]
    account = deps.brevo(shop)
    grant = account.grab(channel.bucket, len(wanted))
    if not grant.calls:
        pause(min(grant.wait, _PATIENCE))
        return Batch(settled.done, True)
    wanted = wanted[: grant.calls]
    ready, asked, began = _cleared(deps, shop, wanted)
    claimed = claim(deps, shop, ready, asked) if ready else []
    account.give_back(channel.bucket, grant, grant.calls - len(claimed))
    _send_all(deps, shop, account, claimed, began + _LEAVE_WITHIN)
    more = settled.more or len(ready) < len(wanted) or len(wanted) == BATCH
    return Batch(settled.done + len(wanted), more)


def _cleared(deps: Deps, shop: Shop, wanted: Sequence[_Due]) -> tuple[list[int], bool, float]:
    """Which of these may be claimed, whether the store was asked, and when the lane was looked at (monotonic).

    The store is asked only when the lane is clear, and the lane is looked at again after its answer: what a message
    may leave on is never older than the last look.
    """
    began = monotonic()
    if not any(one.stopped_by_order for one in wanted):
        return [one.id for one in wanted], False, began
    asked = False
    if lane.clear(deps, shop):
        asked = lane.ask_store(deps, shop, {one.checkout for one in wanted if one.checkout})
        began = monotonic()
        if lane.clear(deps, shop):
            return [one.id for one in wanted], asked, began
    if _patience_is_over(deps, shop, wanted):
        asked = asked or lane.ask_store(deps, shop, {one.checkout for one in wanted if one.checkout})
        return [one.id for one in wanted], asked, monotonic()
    return [one.id for one in wanted if not one.stopped_by_order], asked, began


def _peek(deps: Deps, shop: Shop) -> list[_Due]:
    with transaction(deps.engine) as connection:
        rows = connection.execute(
            select(
                outbox.c.id,
                outbox.c.channel,
                outbox.c.flow,
                outbox.c.version,
                outbox.c.lane_waiting_real,
                runs.c.key,
                runs.c.position,
            )
            .join(runs, (runs.c.shop_id == outbox.c.shop_id) & (runs.c.id == outbox.c.run_id))
            .where(due(shop, deps))
            .order_by(outbox.c.due_at, outbox.c.priority.desc(), outbox.c.id)
            .limit(BATCH)
        ).all()
        if not rows:
            return []
        book = Book(connection, shop.id)
        return [
            _Due(
                row.id,
                row.channel,
                bool(_ORDER_EVENTS & set(book.published(row.flow, row.version).flow.exits)),
                row.key if row.key and row.position["trigger"].get("checkout_token") == row.key else None,
                row.lane_waiting_real,
            )
            for row in rows
        ]


def _patience_is_over(deps: Deps, shop: Shop, wanted: Sequence[_Due]) -> bool:
    """Whether the lane has kept these messages for so long that the store's own answer must do."""
    machine = deps.clock.machine()
    with transaction(deps.engine) as connection:
        connection.execute(
            update(outbox)
            .where(
                outbox.c.shop_id == shop.id,
                outbox.c.id.in_([one.id for one in wanted]),
                outbox.c.lane_waiting_real.is_(None),
            )
            .values(lane_waiting_real=machine)
        )
    since = min((one.waiting_since for one in wanted if one.waiting_since), default=machine)
    over = machine - since > timedelta(seconds=deps.settings.commerce_lane_patience_seconds)
    if over:
        log.warning("commerce_lane_stuck", shop_id=shop.id, count=len(wanted))
    return over


def _send_all(deps: Deps, shop: Shop, account: BrevoAccount, claimed: Sequence[Claimed], leave_by: float) -> None:
    if len(claimed) == 1:
        _send(deps, shop, account, claimed[0], leave_by)
    elif claimed:
        with ThreadPoolExecutor(min(_CALLS_AT_ONCE, len(claimed))) as pool:
            for done in [pool.submit(_send, deps, shop, account, one, leave_by) for one in claimed]:
                done.result()


def _send(deps: Deps, shop: Shop, account: BrevoAccount, one: Claimed, leave_by: float) -> None:
    outcome: ProviderError | str
    try:
        outcome = one.channel.send(account, one.request, leave_by)
    except ProviderError as error:
        outcome = error
    with deps.open(shop) as scope:
        lock_persons(scope, [one.row["person_id"]])
        outcomes.record(scope, one.row, one.n, outcome)
