"""Consent per person, channel and purpose: evidence goes into an append-only ledger, and what the ledger comes to
(``sync.consent_evidence``) is the person's consent.

A tie goes to the opt-out, missing evidence never re-subscribes, and a bulk import never does.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import orjson
from sqlalchemy import bindparam, select, text
from sqlalchemy.dialects.postgresql import insert

from connector import eventlog
from connector.consent_policy import country_of, in_force
from connector.locks import lock_persons
from connector.models.person import consent_ledger, consents, suppressions
from connector.scope import Scope
from connector.suppression import address_digest
from flows.core.permission import (
    OPEN_TRACKING,
    OWN,
    PURPOSES,
    Consent,
    may_track_opens,
    shown_state,
)
from sync import profiles, wishes
from sync.consent_evidence import IMPLIED, IMPORT, OPT_OUTS, STATES, SUBSCRIBED, UNDATED, Evidence, standing

__all__ = [
    "OPT_OUTS",
    "STATES",
    "SUBSCRIBED",
    "UNDATED",
    "merge",
    "record",
    "record_tracking",
    "suppress",
    "tracks_opens",
]

STORE = frozenset({"shopify", "checkout", "order"})
"""Sources that are the store's own word, which need not be told to it."""
TO_STORE = "store_consent"
TO_CONFIRM = "double_opt_in"
"""Entities of ``sync_state``: what the store is to be told, and who is to be asked to confirm. By person."""


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
    purpose: str | None = None,
    evidence: Mapping[str, Any] | None = None,
    historical: bool = False,
) -> bool:
    """Record what a source says of this person's consent; returns whether the state changed.

    ``evidence_at`` is when the person acted as the source tells it; None when the source does not know, which
    can opt out but never back in. ``implied``: a flag carried along by something else (a ticked box on a
    checkout that may have been ticked long ago), which never undoes an opt-out. ``purpose``: one of PURPOSES of the
    channel, its own by default. ``evidence``: what shows it, e.g. {"text", "form_id", "ip_digest", "order_id", "raw"}.
    ``historical``: it came with a bulk import, which starts nothing and never undoes an opt-out.

    Raises ValueError for a state, channel or purpose that there is not.
    """
    if state not in STATES:
        raise ValueError(f"unknown consent state {state!r}")
    asked = purpose or OWN.get(channel, "")
    if asked not in PURPOSES.get(channel, ()):
        raise ValueError(f"unknown consent {channel!r} for {purpose!r}")
    lock_persons(scope, [person_id])
    told, before = _told(scope, person_id, channel, asked)
    # An opt-out without a time goes before all that was heard until now, whatever clock wrote that.
    latest = max((scope.now, *(one.at for one in told.values())))
    when = evidence_at or (latest if state in OPT_OUTS else UNDATED)
    new = Evidence(state, IMPLIED if implied else (level.lower() if level else None), source, when, historical)
    # Without a time, said whenever the customer is read: an opt-out that stands is not newer for it.
    repeated = evidence_at is None and state in OPT_OUTS and before is not None and before.state == state
    if new in told.values() or repeated:
        # The same word once more adds nothing, but what should have come of it may be missing.
        _follow_up(scope, person_id, channel, asked, before, told)
        return False
    after = standing([*told.values(), new])
    verdict = IMPORT if historical else "applied" if after is not None and _same(after, new) else "older"
    ledger_id = _note(scope, person_id, channel, asked, new, verdict, evidence)
    told[ledger_id] = new
    if after is None or after == before:
        _follow_up(scope, person_id, channel, asked, after, told)
        return False
    _write(scope, person_id, channel, asked, after)
    changed = _tell(scope, person_id, channel, asked, before, after, new)
    profiles.touch(scope, person_id, urgent=after.state in OPT_OUTS)
    _follow_up(scope, person_id, channel, asked, after, told)
    return changed


def record_tracking(scope: Scope, person_id: int, state: str) -> None:
    """The store's word on open tracking: without a time, repeated at every reading, so it counts as a change only."""
    _, current = _told(scope, person_id, "email", OPEN_TRACKING)
    if current is None or current.state != state:
        record(scope, person_id, "email", state, source="shopify", evidence_at=None, purpose=OPEN_TRACKING)


def merge(scope: Scope, kept: int, gone: int) -> int:
    """What was said of ``gone`` was said of ``kept``: its lines are the kept one's, and each consent is what all of
    them come to. An opt-out that comes of it is told like any other. Returns how many lines that were.

    Both persons are locked by the caller, and ``persons.merged_into`` says already who the one is now: lines of the
    ledger may follow nothing else.
    """
    lines = 0
    whose = {"shop_id": scope.shop_id, "kept": kept, "gone": gone}
    for channel, purpose in scope.connection.execute(_SUBJECTS, whose).all():
        told, before = _told(scope, kept, channel, purpose)
        lines += scope.connection.execute(_FOLLOW, {**whose, "channel": channel, "purpose": purpose}).rowcount
        everything, _ = _told(scope, kept, channel, purpose)
        after = standing(everything.values())
        if after is not None and after != before:
            _write(scope, kept, channel, purpose, after)
            _tell(scope, kept, channel, purpose, before, after, after)
            profiles.touch(scope, kept, urgent=after.state in OPT_OUTS)
            _follow_up(scope, kept, channel, purpose, after, everything)
    scope.connection.execute(_FORGET, whose)
    return lines


def tracks_opens(scope: Scope, person_id: int) -> bool:
    """Whether it may be recorded that this person opened a message."""
    held = profiles.held_profile(scope, person_id)
    told, found = _told(scope, person_id, "email", OPEN_TRACKING)
    known = {("email", OPEN_TRACKING): Consent(found.state, found.level, found.at)} if found else {}
    return may_track_opens(known, country_of(held, scope.shop.settings), in_force(scope.shop.settings))


def _told(scope: Scope, person_id: int, channel: str, purpose: str) -> tuple[dict[int, Evidence], Evidence | None]:
    """{line of the ledger: what it says}, and what that comes to."""
    read = scope.ahead.evidence.get(person_id)
    if read is not None:
        told = dict(read.get((channel, purpose), ()))
        return told, standing(told.values())
    asked = {"shop_id": scope.shop_id, "person_id": person_id, "channel": channel, "purpose": purpose}
    told = {row.id: as_evidence(row) for row in scope.connection.execute(_TOLD, asked)}
    return told, standing(told.values())


def as_evidence(row: Any) -> Evidence:
    """What a line of the ledger says. ``row``: with the columns of ``_TOLD``."""
    level = row.level.lower() if row.level else None
    return Evidence(row.state, level, row.source, row.evidence_at, row.verdict == IMPORT)


_TOLD = select(
    consent_ledger.c.id,
    consent_ledger.c.state,
    consent_ledger.c.level,
    consent_ledger.c.source,
    consent_ledger.c.evidence_at,
    consent_ledger.c.verdict,
).where(
    consent_ledger.c.shop_id == bindparam("shop_id"),
    consent_ledger.c.person_id == bindparam("person_id"),
    consent_ledger.c.channel == bindparam("channel"),
    consent_ledger.c.purpose == bindparam("purpose"),
)
_NOTE = text(
    """
INSERT INTO consent_ledger
    (shop_id, person_id, channel, purpose, state, level, source, evidence_at, evidence, recorded_at, verdict)
VALUES (:shop_id, :person_id, :channel, :purpose, :state, :level, :source, :evidence_at, CAST(:evidence AS jsonb),
    :recorded_at, :verdict)
RETURNING id
"""
)
_APPLY = text(
    """
INSERT INTO consents (shop_id, person_id, channel, purpose, state, level, source, evidence_at)
VALUES (:shop_id, :person_id, :channel, :purpose, :state, :level, :source, :evidence_at)
ON CONFLICT (shop_id, person_id, channel, purpose) DO UPDATE SET
    state = excluded.state, level = excluded.level, source = excluded.source, evidence_at = excluded.evidence_at
"""
)
_SUBJECTS = (
    select(consent_ledger.c.channel, consent_ledger.c.purpose)
    .distinct()
    .where(consent_ledger.c.shop_id == bindparam("shop_id"), consent_ledger.c.person_id == bindparam("gone"))
)
_FOLLOW = text(
    """
UPDATE consent_ledger SET person_id = :kept
WHERE shop_id = :shop_id AND person_id = :gone AND channel = :channel AND purpose = :purpose
"""
)
_FORGET = text("DELETE FROM consents WHERE shop_id = :shop_id AND person_id = :gone")


def _note(
    scope: Scope,
    person_id: int,
    channel: str,
    purpose: str,
    new: Evidence,
    verdict: str,
    evidence: Mapping[str, Any] | None,
) -> int:
    line = {
        **_line(scope, person_id, channel, purpose, new),
        "recorded_at": scope.now,
        "verdict": verdict,
    }
    shown = dict(evidence) if evidence else None
    read = scope.ahead.evidence.get(person_id)
    if read is not None:
        number = scope.number(consent_ledger)
        scope.write(consent_ledger, {**line, "id": number, "evidence": shown})
        read.setdefault((channel, purpose), {})[number] = new
        return number
    as_text = orjson.dumps(shown, default=str).decode() if shown else None
    return int(scope.connection.execute(_NOTE, {**line, "evidence": as_text}).scalar_one())


def _write(scope: Scope, person_id: int, channel: str, purpose: str, after: Evidence) -> None:
    line = _line(scope, person_id, channel, purpose, after)
    if person_id in scope.ahead.evidence:
        scope.write(consents, line)
    else:
        scope.connection.execute(_APPLY, line)


def _line(scope: Scope, person_id: int, channel: str, purpose: str, one: Evidence) -> dict[str, Any]:
    return {
        "shop_id": scope.shop_id,
        "person_id": person_id,
        "channel": channel,
        "purpose": purpose,
        "state": one.state,
        "level": one.level,
        "source": one.source,
        "evidence_at": one.at,
    }


def _same(after: Evidence, new: Evidence) -> bool:
    return (after.state, after.source, after.at) == (new.state, new.source, new.at)


def _shown(scope: Scope, person_id: int, channel: str, purpose: str, one: Evidence | None) -> str | None:
    """The state as flows see it: who has to confirm is pending."""
    if one is None:
        return None
    country = country_of(profiles.held_profile(scope, person_id), scope.shop.settings)
    consent = Consent(one.state, one.level, one.at)
    return shown_state(consent, country, channel, purpose, in_force(scope.shop.settings))


def _tell(
    scope: Scope,
    person_id: int,
    channel: str,
    purpose: str,
    before: Evidence | None,
    after: Evidence,
    new: Evidence,
) -> bool:
    """Tell of the change, if flows see one; whether they do."""
    old, now = (_shown(scope, person_id, channel, purpose, one) for one in (before, after))
    if old == now:
        return False
    # Of an undated word nobody knows when the person said it: it is told when it is heard.
    undated = after.at == UNDATED
    at = scope.now if undated else after.at
    # ... and is no news where it is the first that is heard of somebody who was there before.
    of_old = undated and scope.found_by is not None and (old is None or now not in OPT_OUTS)
    props = {"channel": channel, "purpose": purpose, "old": old, "new": now, "source": new.source}
    own = OWN.get(channel) == purpose
    identity = f"consent:{person_id}:{channel if own else f'{channel}/{purpose}'}:{now}:{at.isoformat()}"
    names = ["consent_changed"] + (["unsubscribed"] if own and now in OPT_OUTS else [])
    facts = [
        eventlog.Fact(
            name,
            identity,
            at,
            f"person:{person_id}",
            person_id,
            props=props,
            source=new.source,
            # An opt-out ends what runs, whenever we hear of it.
            historical=of_old or (new.imported and now not in OPT_OUTS),
        )
        for name in names
    ]
    eventlog.append(scope, facts)
    return True


def _follow_up(
    scope: Scope,
    person_id: int,
    channel: str,
    purpose: str,
    current: Evidence | None,
    told: Mapping[int, Evidence],
) -> None:
    """Ask for what others have to be told of it: the store of what it has not said itself, the person to confirm."""
    if current is None or OWN.get(channel) != purpose:
        return
    version = max((number for number, one in told.items() if _same(current, one)), default=0)
    settings = scope.shop.settings
    if current.source not in STORE and channel in ("email", "sms", "whatsapp") and settings["consent_to_store"]:
        # Also when the store has just said something older: it is told again.
        wishes.wish(scope, TO_STORE, person_id, max(told, default=version))
    asks = channel == "email" and settings["double_opt_in"]["template_id"] is not None and not current.imported
    # A sync that staff asked for sends nobody a mail.
    asks = asks and not scope.quiet
    if asks and current.state == SUBSCRIBED and _shown(scope, person_id, channel, purpose, current) == "pending":
        wishes.wish(scope, TO_CONFIRM, person_id, version)


def suppress(scope: Scope, channel: str, address: str, reason: str, since: datetime | None = None) -> None:
    """Never send to this address on this channel again (hard bounce, complaint, blocked). ``since``: None for now."""
    scope.connection.execute(
        insert(suppressions)
        .values(
            shop_id=scope.shop_id,
            channel=channel,
            address_digest=address_digest(scope.shop.salt, address),
            reason=reason,
            since=since or scope.now,
        )
        .on_conflict_do_nothing()
    )
