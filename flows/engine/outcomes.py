"""T4b: what became of an attempt. ``dispatch`` has several written down in one transaction, and each in its own where
that fails, so that one bad recipient costs nobody else.

An outcome that nobody knows is a state of its own: see ``unknown``.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from sqlalchemy import ColumnElement, and_, bindparam, delete, update
from sqlalchemy.dialects.postgresql import insert

from connector.backoff import backoff
from connector.db.any_row import AnyRow
from connector.errors import (
    ActionNeeded,
    AlreadyAccepted,
    OutcomeUnknown,
    ProviderError,
    Refused,
    Retry,
    TooLate,
)
from connector.models.flow import trail
from connector.models.outbox import attempts, outbox, send_ledger
from connector.outbox import settle
from connector.scope import Scope
from flows.actions.action import NotDone
from flows.engine.writes import trail_row


def record(scope: Scope, row: AnyRow, n: int, outcome: ProviderError | str | Mapping[str, Any]) -> None:
    """Write down what attempt ``n`` at this outbox row came to: a provider's message id, what an action brought, or an
    error.

    The caller holds the person's lock. Whoever was held up for longer than its lease says nothing about the attempt
    that was begun since: only an acceptance and a refusal for good are true whoever tells them.
    """
    match outcome:
        case str():
            scope.owed(_write_accepted)[row["id"], n] = {"of": row["id"], "nth": n, "begun": row["created_at"]}
            settle(scope, row, "accepted", reason=None, at=scope.now, message_id=outcome.strip("<> "))
            note(scope, row, "provider_accepted", {"attempt": n})
        case Mapping():
            scope.owed(_write_accepted)[row["id"], n] = {"of": row["id"], "nth": n, "begun": row["created_at"]}
            settle(scope, row, "accepted", reason=None, at=scope.now, result=outcome)
            note(scope, row, "action_done", {"attempt": n})
        case NotDone():
            _close(scope, row, n, "refused", outcome)
            settle(scope, row, "skipped", reason=outcome.reason, at=scope.now)
            note(scope, row, "action_skipped", {"attempt": n, "reason": outcome.reason})
        case AlreadyAccepted():
            _close(scope, row, n, "accepted", outcome)
            settle(scope, row, "accepted", reason="already_accepted", at=scope.now)
            note(scope, row, "provider_accepted", {"attempt": n, "reason": "already_accepted"})
        case OutcomeUnknown():
            _close(scope, row, n, "unknown", outcome)
            if mark_unknown(scope, row, n):
                note(scope, row, "provider_silent", {"attempt": n})
        case Refused():
            _close(scope, row, n, "refused", outcome)
            settle(scope, row, "failed", reason=f"refused: {outcome.detail}"[:300], at=scope.now)
            note(scope, row, "provider_refused", {"attempt": n, "status": outcome.status})
        case Retry() | ActionNeeded():
            _close(scope, row, n, "retry", outcome)
            _again(scope, row, n, outcome)
        case _:
            raise TypeError(f"no rule for {type(outcome).__name__}")


def _write_accepted(scope: Scope, rows: dict[Any, Any]) -> None:
    scope.connection.execute(
        _ACCEPTED, [{"shop": scope.shop_id, "ended": scope.machine, **attempt} for attempt in rows.values()]
    )


_ACCEPTED = (
    update(attempts)
    .where(
        attempts.c.shop_id == bindparam("shop"),
        attempts.c.outbox_id == bindparam("of"),
        attempts.c.n == bindparam("nth"),
        attempts.c.outbox_created_at == bindparam("begun"),
    )
    .values(result="accepted", ended_real=bindparam("ended"))
)


def _close(scope: Scope, row: AnyRow, n: int, result: str, error: ProviderError) -> None:
    values: dict[str, Any] = {
        "result": result,
        "ended_real": scope.machine,
        "status": error.status,
        "detail": {"code": error.code, "message": error.detail[:500]},
    }
    scope.connection.execute(
        update(attempts)
        .where(
            attempts.c.shop_id == scope.shop_id,
            attempts.c.outbox_id == row["id"],
            attempts.c.n == n,
            attempts.c.outbox_created_at == row["created_at"],
        )
        .values(**values)
    )


def _again(scope: Scope, row: AnyRow, n: int, error: Retry | ActionNeeded) -> None:
    """Nothing was accepted: the message waits for its next attempt, until the gate finds its deadline passed."""
    # It did not leave in time for what the gate knew; nothing is wrong with the provider.
    wait = 0.0 if isinstance(error, TooLate) else backoff(scope.settings.retry_seconds, n - 1, error)
    done = scope.connection.execute(
        update(outbox)
        .where(_leased(scope, row, n))
        .values(
            state="due",
            reason=f"{type(error).__name__}: {error.detail}"[:300],
            lease_real=None,
            retry_real=scope.machine + timedelta(seconds=wait),
        )
    )
    if done.rowcount:
        scope.connection.execute(
            delete(send_ledger).where(send_ledger.c.shop_id == scope.shop_id, send_ledger.c.outbox_id == row["id"])
        )


def mark_unknown(scope: Scope, row: AnyRow, n: int) -> bool:
    """Neither sent nor failed: it stays on the ledger, and is looked into when the provider had time to tell.

    False when attempt ``n`` no longer holds the lease.
    """
    settle_at = scope.machine + timedelta(seconds=scope.settings.unknown_settle_seconds)
    done = scope.connection.execute(
        update(outbox).where(_leased(scope, row, n)).values(state="unknown", reason="no_answer", lease_real=settle_at)
    )
    return done.rowcount == 1


def _leased(scope: Scope, row: AnyRow, n: int) -> ColumnElement[bool]:
    """Whether the message is still leased for attempt ``n``."""
    return and_(
        outbox.c.shop_id == scope.shop_id,
        outbox.c.id == row["id"],
        outbox.c.state == "leased",
        outbox.c.attempts == n,
    )


def note(scope: Scope, row: AnyRow, code: str, detail: Mapping[str, Any]) -> None:
    """A line in the trail of the run that this message belongs to."""
    line = trail_row(
        scope,
        row["person_id"],
        code,
        run_id=row["run_id"],
        flow=row["flow"],
        step=row["step"],
        detail={**({"message": row["message"]} if row["message"] else {"action": row["channel"]}), **detail},
    )
    owed = scope.owed(_write_trail)
    owed[len(owed)] = line


def _write_trail(scope: Scope, rows: dict[Any, Any]) -> None:
    scope.connection.execute(_LINE, list(rows.values()))


_LINE = insert(trail)
