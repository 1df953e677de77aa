"""Consent per person and channel: evidence goes into an append-only ledger, the newest decides.

A tie goes to the opt-out, missing evidence never re-subscribes, and a bulk import never does.
"""

from __future__ import annotations

from datetime import UTC, datetime

from sqlalchemy import bindparam, select, text
from sqlalchemy.dialects.postgresql import insert

from connector import eventlog
from connector.locks import lock_persons
from connector.models.person import consents, suppressions
from connector.scope import Scope
from connector.suppression import address_digest
from sync import people

SUBSCRIBED = "subscribed"
OPT_OUTS = frozenset({"unsubscribed", "undeliverable"})
# What is told without a date is the weakest evidence: anything dated wins over it. An opt-out dates from now.
UNDATED = datetime(1970, 1, 1, tzinfo=UTC)
# Sources of implied consent.
BOXES = frozenset({"checkout", "order"})
STATES = frozenset({SUBSCRIBED, "pending", "not_subscribed"}) | OPT_OUTS


def record(
    scope: Scope,
    person_id: int,
    channel: str,
    state: str,
    *,
    source: str,
    evidence_at: datetime | None,
    level: str | None = None,
    implied: bool = False,
) -> bool:
    """Record what a source says of this person's consent; returns whether the state changed.

    ``evidence_at`` is when the person acted as the source tells it; None when the source does not know, which
    can opt out but never back in. ``implied``: a flag carried along by something else (a ticked box on a
    checkout that may have been ticked long ago), which never undoes an opt-out.
    """
    if state not in STATES:
        raise ValueError(f"unknown consent state {state!r}")
    lock_persons(scope, [person_id])
    current = scope.connection.execute(
        _CURRENT, {"shop_id": scope.shop_id, "person_id": person_id, "channel": channel}
    ).first()
    when = evidence_at or (scope.now if state in OPT_OUTS else UNDATED)
    told_at = None if implied else evidence_at
    # Whichever of the two came first: a ticked box does not outlive an opt-out.
    over_a_box = current is not None and current.source in BOXES and state in OPT_OUTS
    wins = current is None or over_a_box or _wins(state, told_at, current.state, current.evidence_at)
    evidence = {"state": state, "level": level, "source": source, "evidence_at": when}
    whose = {"shop_id": scope.shop_id, "person_id": person_id, "channel": channel, "recorded_at": scope.now}
    if not wins:
        scope.connection.execute(_NOTE, {**whose, **evidence, "verdict": "older"})
        return False
    scope.connection.execute(_APPLY, {**whose, **evidence, "verdict": "applied"})
    before = None if current is None else current.state
    if before == state:
        return False
    _tell(scope, person_id, channel, before, state, source, evidence_at or scope.now)
    people.touch(scope, person_id)
    return True


_CURRENT = select(consents.c.state, consents.c.evidence_at, consents.c.source).where(
    consents.c.shop_id == bindparam("shop_id"),
    consents.c.person_id == bindparam("person_id"),
    consents.c.channel == bindparam("channel"),
)
_NOTED = """
INSERT INTO consent_ledger
    (shop_id, person_id, channel, state, level, source, evidence_at, recorded_at, verdict)
VALUES (:shop_id, :person_id, :channel, :state, :level, :source, :evidence_at, :recorded_at, :verdict)
"""
_NOTE = text(_NOTED)
_APPLY = text(
    f"""
WITH noted AS ({_NOTED})
INSERT INTO consents (shop_id, person_id, channel, state, level, source, evidence_at)
VALUES (:shop_id, :person_id, :channel, :state, :level, :source, :evidence_at)
ON CONFLICT (shop_id, person_id, channel) DO UPDATE SET
    state = excluded.state, level = excluded.level, source = excluded.source, evidence_at = excluded.evidence_at
"""  # noqa: S608  of this module's own words only
)


def _wins(state: str, evidence_at: datetime | None, current: str, current_at: datetime) -> bool:
    if evidence_at is None:
        return state in OPT_OUTS or current == "not_subscribed"
    if evidence_at == current_at:
        return state in OPT_OUTS or current not in OPT_OUTS
    return evidence_at > current_at


def _tell(
    scope: Scope, person_id: int, channel: str, before: str | None, after: str, source: str, at: datetime
) -> None:
    props = {"channel": channel, "old": before, "new": after, "source": source}
    identity = f"consent:{person_id}:{channel}:{after}:{at.isoformat()}"
    facts = [
        eventlog.Fact("consent_changed", identity, at, f"person:{person_id}", person_id, props=props, source=source)
    ]
    if after in OPT_OUTS:
        facts.append(
            eventlog.Fact("unsubscribed", identity, at, f"person:{person_id}", person_id, props=props, source=source)
        )
    eventlog.append(scope, facts)


def suppress(scope: Scope, channel: str, address: str, reason: str) -> None:
    """Never send to this address on this channel again (hard bounce, complaint, blocked)."""
    scope.connection.execute(
        insert(suppressions)
        .values(
            shop_id=scope.shop_id,
            channel=channel,
            address_digest=address_digest(scope.shop.salt, address),
            reason=reason,
            since=scope.now,
        )
        .on_conflict_do_nothing()
    )
