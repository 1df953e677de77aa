"""Telling endpoints what happened: one endpoint at a time, its deliveries one after the other.

At least once: whoever dies during a call leaves the delivery due, and it is sent again with the same id. Order is not
promised: one that has to wait does not hold up the next. After a call that failed or was slow the endpoint is left
alone for a multiple of what it took, so that one that hardly answers costs others little.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import uuid5

from sqlalchemy import Row, text

from connector import eventlog
from connector.clock import monotonic
from connector.db.session import autocommitted, transaction
from connector.deps import Deps
from connector.errors import ConfigurationError
from connector.http import CallFailed
from connector.logging import blot, get
from connector.merchant_urls import Rules, Visitor, visiting
from connector.queue.batch import NOTHING, Batch
from connector.shops import Shop
from flows.core import chance
from sync.outgoing import endpoints, message, signature

log = get(__name__)

STEPS = (5.0, 300.0, 1800.0, 7200.0, 18_000.0, 36_000.0, 36_000.0)
"""Machine seconds from one try to the next, as Svix publishes them; then it has failed."""
JITTER = 0.1
"""A wait is up to this part longer, by hash."""
GIVE_UP = timedelta(days=5)
"""An endpoint at which nothing arrived for so long is disabled."""
KEPT = 500
"""Characters of an answer that are kept, masked."""

_BATCH = 50
# No call begins after so many seconds; the last may take as long as calls do (connector.merchant_urls).
_LONGEST, _LEASE = 1.0, timedelta(seconds=60)
_REST = 4.0
_GONE = 410


@dataclass(frozen=True)
class Outcome:
    """What became of one call. ``status``: None when there was no answer, for the reason ``error``."""

    started: datetime
    seconds: float
    status: int | None
    error: str | None
    answer: str
    after: float = 0.0

    @property
    def arrived(self) -> bool:
        return self.status is not None and 200 <= self.status < 300


def tell_due(deps: Deps, shop: Shop) -> Batch:
    """Take the endpoint that has waited longest and tell it what is due."""
    machine = deps.clock.machine()
    given = {"shop_id": shop.id, "machine": machine, "until": machine + _LEASE}
    with autocommitted(deps.engine) as connection:
        endpoint = connection.execute(_CLAIM, given).first()
        if endpoint is None:
            return NOTHING
        given |= {"endpoint_id": endpoint.id, "batch": _BATCH}
        waiting = connection.execute(_DUE, given).all()
    end = monotonic() + _LONGEST
    told, rest = 0, 0.0
    with visiting(Rules.of(deps.settings)) as visitor:
        for delivery in waiting:
            if told and monotonic() > end:
                break
            outcome = _tell(deps, shop, visitor, endpoint, delivery)
            told += 1
            still_active = _record(deps, shop, endpoint, delivery, outcome)
            if not outcome.arrived or outcome.seconds > _LONGEST:
                rest = _REST * outcome.seconds
            if rest or not still_active:
                break
    with autocommitted(deps.engine) as connection:
        connection.execute(_RELEASE, {**given, "rest": deps.clock.machine() + timedelta(seconds=rest)})
    return Batch(told, told > 0)


def try_out(deps: Deps, shop: Shop, visitor: Visitor, endpoint: Row[Any]) -> Outcome:
    """Send an event of type ``test``, once, and write nothing down. ``endpoint``: a row of ``webhook_endpoints``."""
    now = deps.clock.machine()
    event_id = uuid5(eventlog.NAMESPACE, f"{shop.id}:{endpoint.id}:test:{now.isoformat()}")
    person = {"email": "test@example.com", "customer_id": None} if endpoint.include_person else None
    name = message.message_id(event_id)
    body = message.body(shop, id=name, name="test", occurred_at=now, props={}, person=person)
    return _call(deps, shop, visitor, endpoint, name, body)


def wait_after(shop_id: int, delivery_id: int, tries: int, asked: float) -> float | None:
    """Machine seconds until the next try after so many; None: that was the last. ``asked``: by Retry-After."""
    if tries > len(STEPS):
        return None
    share = chance.draw("outgoing", str(shop_id), str(delivery_id), str(tries)) / 100
    return max(STEPS[tries - 1], asked) * (1 + JITTER * share)


def _call(deps: Deps, shop: Shop, visitor: Visitor, endpoint: Row[Any], name: str, body: bytes) -> Outcome:
    """One call, whatever becomes of it."""
    started, began = deps.clock.machine(), monotonic()
    try:
        known = endpoints.opened(deps.secrets, shop.id, endpoint, started)
        answer = visitor.post(endpoint.url, signature.headers(name, started, body, known), body)
    except ConfigurationError:
        return Outcome(started, 0.0, None, "its secret cannot be opened: rotate it", "")
    except CallFailed as error:
        return Outcome(started, monotonic() - began, None, blot(str(error)) or type(error).__name__, "")
    said = blot(answer.body[: 4 * KEPT].decode("utf-8", "replace").replace("\0", ""), KEPT)
    wait = answer.headers.get("retry-after", "")
    after = min(float(wait), STEPS[-1]) if wait.isascii() and wait.isdigit() else 0.0
    return Outcome(started, monotonic() - began, answer.status, None, said, after)


def _tell(deps: Deps, shop: Shop, visitor: Visitor, endpoint: Row[Any], delivery: Row[Any]) -> Outcome:
    person = {"email": delivery.email, "customer_id": delivery.customer_id} if endpoint.include_person else None
    name = message.message_id(delivery.event_id)
    body = message.body(
        shop,
        id=name,
        name=delivery.name,
        occurred_at=delivery.occurred_at,
        props=delivery.props,
        person=person,
    )
    return _call(deps, shop, visitor, endpoint, name, body)


def _record(deps: Deps, shop: Shop, endpoint: Row[Any], delivery: Row[Any], outcome: Outcome) -> bool:
    """Write down what became of it; whether the endpoint is still active."""
    machine = deps.clock.machine()
    wait = None if outcome.arrived else wait_after(shop.id, delivery.id, delivery.tries + 1, outcome.after)
    given = {
        "shop_id": shop.id,
        "endpoint_id": endpoint.id,
        "delivery_id": delivery.id,
        "state": "delivered" if outcome.arrived else "failed" if wait is None else "due",
        "due": machine + timedelta(seconds=wait or 0.0),
        "started": outcome.started,
        "milliseconds": round(outcome.seconds * 1000),
        "status": outcome.status,
        "error": outcome.error,
        "answer": outcome.answer,
        "failing": None if outcome.arrived else machine,
    }
    with transaction(deps.engine) as connection:
        # Whoever goes on being well is not written down each time.
        since = None
        if not outcome.arrived or endpoint.failing_since_real is not None:
            since = connection.execute(_STANDING, given).scalar_one_or_none()
        connection.execute(_RECORD, given)
        if outcome.arrived:
            return True
        # A lone try long after the last one is no proof: it must have been tried again.
        too_long = delivery.tries > 0 and since is not None and machine - since >= GIVE_UP
        reason = "gone" if outcome.status == _GONE else "failing" if too_long else None
        if reason is None:
            return True
        endpoints.disable(connection, shop.id, endpoint.id, reason)
    log.warning("webhook_endpoint_disabled", shop_id=shop.id, reason=reason)
    return False


_CLAIM = text(
    """
UPDATE webhook_endpoints SET lease_real = :until
WHERE shop_id = :shop_id AND id = (
    SELECT endpoint.id FROM webhook_endpoints AS endpoint
    CROSS JOIN LATERAL (
        SELECT due_real FROM webhook_deliveries AS delivery
        WHERE delivery.shop_id = endpoint.shop_id AND delivery.endpoint_id = endpoint.id
            AND delivery.state = 'due' AND delivery.due_real <= :machine
        ORDER BY due_real LIMIT 1
    ) AS oldest
    WHERE endpoint.shop_id = :shop_id AND endpoint.state = 'active'
        AND (endpoint.lease_real IS NULL OR endpoint.lease_real < :machine)
        AND (endpoint.rest_real IS NULL OR endpoint.rest_real <= :machine)
    ORDER BY oldest.due_real LIMIT 1
    FOR UPDATE OF endpoint SKIP LOCKED
)
RETURNING id, url, include_person, secret, secret_before, secret_before_until_real, failing_since_real
"""
)
_DUE = text(
    """
SELECT delivery.id, delivery.event_id, delivery.tries, events.name, events.occurred_at, events.props,
    persons.email, persons.customer_id
FROM webhook_deliveries AS delivery
JOIN events ON events.shop_id = delivery.shop_id AND events.id = delivery.event_id
    AND events.occurred_at = delivery.occurred_at
LEFT JOIN persons ON persons.shop_id = delivery.shop_id AND persons.id = delivery.person_id
WHERE delivery.shop_id = :shop_id AND delivery.endpoint_id = :endpoint_id
    AND delivery.state = 'due' AND delivery.due_real <= :machine
ORDER BY delivery.due_real, delivery.id LIMIT :batch
"""
)
_STANDING = text(
    """
UPDATE webhook_endpoints
SET failing_since_real = CASE WHEN CAST(:failing AS timestamptz) IS NULL THEN NULL
    ELSE coalesce(failing_since_real, :failing) END
WHERE shop_id = :shop_id AND id = :endpoint_id
RETURNING failing_since_real
"""
)
_RECORD = text(
    """
WITH tried AS (
    UPDATE webhook_deliveries
    SET state = CASE WHEN state = 'delivered' THEN state ELSE :state END, due_real = :due,
        attempts = attempts + 1, tries = tries + 1
    WHERE shop_id = :shop_id AND id = :delivery_id
    RETURNING id, attempts
)
INSERT INTO webhook_attempts (shop_id, delivery_id, n, started_real, milliseconds, status, error, answer)
SELECT :shop_id, id, attempts, :started, :milliseconds, :status, :error, :answer FROM tried
"""
)
_RELEASE = text(
    """
UPDATE webhook_endpoints SET lease_real = NULL, rest_real = :rest
WHERE shop_id = :shop_id AND id = :endpoint_id AND lease_real = :until
"""
)
