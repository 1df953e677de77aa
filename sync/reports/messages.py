"""What Brevo tells of messages: delivery, engagement, refusals, opt-outs, of ours and of those that others sent through
the same account.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy import bindparam, select, update

from connector import eventlog
from connector.models.outbox import outbox
from connector.outbox import NOT_TO_PEOPLE, hold, settle
from connector.scope import Scope
from connector.suppression import address_digest
from sync import address_opt_outs, consent, people
from sync.address_opt_outs import OptOut
from sync.reports import brake, opt_outs, states, whatsapp_numbers, words
from sync.reports.opt_outs import Consequence
from sync.reports.report import Report

# Our event -> the outbox column that keeps its first time.
_FIRST_TIME = {
    "message_delivered": "delivered_at",
    "message_opened": "opened_at",
    "message_clicked": "clicked_at",
    "message_bounced": "bounced_at",
    "message_complained": "complained_at",
    "message_unsubscribed": "unsubscribed_at",
}
OPENED_UNSEEN = "message_opened_without_consent"
"""An open of somebody of whom it may not be known."""


def lasting(word: object) -> str | None:
    """Why an address is not to be written to again after this word of Brevo's about an email; None when it may be."""
    follows = opt_outs.consequence(words.event("email", words.spelled(word)))
    return follows.suppression or (follows.state if follows.state in consent.OPT_OUTS else None)


def happened(scope: Scope, report: Report) -> None:
    """Apply one report. What is new to us is kept under the name of ``words.OTHER``.

    The caller holds the shop's NORMALISE lock: a number may be several people's.
    """
    row = _message(scope, report)
    if row is None and report.campaign is None and not NOT_TO_PEOPLE.isdisjoint(report.tags):
        # To staff, from one of them or a flow: what becomes of it counts nowhere, but an address that is dead is dead.
        _follow(scope, None, report)
        return
    person_id = row["person_id"] if row else _person(scope, report)
    event = report.event
    if event == "message_opened" and person_id is not None and not consent.tracks_opens(scope, person_id):
        # Whatever was recorded there: it may not be known here who opened what.
        event = OPENED_UNSEEN
    if row is not None:
        _remember(scope, row, report, event)
    _log(scope, row, person_id, report, event)
    _follow(scope, person_id, report)
    if event == "message_complained" and row is not None and (row["channel"], row["purpose"]) == ("email", "marketing"):
        brake.consider(scope)


def _log(scope: Scope, row: dict[str, Any] | None, person_id: int | None, report: Report, event: str) -> None:
    props = {
        "channel": report.channel,
        "event": report.word,
        "link": report.link or None,
        "reason": report.reason,
        "campaign": report.campaign,
        **about(row),
        **({"detail": dict(report.detail)} if report.detail else {}),
    }
    eventlog.append(
        scope,
        [
            eventlog.Fact(
                event, report.identity, report.at, subject(report, row), person_id, props=props, source="brevo"
            )
        ],
    )


def about(row: Mapping[str, Any] | None) -> dict[str, Any]:
    """What an event of a message says of it; ``row``: of the outbox, None when the message is not ours."""
    return {
        "flow": row["flow"] if row else None,
        "message": row["message"] if row else None,
        "run_id": str(row["run_id"]) if row else None,
    }


def subject(report: Report, row: Any) -> str:
    """What the fact is about: our message, a campaign, or a message that others sent."""
    if row is not None:
        return f"message:{row['id']}"
    return f"campaign:{report.campaign}" if report.campaign else f"{report.channel}:{report.message_id}"


def _message(scope: Scope, report: Report) -> dict[str, Any] | None:
    """Our message that this speaks of, with its person's lock: by our own key, else by the provider's id."""
    if report.campaign is not None:
        return None
    row = None
    if report.custom:
        row = scope.connection.execute(_BY_KEY, {"shop_id": scope.shop_id, "key": report.custom}).mappings().first()
    if row is None and report.message_id:
        named = {"shop_id": scope.shop_id, "id": report.message_id}
        if report.channel in _SHARED:
            statement, named = _BY_ID_AND_ADDRESS, named | {"digest": _digest(scope, report)}
        else:
            statement = _BY_ID
        row = scope.connection.execute(statement, named).mappings().first()
    return None if row is None else hold(scope, row)


def _digest(scope: Scope, report: Report) -> str:
    return address_digest(scope.shop.salt, report.address) if report.address else ""


# One call of theirs carries several messages, which have one id.
_SHARED = frozenset({"whatsapp"})
_BY_KEY = select(outbox).where(outbox.c.shop_id == bindparam("shop_id"), outbox.c.key == bindparam("key"))
_BY_ID = (
    select(outbox)
    .where(outbox.c.shop_id == bindparam("shop_id"), outbox.c.provider_message_id == bindparam("id"))
    .limit(1)
)
_BY_ID_AND_ADDRESS = _BY_ID.where(outbox.c.recipient_digest == bindparam("digest"))


def _person(scope: Scope, report: Report) -> int | None:
    """Whom a message that is not ours went to; of a number that several people have nobody can tell."""
    if report.channel != "email" or not report.address:
        return None
    return people.person_of(scope, "email", report.address)


def _remember(scope: Scope, row: dict[str, Any], report: Report, event: str) -> None:
    """Note the first time of what happened and how far the message came; an unknown outcome is settled: the provider
    has the message."""
    values: dict[str, Any] = {}
    if report.message_id and not row["provider_message_id"]:
        values["provider_message_id"] = report.message_id
    column = _FIRST_TIME.get(event)
    if column and (row[column] is None or report.at < row[column]):
        values[column] = report.at
    if (state := states.after(row["reported"], event)) != row["reported"]:
        values["reported"] = state
    if values:
        scope.connection.execute(
            update(outbox).where(outbox.c.shop_id == scope.shop_id, outbox.c.id == row["id"]).values(**values)
        )
    if row["state"] == "unknown" and event != "message_error":
        message_id = report.message_id or None
        settle(scope, row, "accepted", reason="provider_event", at=report.at, message_id=message_id)


def _follow(scope: Scope, person_id: int | None, report: Report) -> None:
    """What this means for writing to them again."""
    whatsapp_numbers.heard(scope, report)
    follows = opt_outs.consequence(report.event, channel=report.channel, reason=report.reason, text=report.text)
    if report.address is None or follows == opt_outs.NONE:
        return
    if follows.suppression:
        consent.suppress(scope, report.channel, report.address, follows.suppression)
    if person_id is not None and report.channel == "email":
        _record(scope, person_id, report, follows)
    elif follows.state in consent.OPT_OUTS:
        told = OptOut(report.channel, report.address, follows.state, report.at)
        address_opt_outs.learn(scope, [told], "brevo")
    elif follows.state and person_id is not None and people.held_profile(scope, person_id)["phone"] == report.address:
        _record(scope, person_id, report, follows)


def _record(scope: Scope, person_id: int, report: Report, follows: Consequence) -> None:
    if follows.state is None:
        return
    evidence = {"event": report.word, "message_id": report.message_id or None, "campaign": report.campaign}
    consent.record(
        scope,
        person_id,
        report.channel,
        follows.state,
        source="brevo",
        evidence_at=report.at,
        level=None if follows.state in consent.OPT_OUTS else "single_opt_in",
        evidence={name: value for name, value in evidence.items() if value},
    )
