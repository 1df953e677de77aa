"""What the provider tells of the messages that we sent: delivery, engagement, refusals, opt-outs."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import RowMapping, or_, select, update

from connector import eventlog
from connector.locks import lock_persons
from connector.models.outbox import outbox
from connector.outbox import settle
from connector.scope import Scope
from sync import consent, people

# The provider's event -> (our event, the outbox column that keeps its first time). The provider spells some of
# them in two ways. An open by a mail proxy is no sign of a person.
_EVENTS: dict[str, tuple[str, str | None]] = {
    "request": ("message_requested", None),
    "delivered": ("message_delivered", "delivered_at"),
    "opened": ("message_opened", "opened_at"),
    "unique_opened": ("message_opened", "opened_at"),
    "proxy_open": ("message_opened_by_proxy", None),
    "unique_proxy_open": ("message_opened_by_proxy", None),
    "click": ("message_clicked", "clicked_at"),
    "clicked": ("message_clicked", "clicked_at"),
    "hard_bounce": ("message_bounced", "bounced_at"),
    "hard_bounced": ("message_bounced", "bounced_at"),
    "invalid_email": ("message_bounced", "bounced_at"),
    "soft_bounce": ("message_soft_bounced", None),
    "deferred": ("message_deferred", None),
    "blocked": ("message_blocked", None),
    "error": ("message_error", None),
    "spam": ("message_complained", "complained_at"),
    "complaint": ("message_complained", "complained_at"),
    "unsubscribed": ("message_unsubscribed", "unsubscribed_at"),
    "unsubscribe": ("message_unsubscribed", "unsubscribed_at"),
}

# What it means for the future: our event -> (consent state, reason of a suppression).
_CONSEQUENCES: dict[str, tuple[str, str | None]] = {
    "message_bounced": ("undeliverable", "hard_bounce"),
    "message_complained": ("unsubscribed", "complaint"),
    "message_unsubscribed": ("unsubscribed", None),
}


def lasting(event: object) -> str | None:
    """Why an address is not to be written to again after this event of the provider; None when it may be."""
    name, _ = _EVENTS.get(event, ("", None)) if isinstance(event, str) else ("", None)
    state, suppression = _CONSEQUENCES.get(name, (None, None))
    return suppression or state


def moment_of(payload: Mapping[str, Any], fallback: datetime) -> datetime:
    """When it happened. Values past the year 2286 in seconds are milliseconds."""
    value = payload["ts_epoch"] or payload["ts_event"] or payload["ts"]
    if not value:
        return fallback
    seconds = value / 1000 if value >= 1e10 else value
    try:
        return datetime.fromtimestamp(seconds, UTC)
    except (OverflowError, ValueError, OSError):
        return fallback


def happened(scope: Scope, payload: Mapping[str, Any], *, received_at: datetime) -> None:
    """Apply one event of the provider; an event that is new to us is kept under the name ``message_other``."""
    name, column = _EVENTS.get(payload["event"], ("message_other", None))
    message_id = (payload["message_id"] or "").strip("<> ")
    row = _message(scope, payload["custom"], message_id)
    email = people.normal_email(payload["email"])
    person_id = row["person_id"] if row else None
    if person_id is None and email:
        person_id = people.person_of(scope, "email", email)
    at = moment_of(payload, received_at)
    if person_id is not None:
        lock_persons(scope, [person_id])
        if name == "message_opened" and not consent.tracks_opens(scope, person_id):
            # Whatever was recorded there: it may not be known here who opened what.
            name, column = "message_opened_without_consent", None
    if row is not None:
        _remember(scope, row, name, column, message_id, at)
    identity = f"brevo:{message_id}:{payload['event']}:{email}:{at.isoformat()}:{payload['link'] or ''}"
    props = {
        "channel": "email",
        "event": payload["event"],
        "link": payload["link"],
        "reason": payload["reason"],
        "flow": row["flow"] if row else None,
        "message": row["message"] if row else None,
        "run_id": str(row["run_id"]) if row else None,
    }
    subject = f"message:{row['id']}" if row else f"email:{message_id}"
    fact = eventlog.Fact(name, identity, at, subject, person_id, props=props, source="brevo")
    eventlog.append(scope, [fact])
    if name in _CONSEQUENCES and person_id is not None:
        state, suppression = _CONSEQUENCES[name]
        if suppression and email:
            consent.suppress(scope, "email", email, suppression)
        evidence = {"event": payload["event"], "message_id": message_id or None}
        consent.record(scope, person_id, "email", state, source="brevo", evidence_at=at, evidence=evidence)


def _message(scope: Scope, custom: str | None, message_id: str) -> RowMapping | None:
    """The outbox row that this event speaks of: by our own key, else by the provider's id."""
    conditions = []
    if custom:
        conditions.append(outbox.c.key == custom)
    if message_id:
        conditions.append(outbox.c.provider_message_id == message_id)
    if not conditions:
        return None
    query = select(outbox).where(outbox.c.shop_id == scope.shop_id, or_(*conditions)).limit(1)
    return scope.connection.execute(query).mappings().first()


def _remember(scope: Scope, row: RowMapping, name: str, column: str | None, message_id: str, at: datetime) -> None:
    """Note the first time of what happened; an unknown outcome is settled: the provider has the message."""
    values: dict[str, Any] = {}
    if message_id and not row["provider_message_id"]:
        values["provider_message_id"] = message_id
    if column and (row[column] is None or at < row[column]):
        values[column] = at
    if values:
        scope.connection.execute(
            update(outbox).where(outbox.c.shop_id == scope.shop_id, outbox.c.id == row["id"]).values(**values)
        )
    if row["state"] == "unknown" and name != "message_error":
        settle(scope, row, "accepted", reason="provider_event", at=at, message_id=message_id or None)
