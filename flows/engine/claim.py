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
from connector.models.event import exit_marks
from connector.models.flow import goal_watches, runs
from connector.models.outbox import attempts, outbox, send_ledger
from connector.models.pause import channel_pauses
from connector.models.shop import shops
from connector.outbox import idempotency_key, settle
from connector.scope import Scope
from connector.shops import Shop
from connector.suppression import address_digest
from connector.unsubscribe import token
from flows.channels import CHANNELS
from flows.channels.channel import Channel, Letter, Request
from flows.content.problems import ContentProblem
from flows.content.source import MessageSource
from flows.core.gate import Defer, Skip
from flows.core.vocabulary import OF_THEIR_KEY
from flows.engine.asking import ask
from flows.engine.book import Book
from flows.engine.outcomes import note
from flows.engine.people import Counted, Person, load, restore, shop_facts

_FINAL = frozenset({"order_placed", "checkout_completed"})


@dataclass(frozen=True)
class Claimed:
    """A message leased for attempt ``n``, with the request that the channel is to send."""

    row: RowMapping
    n: int
    channel: Channel
    request: Request


class NoAddress(Exception):
    """The person has nothing that this channel could write to."""


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
    until: float = inf,
) -> list[Claimed]:
    """T4a. Rows whose person is held by another transaction stay for the next round.

    ``waits``: {message id: business seconds} of those for which the plan's emails of the day are used up. After
    ``until`` (monotonic seconds) no second row is claimed: it would have no time left in which it may leave.
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
        judge = _Judge(scope, rows, waits or {})
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

    def __init__(self, scope: Scope, rows: Sequence[RowMapping], waits: Mapping[int, float]) -> None:
        self._scope = scope
        self._waits = waits
        self._book = Book(scope.connection, scope.shop_id)
        run_ids = {row["run_id"] for row in rows}
        self._runs = {
            row.id: restore(row)
            for row in scope.connection.execute(
                select(runs).where(runs.c.shop_id == scope.shop_id, runs.c.id.in_(run_ids))
            )
        }
        keys = {run.key for run in self._runs.values() if run.key}
        self._people = load(scope, sorted({row["person_id"] for row in rows}), tokens=keys)
        self._marks = scope.connection.execute(
            select(exit_marks).where(
                exit_marks.c.shop_id == scope.shop_id,
                or_(exit_marks.c.person_id.in_(list(self._people)), exit_marks.c.key.in_(keys)),
            )
        ).all()
        self._goals = set(
            scope.connection.scalars(
                select(goal_watches.c.run_id).where(
                    goal_watches.c.shop_id == scope.shop_id,
                    goal_watches.c.run_id.in_(run_ids),
                    goal_watches.c.reached_at.is_not(None),
                )
            )
        )

    def claim(self, row: RowMapping, asked: bool) -> Claimed | None:
        """Lease the row for one attempt if the gate says so; else defer or skip it, with the reason."""
        person = self._people[row["person_id"]]
        published = self._book.published(row["flow"], row["version"])
        channel = CHANNELS[row["channel"]]
        request: Request | None = None
        problem: str | None = None
        try:
            request = channel.write(self._letter(row, person, published.sources[row["message"]]))
        except ContentProblem as error:
            problem = f"{error.code}: {error.sentence} ({error.where})"
        except NoAddress:
            problem = "no_address"
        wait = self._waits.get(row["id"])
        verdict = ask(
            self._scope,
            self._book,
            published.flow,
            person,
            row,
            exit_mark=self._exit_mark(row, published.flow.exits),
            goal_reached=row["run_id"] in self._goals,
            render_problem=problem,
            daily_quota_until=self._scope.now + timedelta(seconds=wait) if wait is not None else None,
        )
        # Facts were loaded once for the batch: what is decided here is a fact for the person's next message in it.
        person.due = [other for other in person.due if other.id != row["id"]]
        if isinstance(verdict, Skip):
            settle(self._scope, row, "skipped", reason=verdict.reason, at=self._scope.now)
            note(self._scope, row, "gate_skip", {"reason": verdict.reason, **verdict.detail})
            return None
        if isinstance(verdict, Defer):
            self._defer(row, verdict)
            return None
        assert request is not None
        return self._lease(row, person, channel, request, published.flow.cap, asked)

    def _exit_mark(self, row: RowMapping, exits: tuple[str, ...]) -> str | None:
        """An event that ends this run and that the run itself may not have heard of yet."""
        run = self._runs[row["run_id"]]
        if run.state == "done":
            return next(iter(exits), None)
        for mark in self._marks:
            # A purchase is final. A cart that was emptied may have been filled again before this run began.
            still_true = mark.name in _FINAL or mark.occurred_at > run.anchor_at
            by_key = bool(run.key) and mark.key == run.key and still_true
            by_person = mark.person_id == run.person_id and mark.marked_at >= run.entered_at
            by_person = by_person and not (run.key and mark.name in OF_THEIR_KEY)
            if mark.name in exits and (by_key or by_person):
                return str(mark.name)
        return None

    def _letter(self, row: RowMapping, person: Person, source: MessageSource) -> Letter:
        address = person.row["email"]
        if not address:
            raise NoAddress
        scope, run = self._scope, self._runs[row["run_id"]]
        settings = scope.settings
        link = token(settings.secret_keys, scope.shop_id, row["person_id"], row["channel"], row["id"])
        url = f"{settings.public_url}/u/{link}"
        facts = person.facts()
        context = {
            "shop": shop_facts(scope),
            "person": facts,
            "event": run.trigger,
            "links": {"unsubscribe": url},
            "message": {"key": row["key"]},
        }
        if run.key in person.checkouts:
            context["checkout"] = person.checkouts[run.key]
        key = idempotency_key(row["key"])
        return Letter(scope.shop, source, context, address, row["flow"], row["key"], key, url, person.track_opens)

    def _defer(self, row: RowMapping, verdict: Defer) -> None:
        self._scope.connection.execute(
            update(outbox)
            .where(outbox.c.shop_id == self._scope.shop_id, outbox.c.id == row["id"])
            .values(due_at=verdict.until, reason=verdict.reason, deferrals=outbox.c.deferrals + 1)
        )
        detail = {"reason": verdict.reason, "until": verdict.until.isoformat(), **verdict.detail}
        note(self._scope, row, "gate_defer", detail)

    def _lease(
        self, row: RowMapping, person: Person, channel: Channel, request: Request, cap: str, asked: bool
    ) -> Claimed:
        scope = self._scope
        n = row["attempts"] + 1
        scope.owed(_write_leases)[row["id"]] = {
            "shop": scope.shop_id,
            "its_id": row["id"],
            "nth": n,
            "until": scope.machine + timedelta(seconds=scope.settings.delivery_lease_seconds),
            "about": request["subject"][:500],
            "recipient": address_digest(scope.shop.salt, person.row["email"]),
        }
        scope.owed(_write_attempts)[row["id"], n] = {
            "shop_id": scope.shop_id,
            "outbox_id": row["id"],
            "n": n,
            "outbox_created_at": row["created_at"],
            "started_real": scope.machine,
            "result": "started",
            "detail": {"store_asked": asked},
        }
        counted = Counted(
            scope.shop_id,
            row["id"],
            row["person_id"],
            row["run_id"],
            row["flow"],
            row["channel"],
            row["purpose"],
            cap,
            scope.now,
        )
        scope.owed(_write_ledger)[row["id"]] = counted._asdict()
        person.ledger = [*(entry for entry in person.ledger if entry.outbox_id != row["id"]), counted]
        return Claimed(row, n, channel, request)


def _write_leases(scope: Scope, rows: dict[Any, Any]) -> None:
    scope.connection.execute(_LEASE, list(rows.values()))


def _write_attempts(scope: Scope, rows: dict[Any, Any]) -> None:
    scope.connection.execute(_ATTEMPT, list(rows.values()))


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
        lane_waiting_real=None,
    )
)
_ATTEMPT = insert(attempts)
_ENTRY = replacing(send_ledger, ("counted_at", "cap"))
