"""What became of a message: the one place where an outbox row reaches an end, whoever learnt of it.

The run that waits for the message is woken through the event log, like by everything else that happens.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Literal
from uuid import UUID, uuid5

from sqlalchemy import RowMapping, bindparam, delete, func, select, update

from connector import eventlog
from connector.db.any_row import AnyRow
from connector.db.rows import among
from connector.locks import lock_persons
from connector.models.outbox import outbox, send_ledger
from connector.scope import Scope

Outcome = Literal["accepted", "skipped", "failed"]

STATE_OF = {"accepted": "sent", "skipped": "skipped", "failed": "failed"}
SETTLED = "message_settled"
TEST = "test"
"""The tag of messages that staff send to themselves, which are in no outbox: what is told of them counts nowhere."""
STAFF = "for-staff"
"""The tag of emails in which flows tell staff of somebody: they are no messages to that person."""
NOT_TO_PEOPLE = frozenset({TEST, STAFF})
"""What is told of messages with these tags is told of no message to a customer."""


def idempotency_key(key: str) -> UUID:
    """What every attempt at this outbox row carries to the provider."""
    return uuid5(eventlog.NAMESPACE, key)


def hold(scope: Scope, row: RowMapping | Mapping[str, Any], *, skip_locked: bool = False) -> dict[str, Any] | None:
    """Lock the person of this outbox row (id and person_id are read) and return the row as it is now.

    Whose it is may have changed since it was read: people who turn out to be one are merged. None when the row is gone,
    or with ``skip_locked`` when another transaction holds the person.
    """
    person_id = row["person_id"]
    while lock_persons(scope, [person_id], skip_locked=skip_locked):
        current = scope.connection.execute(_ROW, {"shop_id": scope.shop_id, "id": row["id"]}).mappings().first()
        if current is None or current["person_id"] == person_id:
            return None if current is None else dict(current)
        person_id = current["person_id"]
    return None


def hold_free(scope: Scope, rows: Sequence[AnyRow]) -> dict[int, dict[str, Any]]:
    """``hold`` for many at once: {id: the row as it is now}. Without those whose person another transaction holds or
    has changed: they are to be held one by one.
    """
    mine = lock_persons(scope, {row["person_id"] for row in rows}, skip_locked=True)
    given = {"shop_id": scope.shop_id, "ids": [row["id"] for row in rows], "persons": mine}
    return {row["id"]: dict(row) for row in scope.connection.execute(_ROWS, given).mappings()}


_ROWS = select(outbox).where(
    outbox.c.shop_id == bindparam("shop_id"),
    among(outbox.c.id, "ids"),
    among(outbox.c.person_id, "persons"),
)
_ROW = select(outbox).where(outbox.c.shop_id == bindparam("shop_id"), outbox.c.id == bindparam("id"))


def settle(
    scope: Scope,
    row: AnyRow,
    outcome: Outcome,
    *,
    reason: str | None,
    at: datetime,
    message_id: str | None = None,
    awaited: bool = True,
    result: Mapping[str, Any] | None = None,
) -> bool:
    """End this outbox row (id, key, person_id, run_id are read); says whether it was still open.

    Accepted messages stay on the ledger that caps count; the others leave it. ``awaited``: the run may be parked
    on this message and is to hear of it, with what an action brought as ``result`` (JSON). The caller holds the
    person's lock.
    """
    done = scope.connection.execute(
        _END,
        {
            "shop": scope.shop_id,
            "its_id": row["id"],
            "end": STATE_OF[outcome],
            "why": reason,
            "sent": at if outcome == "accepted" else None,
            "named": message_id or None,
        },
    )
    if done.rowcount == 0:
        return False
    if outcome != "accepted":
        scope.connection.execute(
            delete(send_ledger).where(send_ledger.c.shop_id == scope.shop_id, send_ledger.c.outbox_id == row["id"])
        )
    if not awaited:
        return True
    props: dict[str, Any] = {
        "effect": row["key"],
        "outcome": outcome,
        "reason": reason or "",
        "run_id": str(row["run_id"]),
        **({"result": dict(result)} if result else {}),
    }
    eventlog.append(
        scope,
        [
            eventlog.Fact(
                SETTLED,
                f"message:{row['id']}",
                at,
                f"message:{row['id']}",
                row["person_id"],
                props=props,
                source="connector",
            )
        ],
    )
    return True


_END = (
    update(outbox)
    .where(
        outbox.c.shop_id == bindparam("shop"),
        outbox.c.id == bindparam("its_id"),
        outbox.c.state.in_(("due", "leased", "unknown")),
    )
    .values(
        state=bindparam("end"),
        reason=bindparam("why"),
        lease_real=None,
        retry_real=None,
        sent_at=func.coalesce(bindparam("sent", type_=outbox.c.sent_at.type), outbox.c.sent_at),
        provider_message_id=func.coalesce(
            bindparam("named", type_=outbox.c.provider_message_id.type), outbox.c.provider_message_id
        ),
    )
)
