"""T4: what waits in the outbox leaves, once.

1. A channel that is paused is left alone, but for one message as a probe when it is time for one. Calls are taken
   from the provider's limiter, and emails out of the plan's day, before anything is claimed.
2. Messages that an order must stop wait for the commerce lane and ask the store (``lane``).
3. ``claim`` judges them on the facts of now and leases them; committed.
4. The provider is called with no transaction open, within a second of the lane's all-clear or not at all.
5. ``outcomes`` records what the calls came to, together for those that have answered by then.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, ThreadPoolExecutor, wait
from dataclasses import dataclass
from datetime import datetime, timedelta
from threading import Event
from typing import Any

from sqlalchemy import select, update
from sqlalchemy.exc import DBAPIError

from connector import pauses
from connector.brevo.client import BrevoAccount
from connector.brevo.verdicts import PROVIDER
from connector.clock import monotonic, pause
from connector.crashpoints import reach
from connector.db.session import transaction
from connector.deps import Deps
from connector.errors import ActionNeeded, AlreadyAccepted, OutcomeUnknown, ProviderError, Refused, TooLate
from connector.logging import get
from connector.models.flow import runs
from connector.models.outbox import outbox
from connector.outbox import hold, hold_free
from connector.queue.batch import NOTHING, Batch
from connector.scope import Scope
from connector.shops import Shop
from flows.channels import CHANNELS
from flows.channels.channel import Channel
from flows.content import variants
from flows.engine import freshness, lane, outcomes, quota, unknown
from flows.engine.book import Book, Published
from flows.engine.calls import RefusedTogether
from flows.engine.claim import Claimed, claim, due

log = get(__name__)

Outcome = ProviderError | str
"""What became of a call: the provider's message id, or an error."""

BATCH = 32
_CALLS_AT_ONCE = 8
# An outcome waits so many seconds at most for others to be written down with it.
_TOGETHER = 0.05
# Machine seconds from the moment the commerce lane was looked at until the last first byte may leave.
_LEAVE_WITHIN = 0.9
# Of that, what claiming may take: a message claimed later would be turned back before it leaves.
_CLAIMED_WITHIN = 0.4
# A worker may wait this long for the provider's limiter instead of ending and being rung again.
_PATIENCE = 0.5
_ORDER_EVENTS = frozenset({"order_placed", "checkout_completed"})


@dataclass(frozen=True)
class _Due:
    """A message that wants to leave: whether an order or an answer of the person must stop it, and which checkout it is
    about. ``shows_goods``: it shows prices or stock, or what else may have become old."""

    id: int
    channel: str
    purpose: str
    priority: int
    stopped_by_order: bool
    stopped_by_answer: bool
    checkout: str | None
    waiting_since: datetime | None
    shows_goods: bool


def dispatch_due(deps: Deps, shop: Shop) -> Batch:
    """Send one batch of what is due, of each channel by itself: each has its own bucket at the provider."""
    settled = unknown.settle_due(deps, shop)
    done, more = settled.done, settled.more
    left_out: set[str] = set()
    while True:
        wanted, paused = _peek(deps, shop, left_out)
        stuck = set()
        for channel in (CHANNELS[name] for name in dict.fromkeys(one.channel for one in wanted)):
            mine = [one for one in wanted if one.channel == channel.name]
            if paused & {channel.name, pauses.ACCOUNT}:
                sent = _probe(deps, shop, channel, mine[:1])
            else:
                sent, _ = _batch(deps, shop, channel, mine)
                more = more or (len(wanted) == BATCH and sent.done > 0)
            done, more = done + sent.done, more or sent.more
            if not sent.done:
                stuck.add(channel.name)
        if len(wanted) < BATCH or not stuck:
            return Batch(done, more)
        # One that may not be called now keeps none of the others waiting behind it.
        left_out |= stuck


def _probe(deps: Deps, shop: Shop, channel: Channel, wanted: Sequence[_Due]) -> Batch:
    """One message of a paused channel, if nobody else tries one now; when it is accepted the pause is over."""
    with transaction(deps.engine) as connection:
        if not pauses.claim_probe(connection, shop.id, channel.name, deps.clock.machine()):
            return NOTHING
    sent, heard = _batch(deps, shop, channel, wanted)
    with transaction(deps.engine) as connection:
        if not heard:
            pauses.return_probe(connection, shop.id, channel.name, deps.clock.machine())
        elif isinstance(heard[0], (str, AlreadyAccepted)):
            pauses.lift(connection, shop.id, (channel.name, pauses.ACCOUNT))
            return Batch(sent.done, True)
    return sent


def _batch(deps: Deps, shop: Shop, channel: Channel, wanted: Sequence[_Due]) -> tuple[Batch, list[Outcome]]:
    """Send as many of these as the limits allow; what became of each that was claimed."""
    channel.prepare(deps, shop)
    freshness.see_to(deps, shop, [one.id for one in wanted if one.shows_goods])
    account = deps.brevo(shop)
    grant = account.grab(channel.bucket, len(wanted))
    if not grant.calls:
        # A longer wait is left to the sweeper: no shop holds a worker.
        soon = grant.wait <= _PATIENCE
        pause(grant.wait if soon else 0.0)
        return Batch(0, soon), []
    more = len(wanted) == BATCH or grant.calls < len(wanted)
    if channel.together is None:
        wanted = wanted[: grant.calls]
    day = quota.allot(deps, shop, account, wanted if channel.name == quota.CHANNEL else ())
    reach("t4.granted")
    ready, asked, began = _cleared(deps, shop, wanted)
    until = began + _CLAIMED_WITHIN
    claimed = claim(deps, shop, ready, asked, day.waits, calls=grant.calls, until=until) if ready else []
    if claimed:
        reach("t4.leased")
    account.give_back(channel.bucket, grant, grant.calls - len({one.call for one in claimed}))
    heard = _send_all(deps, shop, account, claimed, began + _LEAVE_WITHIN)
    left = (str, AlreadyAccepted, OutcomeUnknown)
    day.keep([one.row["id"] for one, outcome in zip(claimed, heard, strict=True) if isinstance(outcome, left)])
    return Batch(len(wanted), more or len(claimed) < len(wanted)), heard


def _cleared(deps: Deps, shop: Shop, wanted: Sequence[_Due]) -> tuple[list[int], bool, float]:
    """Which of these may be claimed, whether the store was asked, and when the lane was looked at (monotonic).

    The store is asked only when the lane is clear, and the lane is looked at again after its answer: what a message
    may leave on is never older than the last look.
    """
    began = monotonic()
    if not any(one.stopped_by_order or one.stopped_by_answer for one in wanted):
        return [one.id for one in wanted], False, began
    asked = False
    if lane.clear(deps, shop):
        asked = lane.ask_store(deps, shop, {one.checkout for one in wanted if one.checkout})
        reach("t4.asked")
        began = monotonic()
        if lane.clear(deps, shop):
            return [one.id for one in wanted], asked, began
    # An answer that waits there nobody else can tell us.
    free = [one for one in wanted if not one.stopped_by_answer]
    if free and _patience_is_over(deps, shop, free):
        asked = asked or lane.ask_store(deps, shop, {one.checkout for one in free if one.checkout})
        return [one.id for one in free], asked, monotonic()
    return [one.id for one in free if not one.stopped_by_order], asked, began


def _peek(deps: Deps, shop: Shop, but: Collection[str] = ()) -> tuple[list[_Due], set[str]]:
    """What wants to leave now of the channels that there are, ``but`` for these, and what is paused, also where it is
    time for a probe."""
    with transaction(deps.engine) as connection:
        standing = pauses.pauses(connection, shop.id)
        closed = pauses.closed(standing, deps.clock.machine())
        if pauses.ACCOUNT in closed:
            return [], closed
        rows = connection.execute(
            select(
                outbox.c.id,
                outbox.c.channel,
                outbox.c.purpose,
                outbox.c.priority,
                outbox.c.flow,
                outbox.c.version,
                outbox.c.message,
                outbox.c.lane_waiting_real,
                runs.c.key,
                runs.c.position,
            )
            .join(runs, (runs.c.shop_id == outbox.c.shop_id) & (runs.c.id == outbox.c.run_id))
            .where(due(shop, deps), outbox.c.channel.in_(sorted(CHANNELS.keys() - closed - set(but))))
            .order_by(outbox.c.due_at, outbox.c.priority.desc(), outbox.c.id)
            .limit(BATCH)
        ).all()
        book = Book(connection, shop.id)
        wanted = [
            _Due(
                row.id,
                row.channel,
                row.purpose,
                row.priority,
                bool(_ORDER_EVENTS & set(book.published(row.flow, row.version).flow.exits)),
                CHANNELS[row.channel].answered and row.purpose == "marketing",
                row.key if row.key and row.position["trigger"].get("checkout_token") == row.key else None,
                row.lane_waiting_real,
                _shows_goods(book.published(row.flow, row.version), row.message),
            )
            for row in rows
        ]
        return wanted, {pause.channel for pause in standing}


def _shows_goods(published: Published, message: str) -> bool:
    """Of the message itself, or of any variant of it: which is whose is asked later."""
    every = (source for name, source in published.sources.items() if variants.named(name).message == message)
    return any(freshness.hangs_on_more(source) for source in every)


def _patience_is_over(deps: Deps, shop: Shop, wanted: Sequence[_Due]) -> bool:
    """Whether the lane has kept these messages for so long that the store's own answer must do."""
    machine = deps.clock.machine()
    with transaction(deps.engine) as connection:
        # In order, and without those that somebody holds: they are several people's, none of whom is locked here.
        free = (
            select(outbox.c.id)
            .where(
                outbox.c.shop_id == shop.id,
                outbox.c.id.in_([one.id for one in wanted]),
                outbox.c.lane_waiting_real.is_(None),
            )
            .order_by(outbox.c.id)
            .with_for_update(skip_locked=True)
        )
        held = connection.scalars(free).all()
        if held:
            marked = update(outbox).where(outbox.c.shop_id == shop.id, outbox.c.id.in_(held))
            connection.execute(marked.values(lane_waiting_real=machine))
    since = min((one.waiting_since for one in wanted if one.waiting_since), default=machine)
    over = machine - since > timedelta(seconds=deps.settings.commerce_lane_patience_seconds)
    if over:
        log.warning("commerce_lane_stuck", shop_id=shop.id, count=len(wanted))
    return over


def _send_all(
    deps: Deps, shop: Shop, account: BrevoAccount, claimed: Sequence[Claimed], leave_by: float
) -> list[Outcome]:
    """Make the calls; what has come of them by now is written down together, while the others are under way."""
    stop = Event()
    calls: dict[int, list[Claimed]] = {}
    for one in claimed:
        calls.setdefault(one.call, []).append(one)
    if len(calls) <= 1:
        heard = {number: _call(account, several, leave_by, stop) for number, several in calls.items()}
        _raise_first(_record_all(deps, shop, [(one, heard[one.call]) for one in claimed]))
        return [heard[one.call] for one in claimed]
    failed: list[DBAPIError] = []
    with ThreadPoolExecutor(min(_CALLS_AT_ONCE, len(calls))) as pool:
        asked = {pool.submit(_call, account, several, leave_by, stop): several for several in calls.values()}
        waiting = set(asked)
        while waiting:
            wait(waiting, return_when=FIRST_COMPLETED)
            answered, waiting = wait(waiting, timeout=_TOGETHER)
            failed += _record_all(deps, shop, [(one, call.result()) for call in answered for one in asked[call]])
    # Not before the others of the batch are written down.
    _raise_first(failed)
    outcomes_of = {one.row["id"]: call.result() for call, several in asked.items() for one in several}
    return [outcomes_of[one.row["id"]] for one in claimed]


def _raise_first(failed: Sequence[DBAPIError]) -> None:
    if failed:
        raise failed[0]


def _call(account: BrevoAccount, several: Sequence[Claimed], leave_by: float, stop: Event) -> Outcome:
    """One call, which carries one message or equal ones; its answer is that of each. ``stop`` is set when it says that
    the others of the batch had better not leave."""
    outcome: Outcome
    channel, request = several[0].channel, several[0].request
    if len(several) > 1:
        assert channel.together is not None
        request = channel.together.merged([one.request for one in several])
    try:
        if stop.is_set():
            raise TooLate(PROVIDER, "the channel was paused before this one left")
        outcome = channel.send(account, request, leave_by)
    except ProviderError as error:
        outcome = error
    if isinstance(outcome, Refused) and len(several) > 1:
        outcome = RefusedTogether(PROVIDER, outcome.detail, status=outcome.status, code=outcome.code)
    if isinstance(outcome, ActionNeeded):
        stop.set()
    reach("t4.answered")
    return outcome


def _record_all(deps: Deps, shop: Shop, answered: Sequence[tuple[Claimed, Outcome]]) -> list[DBAPIError]:
    """Write down what became of these in one transaction, or else of each in its own: where somebody holds the person,
    and where one of them cannot be written, which must cost the others nothing. Returns why some were not written:
    what became of these is unknown."""
    alone = list(answered)
    if len(answered) > 1:
        try:
            alone = _record_together(deps, shop, answered)
        except DBAPIError as error:
            log.warning("outcomes_not_recorded_together", shop_id=shop.id, error=type(error).__name__)
    failed = []
    for one, outcome in alone:
        try:
            with deps.open(shop) as scope:
                _record(scope, hold(scope, one.row), one, outcome)
                _write(scope)
        except DBAPIError as error:
            failed.append(error)
    return failed


def _record_together(
    deps: Deps, shop: Shop, answered: Sequence[tuple[Claimed, Outcome]]
) -> list[tuple[Claimed, Outcome]]:
    """Those that are left to be recorded by themselves."""
    with deps.open(shop) as scope:
        held = hold_free(scope, [one.row for one, _ in answered])
        for one, outcome in answered:
            if one.row["id"] in held:
                _record(scope, held[one.row["id"]], one, outcome)
        _write(scope)
    return [(one, outcome) for one, outcome in answered if one.row["id"] not in held]


def _record(scope: Scope, row: Mapping[str, Any] | None, one: Claimed, outcome: Outcome) -> None:
    if row is not None:
        outcomes.record(scope, row, one.n, outcome)
    if isinstance(outcome, ActionNeeded):
        pauses.start(scope, one.channel.name, outcome)


def _write(scope: Scope) -> None:
    scope.pay()
    reach("t4.recorded")
