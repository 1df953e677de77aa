"""The merchant's endpoints: what each is told of, with which secret, and whether it still is."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Row, delete, func, insert, select, text, update

from connector import audit
from connector.errors import InvalidInput
from connector.merchant_urls import Rules, problem
from connector.models.outgoing import webhook_attempts, webhook_deliveries, webhook_endpoints
from connector.scope import Scope
from connector.secrets import Secrets
from flows.core.entries import NAME_FORM
from flows.core.vocabulary import event_named
from sync.outgoing.signature import new_secret

SECRET = "webhook_secret"  # noqa: S105  what it is sealed as, not one
MOST = 20
"""Endpoints of one shop."""
COUNTED = 1_000
"""As far as what waits for an endpoint is counted: one that is down for days has no end of it."""
ROTATION = timedelta(hours=24)
"""For so long the secret before signs too. Machine time."""
REASONS = {
    "gone": "the address answered 410: it wants to hear no more",
    "failing": "nothing arrived there for five days",
    "by_staff": "staff switched it off",
}
"""Why an endpoint is disabled."""


class NoEndpoint(InvalidInput):
    """The shop has no endpoint of this number."""


@dataclass(frozen=True)
class Endpoint:
    """One address. ``state``: active | disabled, then with a ``reason``; ``due``: deliveries that wait for it,
    more than COUNTED counted as so many; ``name``: what flows call it, None when none can."""

    id: int
    url: str
    description: str
    events: tuple[str, ...]
    include_person: bool
    state: str
    reason: str | None
    created_at: datetime
    failing_since_real: datetime | None
    due: int = 0
    name: str | None = None

    @property
    def why(self) -> str:
        """Why it is disabled, as a sentence without its beginning."""
        return REASONS.get(self.reason or "", "")


def add(
    connection: Connection,
    secrets: Secrets,
    rules: Rules,
    shop_id: int,
    *,
    url: str,
    events: Sequence[str],
    include_person: bool,
    description: str,
    now: datetime,
    name: str | None = None,
) -> tuple[int, str]:
    """Make an endpoint; its number and its secret, which is shown this once. ``name``: for flows, which tell it more
    than the ``events`` that it is told of. Raises InvalidInput."""
    wrong = problem(url, rules)
    if wrong is not None:
        raise InvalidInput(f"{url}: {wrong}.")
    if not events and name is None:
        raise InvalidInput("Say which events it is told of, or what flows call it.")
    if name is not None:
        _refuse_name(connection, shop_id, name)
    unknown = sorted(name for name in set(events) if event_named(name) is None)
    if unknown:
        raise InvalidInput(f"No such event: {', '.join(unknown)}. docs/mapping.md lists them.")
    query = select(func.count()).where(webhook_endpoints.c.shop_id == shop_id)
    if (connection.scalar(query) or 0) >= MOST:
        raise InvalidInput(f"A shop has at most {MOST} endpoints: remove one first.")
    secret = new_secret()
    values = {
        "shop_id": shop_id, "url": url, "description": description, "name": name, "events": sorted(set(events)),
        "include_person": include_person, "secret": secrets.encrypt(shop_id, SECRET, secret), "state": "active",
        "created_at": now,
    }  # fmt: skip
    made = connection.execute(insert(webhook_endpoints).values(values).returning(webhook_endpoints.c.id))
    return int(made.scalar_one()), secret


def listed(connection: Connection, shop_id: int) -> list[Endpoint]:
    """All endpoints of the shop, the oldest first."""
    waiting = (
        select(webhook_deliveries.c.id)
        .where(
            webhook_deliveries.c.shop_id == webhook_endpoints.c.shop_id,
            webhook_deliveries.c.endpoint_id == webhook_endpoints.c.id,
            webhook_deliveries.c.state == "due",
        )
        .limit(COUNTED)
        .correlate(webhook_endpoints)
        .subquery()
    )
    due = select(func.count()).select_from(waiting).scalar_subquery()
    query = select(webhook_endpoints, due.label("due")).where(webhook_endpoints.c.shop_id == shop_id)
    return [_endpoint(row) for row in connection.execute(query.order_by(webhook_endpoints.c.id))]


def one(connection: Connection, shop_id: int, endpoint_id: int) -> Endpoint:
    """Raises NoEndpoint."""
    for endpoint in listed(connection, shop_id):
        if endpoint.id == endpoint_id:
            return endpoint
    raise _missing(endpoint_id)


def row(connection: Connection, shop_id: int, endpoint_id: int) -> Row[Any]:
    """The endpoint as it is stored, with its sealed secrets. Raises NoEndpoint."""
    found = connection.execute(select(webhook_endpoints).where(*_is(shop_id, endpoint_id))).first()
    if found is None:
        raise _missing(endpoint_id)
    return found


def remove(connection: Connection, shop_id: int, endpoint_id: int) -> None:
    """Forget the endpoint and what it was to be told. Raises NoEndpoint."""
    gone = delete(webhook_endpoints).where(*_is(shop_id, endpoint_id))
    if connection.execute(gone).rowcount == 0:
        raise _missing(endpoint_id)
    mine = (webhook_deliveries.c.shop_id == shop_id) & (webhook_deliveries.c.endpoint_id == endpoint_id)
    attempts = select(webhook_deliveries.c.id).where(mine)
    connection.execute(
        delete(webhook_attempts).where(
            webhook_attempts.c.shop_id == shop_id, webhook_attempts.c.delivery_id.in_(attempts)
        )
    )
    connection.execute(delete(webhook_deliveries).where(mine))


def rotate(connection: Connection, secrets: Secrets, shop_id: int, endpoint_id: int, machine: datetime) -> str:
    """Give the endpoint a new secret, shown this once; the one before signs beside it for a day. Raises NoEndpoint."""
    secret = new_secret()
    changed = connection.execute(
        update(webhook_endpoints)
        .where(*_is(shop_id, endpoint_id))
        .values(
            secret_before=webhook_endpoints.c.secret,
            secret_before_until_real=machine + ROTATION,
            secret=secrets.encrypt(shop_id, SECRET, secret),
        )
    )
    if changed.rowcount == 0:
        raise _missing(endpoint_id)
    return secret


def rename(connection: Connection, shop_id: int, endpoint_id: int, name: str) -> None:
    """What flows call it from now on. Raises NoEndpoint, InvalidInput."""
    if row(connection, shop_id, endpoint_id).name != name:
        _refuse_name(connection, shop_id, name)
        connection.execute(update(webhook_endpoints).where(*_is(shop_id, endpoint_id)).values(name=name))


def _refuse_name(connection: Connection, shop_id: int, name: str) -> None:
    if not re.match(NAME_FORM, name):
        raise InvalidInput(f"“{name}”: a name has small letters, digits and dashes, and begins with a letter.")
    mine = (webhook_endpoints.c.shop_id == shop_id) & (webhook_endpoints.c.name == name)
    if (taken := connection.scalar(select(webhook_endpoints.c.id).where(mine))) is not None:
        raise InvalidInput(f"Endpoint {taken} is called {name} already.")


def enable(connection: Connection, shop_id: int, endpoint_id: int) -> None:
    """Tell it again what happens from now on. What it was not told meanwhile staff can resend. Raises NoEndpoint."""
    values = {"state": "active", "reason": None, "failing_since_real": None, "rest_real": None}
    if connection.execute(update(webhook_endpoints).where(*_is(shop_id, endpoint_id)).values(values)).rowcount == 0:
        raise _missing(endpoint_id)


def disable(connection: Connection, shop_id: int, endpoint_id: int, reason: str) -> bool:
    """Tell it nothing more, and give up what it was to be told; whether it was active. ``reason``: of REASONS."""
    active = update(webhook_endpoints).where(*_is(shop_id, endpoint_id), webhook_endpoints.c.state == "active")
    if connection.execute(active.values(state="disabled", reason=reason)).rowcount == 0:
        return False
    connection.execute(_GIVE_UP, {"shop_id": shop_id, "endpoint_id": endpoint_id})
    return True


_GIVE_UP = text(
    "UPDATE webhook_deliveries SET state = 'failed'"
    " WHERE shop_id = :shop_id AND endpoint_id = :endpoint_id AND state = 'due'"
)


def note(scope: Scope, actor: str, act: str, endpoint_id: int, detail: Mapping[str, Any] | None = None) -> None:
    """A line of the audit log about an endpoint."""
    audit.note(scope, actor=actor, act=act, object_kind="webhook endpoint", object_id=endpoint_id, detail=detail)


def opened(secrets: Secrets, shop_id: int, row: Any, machine: datetime) -> list[str]:
    """The secrets that sign now, the newest first. ``row``: of ``webhook_endpoints``. Raises ConfigurationError."""
    sealed = [row.secret]
    if row.secret_before is not None and row.secret_before_until_real > machine:
        sealed.append(row.secret_before)
    return [secrets.decrypt(shop_id, SECRET, one) for one in sealed]


def _missing(endpoint_id: int) -> NoEndpoint:
    return NoEndpoint(f"There is no endpoint {endpoint_id} in this shop.")


def _is(shop_id: int, endpoint_id: int) -> tuple[Any, ...]:
    return webhook_endpoints.c.shop_id == shop_id, webhook_endpoints.c.id == endpoint_id


def _endpoint(row: Row[Any]) -> Endpoint:
    return Endpoint(
        row.id,
        row.url,
        row.description,
        tuple(row.events),
        row.include_person,
        row.state,
        row.reason,
        row.created_at,
        row.failing_since_real,
        row.due,
        row.name,
    )
