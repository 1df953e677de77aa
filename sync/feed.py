"""What happened, told to Brevo: rows of ``feed`` become POST /events, head-first per person.

The event log writes the rows. An event leaves only when the contact is known at Brevo and every earlier event
of the person has left or stepped aside, so that an automation there sees a person's history in order.

At least once: an event whose outcome is unknown is told again. Brevo has no idempotency key for events; each
carries our ``event_id`` as a property, so that a repetition can be recognised.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, and_, exists, func, or_, select, update

from connector.clock import monotonic, pause
from connector.db.session import transaction
from connector.deps import Deps
from connector.errors import OutcomeUnknown, ProviderError, RateLimited, Refused, Retry
from connector.models.person import persons
from connector.models.sync import feed, sync_state
from connector.shops import Shop
from sync.backoff import backoff

BUCKET = "events"
_BATCH = 20
# A worker may wait this long (machine seconds) for the limiter instead of ending and being rung again.
_PATIENCE = 1.0
_REASON_LENGTH = 300


def send_due(deps: Deps, shop: Shop) -> bool:
    """Send one batch of the events that are due; returns whether it is worth ringing again at once."""
    stepped_aside = _step_aside(deps, shop)
    waiting = _count_due(deps, shop)
    if not waiting:
        return stepped_aside > 0
    account = deps.brevo(shop)
    grant = account.grab(BUCKET, min(waiting, _BATCH))
    if not grant.calls:
        pause(min(grant.wait, _PATIENCE))
        return grant.wait <= _PATIENCE
    began = monotonic()
    left = _claim(deps, shop, grant.calls)
    account.give_back(BUCKET, grant, grant.calls - len(left))
    claimed = len(left)
    # After this no call is begun: its answer could come when the lease has ended. The first always goes.
    last_start = began + max(deps.settings.delivery_lease_seconds - deps.settings.provider_timeout_seconds, 0)
    while left:
        claim = left.pop(0)
        if not claim.identifiers:
            _record(deps, shop, claim, {"state": "refused", "reason": "no_identifier"})
            continue
        try:
            account.create_event({**claim.body, "event_name": claim.name, "identifiers": claim.identifiers})
        except ProviderError as error:
            _record_failure(deps, shop, claim, error)
            if not isinstance(error, Refused):
                # Whatever it is, the next call would likely meet it too.
                _release(deps, shop, left, backoff(deps.settings.retry_seconds, 0, error))
                return False
        else:
            _record(deps, shop, claim, {"state": "sent", "reason": None})
        if monotonic() > last_start:
            break
    _release(deps, shop, left, 0.0)
    # What was sent may have been the head of further events.
    return claimed > 0


@dataclass(frozen=True)
class _Claim:
    id: int
    name: str
    body: Mapping[str, Any]
    identifiers: Mapping[str, str]
    lease: datetime
    attempts: int


_OPEN = ("due", "leased")


def _head(shop_id: int, machine: datetime) -> Any:
    """The oldest open event of a person, when it is due."""
    earlier = feed.alias("earlier")
    before = exists().where(
        earlier.c.shop_id == feed.c.shop_id,
        earlier.c.person_id == feed.c.person_id,
        earlier.c.id < feed.c.id,
        earlier.c.state.in_(_OPEN),
    )
    due = or_(
        and_(feed.c.state == "due", feed.c.due_real <= machine),
        and_(feed.c.state == "leased", feed.c.lease_real < machine),
    )
    return and_(feed.c.shop_id == shop_id, due, ~before)


def _contact(shop_id: int) -> Any:
    return and_(
        sync_state.c.shop_id == shop_id,
        sync_state.c.entity == "contact",
        sync_state.c.entity_id == feed.c.person_id,
    )


def _sendable(shop_id: int, machine: datetime) -> Any:
    known = exists().where(_contact(shop_id), sync_state.c.sent_version > 0)
    return and_(_head(shop_id, machine), known)


def _count_due(deps: Deps, shop: Shop) -> int:
    some = select(feed.c.id).where(_sendable(shop.id, deps.clock.machine())).limit(_BATCH + 1)
    with transaction(deps.engine) as connection:
        return int(connection.scalar(select(func.count()).select_from(some.subquery())) or 0)


def _step_aside(deps: Deps, shop: Shop) -> int:
    """Close events of people whom Brevo cannot know: never sent, and nothing on the way. Returns how many."""
    hopeless = and_(
        sync_state.c.sent_version == 0,
        or_(sync_state.c.state == "failed", sync_state.c.state == "done"),
    )
    chosen = (
        select(feed.c.id)
        .where(feed.c.shop_id == shop.id, feed.c.state == "due", exists().where(_contact(shop.id), hopeless))
        .limit(500)
        .with_for_update(skip_locked=True)
    )
    why = (
        select(func.concat("no contact: ", func.coalesce(sync_state.c.reason, "unknown")))
        .where(_contact(shop.id))
        .scalar_subquery()
    )
    with transaction(deps.engine) as connection:
        ids = list(connection.scalars(chosen))
        if ids:
            closed = update(feed).where(feed.c.shop_id == shop.id, feed.c.id.in_(ids))
            connection.execute(closed.values(state="refused", reason=why))
    return len(ids)


def _claim(deps: Deps, shop: Shop, most: int) -> list[_Claim]:
    machine = deps.clock.machine()
    lease = machine + timedelta(seconds=deps.settings.delivery_lease_seconds)
    chosen = (
        select(feed.c.id)
        .where(_sendable(shop.id, machine))
        .order_by(feed.c.id)
        .limit(most)
        .with_for_update(of=feed, skip_locked=True)
    )
    with transaction(deps.engine) as connection:
        ids = list(connection.scalars(chosen))
        if not ids:
            return []
        connection.execute(
            update(feed).where(feed.c.shop_id == shop.id, feed.c.id.in_(ids)).values(state="leased", lease_real=lease)
        )
        rows = connection.execute(
            select(feed.c.id, feed.c.name, feed.c.body, feed.c.attempts, persons.c.email, persons.c.customer_id)
            .join(persons, and_(persons.c.shop_id == feed.c.shop_id, persons.c.id == feed.c.person_id))
            .where(feed.c.shop_id == shop.id, feed.c.id.in_(ids))
            .order_by(feed.c.id)
        )
        return [
            _Claim(row.id, row.name, row.body, _identifiers(row.email, row.customer_id), lease, row.attempts)
            for row in rows
        ]


def _identifiers(email: str | None, customer_id: int | None) -> dict[str, str]:
    found = {"email_id": email} if email else {}
    if customer_id is not None:
        found["ext_id"] = str(customer_id)
    return found


def _record_failure(deps: Deps, shop: Shop, claim: _Claim, error: ProviderError) -> None:
    reason = str(error)[:_REASON_LENGTH]
    steps = deps.settings.retry_seconds
    # An answer of the server's own fault, again and again over hours: it is this event, and it holds up the
    # rest.
    server_fault = error.status >= 500 or isinstance(error, OutcomeUnknown)
    if isinstance(error, Refused) or (server_fault and claim.attempts >= len(steps)):
        _record(deps, shop, claim, {"state": "refused", "reason": reason})
        return
    values: dict[str, Any] = {
        "state": "due",
        "reason": reason,
        "due_real": deps.clock.machine() + timedelta(seconds=backoff(steps, claim.attempts, error)),
    }
    if not isinstance(error, RateLimited) and (server_fault or isinstance(error, Retry)):
        values["attempts"] = claim.attempts + 1
    _record(deps, shop, claim, values)


def _record(deps: Deps, shop: Shop, claim: _Claim, values: Mapping[str, Any]) -> None:
    with transaction(deps.engine) as connection:
        _held(connection, shop, claim, values)


def _release(deps: Deps, shop: Shop, claims: list[_Claim], delay: float) -> None:
    """Give back what was claimed and not begun."""
    due = deps.clock.machine() + timedelta(seconds=delay)
    with transaction(deps.engine) as connection:
        for claim in claims:
            _held(connection, shop, claim, {"state": "due", "due_real": due})


def _held(connection: Connection, shop: Shop, claim: _Claim, values: Mapping[str, Any]) -> None:
    """Write under our lease; without it another worker has taken the event over and its word counts."""
    connection.execute(
        update(feed)
        .where(
            feed.c.shop_id == shop.id,
            feed.c.id == claim.id,
            feed.c.state == "leased",
            feed.c.lease_real == claim.lease,
        )
        .values(lease_real=None, **values)
    )
