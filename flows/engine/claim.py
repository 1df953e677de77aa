"""T4a: messages that are due are judged on the facts of now, under their person's lock, and leased for one attempt.

Whoever ends a flow (an order, an unsubscribe, an erasure) takes the same lock, so a send is strictly before or
after it. The ledger entry that caps count is written here, which makes caps hold under any number of workers.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from math import inf
from typing import Any

from sqlalchemy import ColumnElement, RowMapping, and_, bindparam, not_, or_, select, update
from sqlalchemy.dialects.postgresql import insert

from connector.clock import monotonic
from connector.crashpoints import reach
from connector.db.rows import replacing
from connector.deps import Deps
from connector.locks import lock_persons
from connector.models.outbox import attempts, message_contents, outbox, send_ledger
from connector.models.pause import channel_pauses
from connector.models.shop import shops
from connector.outbox import settle
from connector.scope import Scope
from connector.sent_contents import packed
from connector.shops import Shop
from connector.suppression import address_digest
from flows.channels.channel import Channel, Request
from flows.core.gate import Defer, Skip
from flows.engine.asking import ask
from flows.engine.calls import Calls
from flows.engine.drafts import Draft, Drafts, Written
from flows.engine.outcomes import note
from flows.engine.people import Counted

_NAMES = ("first_name", "last_name")


@dataclass(frozen=True)
class Claimed:
    """A message leased for attempt ``n``, with the request that the channel is to send. Those of a batch with the same
    ``call`` leave together."""

    row: RowMapping
    n: int
    channel: Channel
    request: Request
    call: int


def due(shop: Shop, deps: Deps) -> ColumnElement[bool]:
    """Messages of this shop that may leave now."""
    return and_(
        outbox.c.shop_id == shop.id,
        # Of now: an app that was removed a moment ago sends nothing.
        select(shops.c.id).where(shops.c.id == shop.id, shops.c.state == "active").exists(),
        outbox.c.state == "due",
        outbox.c.due_at <= deps.clock.now(),
        or_(outbox.c.retry_real.is_(None), outbox.c.retry_real <= deps.clock.machine()),
        # One purpose of a channel may stand still while the others go on.
        not_(
            select(channel_pauses.c.shop_id)
            .where(
                channel_pauses.c.shop_id == shop.id,
                channel_pauses.c.channel == outbox.c.channel + ":" + outbox.c.purpose,
                channel_pauses.c.probe_real > deps.clock.machine(),
            )
            .exists()
        ),
    )


def claim(
    deps: Deps,
    shop: Shop,
    ids: Sequence[int],
    asked: bool,
    waits: Mapping[int, float] | None = None,
    *,
    calls: int | None = None,
    until: float = inf,
) -> list[Claimed]:
    """T4a. Rows whose person is held by another transaction stay for the next round.

    ``waits``: {message id: business seconds} of those for which the plan's emails of the day are used up. ``calls``:
    into how many calls what is claimed must fit, None: one for each. After ``until`` (monotonic seconds) no second row
    is claimed: it would have no time left in which it may leave.
    """
    with deps.open(shop) as scope:
        connection = scope.connection
        wanted = connection.execute(
            select(outbox.c.id, outbox.c.person_id).where(outbox.c.shop_id == shop.id, outbox.c.id.in_(ids))
        ).all()
        mine = lock_persons(scope, {row.person_id for row in wanted}, skip_locked=True)
        rows = (
            connection.execute(
                select(outbox)
                .where(
                    due(shop, deps),
                    outbox.c.id.in_(ids),
                    outbox.c.person_id.in_(mine),
                )
                .order_by(outbox.c.id)
                .with_for_update(skip_locked=True)
            )
            .mappings()
            .all()
        )
        if not rows:
            return []
        judge = _Judge(scope, rows, waits or {}, Calls(len(rows) if calls is None else calls))
        claimed: list[Claimed] = []
        for row in rows:
            if claimed and monotonic() > until:
                break
            ready = judge.claim(row, asked)
            if ready is not None:
                claimed.append(ready)
        scope.pay()
        reach("t4.claimed")
        return claimed


class _Judge:
    """Asks the gate for a batch of locked rows, on facts loaded once for all of them."""

    def __init__(self, scope: Scope, rows: Sequence[RowMapping], waits: Mapping[int, float], calls: Calls) -> None:
        self._scope = scope
        self._calls = calls
        self._drafts = Drafts(scope, rows, waits)

    def claim(self, row: RowMapping, asked: bool) -> Claimed | None:
        """Lease the row for one attempt if the gate says so; else defer or skip it, with the reason."""
        draft = self._drafts.draft(row)
        person = draft.person
        verdict = ask(self._scope, self._drafts.book, draft.flow, person, row, draft.known)
        # Facts were loaded once for the batch: what is decided here is a fact for the person's next message in it.
        person.due = [other for other in person.due if other.id != row["id"]]
        if isinstance(verdict, Skip):
            settle(self._scope, row, "skipped", reason=verdict.reason, at=self._scope.now)
            note(self._scope, row, "gate_skip", {"reason": verdict.reason, **verdict.detail})
            return None
        if isinstance(verdict, Defer):
            self._defer(row, verdict)
            return None
        assert draft.written is not None
        call = self._calls.place(draft.channel, row, draft.written.request, draft.written.recipient)
        if call is None:
            # It stays due: the provider's limit leaves no call for it now.
            return None
        return self._lease(row, draft, draft.written, call, asked)

    def _defer(self, row: RowMapping, verdict: Defer) -> None:
        self._scope.connection.execute(
            update(outbox)
            .where(outbox.c.shop_id == self._scope.shop_id, outbox.c.id == row["id"])
            .values(due_at=verdict.until, reason=verdict.reason, deferrals=outbox.c.deferrals + 1)
        )
        detail = {"reason": verdict.reason, "until": verdict.until.isoformat(), **verdict.detail}
        note(self._scope, row, "gate_defer", detail)

    def _lease(self, row: RowMapping, draft: Draft, written: Written, call: int, asked: bool) -> Claimed:
        scope = self._scope
        n = row["attempts"] + 1
        scope.owed(_write_leases)[row["id"]] = {
            "shop": scope.shop_id,
            "its_id": row["id"],
            "nth": n,
            "until": scope.machine + timedelta(seconds=scope.settings.delivery_lease_seconds),
            "about": draft.channel.about(written.request)[:500],
            "recipient": address_digest(scope.shop.salt, written.recipient),
            "billed": written.segments,
            "price": written.cost,
        }
        written.links.keep(row["id"])
        scope.owed(_write_attempts)[row["id"], n] = {
            "shop_id": scope.shop_id,
            "outbox_id": row["id"],
            "n": n,
            "outbox_created_at": row["created_at"],
            "started_real": scope.machine,
            "result": "started",
            "detail": {"store_asked": asked},
        }
        if scope.settings.content_keep_days and (content := draft.channel.content(written.request)):
            scope.owed(_write_contents)[row["id"]] = {
                "shop_id": scope.shop_id,
                "outbox_id": row["id"],
                "outbox_created_at": row["created_at"],
                "content": packed({**content, "names": [draft.person.row[name] for name in _NAMES]}),
            }
        counted = Counted(
            scope.shop_id,
            row["id"],
            row["person_id"],
            row["run_id"],
            row["flow"],
            row["channel"],
            row["purpose"],
            draft.flow.cap,
            scope.now,
        )
        scope.owed(_write_ledger)[row["id"]] = counted._asdict()
        draft.person.ledger = [*(entry for entry in draft.person.ledger if entry.outbox_id != row["id"]), counted]
        return Claimed(row, n, draft.channel, written.request, call)


def _write_leases(scope: Scope, rows: dict[Any, Any]) -> None:
    scope.connection.execute(_LEASE, list(rows.values()))


def _write_attempts(scope: Scope, rows: dict[Any, Any]) -> None:
    scope.connection.execute(_ATTEMPT, list(rows.values()))


def _write_contents(scope: Scope, rows: dict[Any, Any]) -> None:
    scope.connection.execute(_CONTENT, list(rows.values()))


def _write_ledger(scope: Scope, rows: dict[Any, Any]) -> None:
    scope.connection.execute(_ENTRY, list(rows.values()))


_LEASE = (
    update(outbox)
    .where(outbox.c.shop_id == bindparam("shop"), outbox.c.id == bindparam("its_id"))
    .values(
        state="leased",
        attempts=bindparam("nth"),
        lease_real=bindparam("until"),
        subject=bindparam("about"),
        recipient_digest=bindparam("recipient"),
        segments=bindparam("billed"),
        cost=bindparam("price"),
        lane_waiting_real=None,
    )
)
_ATTEMPT = insert(attempts)
# Of the newest attempt.
_CONTENT = replacing(message_contents, ("content",))
_ENTRY = replacing(send_ledger, ("counted_at", "cap"))
