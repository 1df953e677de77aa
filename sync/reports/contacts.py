"""What somebody changed about a contact at Brevo: opt-outs made there, sign-ups to our list, contacts that are gone.

Brevo reports our own writes too. They are known by the name of the API key that made them (``api_key_name``, since
2026-11-01; "" is a person or a form) where the shop's settings name our keys, and besides by what they say: what our
ledger says already, or said when we told it, is no news. So that nothing of ours comes back as somebody's word, and
no echo is answered by a write.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import bindparam, func, select, text

from connector import eventlog
from connector.db.rows import among
from connector.models.person import consent_ledger, consents
from connector.scope import Scope
from flows.core.permission import OWN
from sync import address_opt_outs, consent, lists, people
from sync.address_opt_outs import OptOut
from sync.reports.words import BLOCKLISTS, spelled

# An opt-out of ours that is younger than this when Brevo reports one may be what is reported.
_ECHO = timedelta(hours=1)
DELETED = "deleted at Brevo"
"""The note of a contact that is gone there."""


@dataclass(frozen=True)
class ContactReport:
    """``event``: contact_updated, contact_deleted or list_addition. ``changed``: what is different now, by name.

    ``key_name``: of the API key that wrote it; "": it was no API key; None: Brevo did not say.
    """

    event: str
    email: str
    at: datetime
    changed: Mapping[str, Any]
    list_ids: tuple[int, ...] = ()
    key_name: str | None = None


def blocklisted(changed: Mapping[str, Any]) -> dict[str, bool]:
    """{channel: whether the contact is on Brevo's blocklist of it now}, of those that this change is about."""
    found: dict[str, bool] = {}
    for name, value in changed.items():
        channel = BLOCKLISTS.get(spelled(name))
        if channel and isinstance(value, bool | int | str):
            found[channel] = value if isinstance(value, bool) else str(value).lower() in ("1", "true", "yes")
    return found


def told(scope: Scope, report: ContactReport) -> None:
    """Apply one report. The caller holds the shop's NORMALISE lock."""
    if _by_our_key(scope, report):
        return
    person_id = people.person_of(scope, "email", report.email)
    if report.event == "contact_updated":
        for channel, is_blocked in sorted(blocklisted(report.changed).items()):
            _flagged(scope, report, person_id, channel, is_blocked)
    elif person_id is not None and report.event == "list_addition":
        _listed(scope, report, person_id)
    elif person_id is not None and report.event == "contact_deleted":
        _gone(scope, report, person_id)


def _by_our_key(scope: Scope, report: ContactReport) -> bool:
    return bool(report.key_name) and report.key_name in scope.shop.settings["brevo_key_names"]


def _flagged(scope: Scope, report: ContactReport, person_id: int | None, channel: str, is_blocked: bool) -> None:
    if person_id is None:
        if is_blocked and channel == "email":
            address_opt_outs.learn(scope, [OptOut("email", report.email, "unsubscribed", report.at)], "brevo")
        return
    people.held_profile(scope, person_id)
    now = _standing(scope, person_id, channel)
    if is_blocked:
        if now is not None and now.state in consent.OPT_OUTS:
            return
        if report.key_name != "" and _opted_out_lately(scope, person_id, channel, report.at):
            # We told Brevo so ourselves; that the person has agreed again since is being told.
            return
        _note(scope, report, person_id, {"channel": channel, "blocklisted": True})
        _record(scope, report, person_id, channel, "unsubscribed")
    elif report.key_name == "" and now is not None and now.state in consent.OPT_OUTS and now.source == "brevo":
        # Staff take back what was done there. What the person said elsewhere no click at Brevo undoes.
        _note(scope, report, person_id, {"channel": channel, "blocklisted": False})
        _record(scope, report, person_id, channel, "subscribed", level="unknown")


def _listed(scope: Scope, report: ContactReport, person_id: int) -> None:
    """Somebody signed up at Brevo, or was put on a list of ours. Nobody knows which, so it never undoes an opt-out."""
    for channel, list_id in sorted(lists.by_channel(scope.shop).items()):
        # Most are told back to us of everybody whom we have just imported: that costs a look, and no lock.
        if list_id not in report.list_ids or _agreed(scope, person_id, channel):
            continue
        people.held_profile(scope, person_id)
        if not _agreed(scope, person_id, channel):
            _note(scope, report, person_id, {"channel": channel, "list_id": list_id})
            _record(scope, report, person_id, channel, "subscribed", implied=True)


def _gone(scope: Scope, report: ContactReport, person_id: int) -> None:
    """The contact is made again when the store tells something new of the person, and not before: whoever deleted it
    had a reason. Orders and events find no contact meanwhile. What Brevo forgets with it (the blocklist) is in our
    ledger.
    """
    if people.held_profile(scope, person_id)["email"] != report.email:
        # One that was left over by a new address or a merge, which we delete ourselves.
        return
    given = {"shop_id": scope.shop_id, "person_id": person_id, "reason": DELETED}
    if scope.connection.execute(_FORGET_COPY, given).rowcount:
        _note(scope, report, person_id, {})


_FORGET_COPY = text(
    """
UPDATE sync_state SET sent_version = 0, reason = CASE state WHEN 'done' THEN :reason ELSE reason END
WHERE shop_id = :shop_id AND entity = 'contact' AND entity_id = :person_id AND sent_version > 0
"""
)


def _agreed(scope: Scope, person_id: int, channel: str) -> bool:
    now = _standing(scope, person_id, channel)
    return now is not None and now.state == consent.SUBSCRIBED


def _standing(scope: Scope, person_id: int, channel: str) -> Any:
    """state and source of the person's consent to this channel; None when nothing is known."""
    asked = {"shop_id": scope.shop_id, "person_id": person_id, "channel": channel, "purpose": OWN[channel]}
    return scope.connection.execute(_STANDING, asked).first()


_STANDING = select(consents.c.state, consents.c.source).where(
    consents.c.shop_id == bindparam("shop_id"),
    consents.c.person_id == bindparam("person_id"),
    consents.c.channel == bindparam("channel"),
    consents.c.purpose == bindparam("purpose"),
)


def _opted_out_lately(scope: Scope, person_id: int, channel: str, at: datetime) -> bool:
    asked = {"shop_id": scope.shop_id, "person_id": person_id, "channel": channel, "purpose": OWN[channel]}
    asked |= {"since": at - _ECHO, "opt_outs": sorted(consent.OPT_OUTS)}
    return bool(scope.connection.scalar(_LATELY, asked))


_LATELY = select(func.count()).where(
    consent_ledger.c.shop_id == bindparam("shop_id"),
    consent_ledger.c.person_id == bindparam("person_id"),
    consent_ledger.c.channel == bindparam("channel"),
    consent_ledger.c.purpose == bindparam("purpose"),
    consent_ledger.c.recorded_at >= bindparam("since"),
    among(consent_ledger.c.state, "opt_outs"),
)


def _record(
    scope: Scope,
    report: ContactReport,
    person_id: int,
    channel: str,
    state: str,
    *,
    level: str | None = None,
    implied: bool = False,
) -> None:
    consent.record(
        scope,
        person_id,
        channel,
        state,
        source="brevo",
        evidence_at=report.at,
        level=level,
        implied=implied,
        evidence={"event": report.event, "api_key_name": report.key_name},
    )


def _note(scope: Scope, report: ContactReport, person_id: int, props: Mapping[str, Any]) -> None:
    """What was done there, in the event log. ``props``: nothing of what the contact holds."""
    which = ":".join(str(value) for value in props.values())
    identity = f"brevo:contact:{report.event}:{report.email}:{report.at.isoformat()}:{which}"
    fact = eventlog.Fact(
        f"{report.event}_at_brevo",
        identity,
        report.at,
        f"person:{person_id}",
        person_id,
        props={**props, "key": report.key_name},
        source="brevo",
    )
    eventlog.append(scope, [fact])
