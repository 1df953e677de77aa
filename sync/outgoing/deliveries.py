"""Deliveries for the eyes of staff: what was sent where, each try at it, and having it sent once more."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import Connection, text

from connector.scope import Scope
from sync.outgoing.message import message_id


@dataclass(frozen=True)
class Delivery:
    """One event for one endpoint. ``state``: due | delivered | failed; ``due_real``: the next try while it is due;
    ``status``, ``error`` and ``answer``: of the last try.
    """

    id: int
    endpoint_id: int
    event_id: UUID
    name: str
    occurred_at: datetime
    state: str
    attempts: int
    due_real: datetime
    status: int | None = None
    error: str | None = None
    answer: str | None = None

    @property
    def last(self) -> str:
        """What came of the last try, masked; empty before the first."""
        return f"{self.status} {self.answer}".rstrip() if self.status is not None else self.error or ""

    @property
    def message_id(self) -> str:
        """The webhook-id that it has at the receiver."""
        return message_id(self.event_id)


@dataclass(frozen=True)
class Attempt:
    """One call. ``status``: of HTTP, or None and an ``error``; ``answer``: how it began, masked."""

    n: int
    started_real: datetime
    milliseconds: int
    status: int | None
    error: str | None
    answer: str


def listed(
    connection: Connection,
    shop_id: int,
    endpoint_id: int,
    *,
    state: str = "",
    most: int = 50,
    before: int | None = None,
) -> list[Delivery]:
    """The newest deliveries to an endpoint, the newest first; ``state``: only those; ``before``: this delivery."""
    given = {"shop_id": shop_id, "endpoint_id": endpoint_id, "state": state, "most": most, "before": before or _LAST}
    return [Delivery(*row) for row in connection.execute(_LISTED, given)]


def attempts(connection: Connection, shop_id: int, delivery_id: int) -> list[Attempt]:
    """Every call for this delivery, the newest first."""
    given = {"shop_id": shop_id, "delivery_id": delivery_id}
    return [Attempt(*row) for row in connection.execute(_ATTEMPTS, given)]


def resend(scope: Scope, endpoint_id: int, delivery_ids: Sequence[int] | None) -> int:
    """Have deliveries sent once more, with all their tries; how many. None: all of the endpoint that failed.

    An endpoint that is disabled is told nothing: 0.
    """
    ids = None if delivery_ids is None else list(delivery_ids)
    given = {"shop_id": scope.shop_id, "endpoint_id": endpoint_id, "ids": ids, "machine": scope.machine}
    again = scope.connection.execute(_RESEND, given).rowcount
    if again:
        scope.bells.add("outgoing")
    return again


# Behind every number.
_LAST = 2**63 - 1
_LISTED = text(
    """
WITH delivery AS MATERIALIZED (
    SELECT * FROM webhook_deliveries
    WHERE shop_id = :shop_id AND endpoint_id = :endpoint_id AND id < :before AND :state IN ('', state)
    ORDER BY id DESC LIMIT :most
)
SELECT delivery.id, delivery.endpoint_id, delivery.event_id, events.name, delivery.occurred_at, delivery.state,
    delivery.attempts, delivery.due_real, last.status, last.error, last.answer
FROM delivery
JOIN events ON events.shop_id = delivery.shop_id AND events.id = delivery.event_id
    AND events.occurred_at = delivery.occurred_at
LEFT JOIN webhook_attempts AS last ON last.shop_id = delivery.shop_id AND last.delivery_id = delivery.id
    AND last.n = delivery.attempts
ORDER BY delivery.id DESC
"""
)
_ATTEMPTS = text(
    "SELECT n, started_real, milliseconds, status, error, answer FROM webhook_attempts"
    " WHERE shop_id = :shop_id AND delivery_id = :delivery_id ORDER BY n DESC"
)
_RESEND = text(
    """
UPDATE webhook_deliveries AS delivery SET state = 'due', due_real = :machine, tries = 0
FROM webhook_endpoints AS endpoint
WHERE delivery.shop_id = :shop_id AND delivery.endpoint_id = :endpoint_id
    AND endpoint.shop_id = delivery.shop_id AND endpoint.id = delivery.endpoint_id AND endpoint.state = 'active'
    AND CASE WHEN CAST(:ids AS bigint[]) IS NULL THEN delivery.state = 'failed'
        ELSE delivery.state <> 'due' AND delivery.id = ANY (CAST(:ids AS bigint[])) END
"""
)
