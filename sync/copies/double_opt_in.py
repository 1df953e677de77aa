"""Confirmation mails, where only a confirmed opt-in counts: Brevo's POST /contacts/doubleOptinConfirmation.

Each person is asked once and reminded once between one opt-out and the next. Brevo cannot be asked whether it took a
request, so the line that says that we asked is written before the call, and only an answer that nothing was accepted
takes it back.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, text

from connector import confirmation
from connector.consent_policy import country_of, in_force
from connector.db.session import autocommitted
from connector.errors import OutcomeUnknown, ProviderError, RateLimited, Refused
from connector.shops import Shop
from connector.suppression import address_digest
from flows.core.permission import CONFIRMED, OPEN_TRACKING, Consent, may_track_opens, shown_state
from sync.copies import upsert
from sync.copies.resource import Claim, Resource, Snapshot
from sync.copies.turn import DEFECTS, Interrupted, Turn

MOST = 2
"""The mail itself and one reminder."""
_BREVO = "brevo"

_PEOPLE = text(
    """
SELECT persons.id, persons.email, persons.country, persons.erased_at,
    consents.state, consents.level, consents.evidence_at, asked.times, asked.last_at,
    tracking.state AS tracking_state, tracking.level AS tracking_level, tracking.evidence_at AS tracking_at,
    ARRAY(SELECT address_digest FROM suppressions WHERE shop_id = :shop_id AND channel = 'email'
        AND address_digest = ANY(:digests) AND reason != 'sunset') AS suppressed
FROM persons
JOIN consents ON consents.shop_id = persons.shop_id AND consents.person_id = persons.id
    AND consents.channel = 'email' AND consents.purpose = 'newsletter'
LEFT JOIN consents AS tracking ON tracking.shop_id = persons.shop_id AND tracking.person_id = persons.id
    AND tracking.channel = 'email' AND tracking.purpose = 'open_tracking'
CROSS JOIN LATERAL (
    SELECT count(*) AS times, max(asked_at) AS last_at FROM double_opt_ins
    WHERE shop_id = :shop_id AND person_id = persons.id AND asked_at > coalesce((
        SELECT max(evidence_at) FROM consent_ledger
        WHERE shop_id = :shop_id AND person_id = persons.id AND channel = 'email' AND purpose = 'newsletter'
            AND state IN ('unsubscribed', 'undeliverable')
    ), '-infinity')
) AS asked
WHERE persons.shop_id = :shop_id AND persons.id = ANY(:ids)
"""
)
_EMAILS = text("SELECT id, email FROM persons WHERE shop_id = :shop_id AND id = ANY(:ids)")
_ASKING = text(
    """
INSERT INTO double_opt_ins (shop_id, person_id, ledger_id, n, asked_at)
VALUES (:shop_id, :person_id, :ledger_id, :n, :now) ON CONFLICT DO NOTHING RETURNING n
"""
)
_OUTCOME = text(
    "UPDATE double_opt_ins SET outcome = :outcome"
    " WHERE shop_id = :shop_id AND person_id = :person_id AND ledger_id = :ledger_id AND n = :n"
)
_TAKE_BACK = text(
    "DELETE FROM double_opt_ins"
    " WHERE shop_id = :shop_id AND person_id = :person_id AND ledger_id = :ledger_id AND n = :n"
)


@dataclass(frozen=True)
class _Asking:
    """Who is to be asked for the ``n``-th time, and when they were asked last."""

    email: str
    n: int
    last_at: datetime | None
    tracked: bool


def read(connection: Connection, shop: Shop, held: Sequence[Claim]) -> dict[int, Snapshot]:
    """Who still has to confirm."""
    by_id = {one.entity_id: one for one in held}
    asked: dict[str, Any] = {"shop_id": shop.id, "ids": list(by_id)}
    addresses = {row.id: row.email for row in connection.execute(_EMAILS, asked)}
    digests = {number: address_digest(shop.salt, email) for number, email in addresses.items() if email}
    rows = connection.execute(_PEOPLE, {**asked, "digests": list(digests.values())}).mappings()
    return {row["id"]: _snapshot(shop, by_id[row["id"]], dict(row), digests.get(row["id"])) for row in rows}


def _snapshot(shop: Shop, held: Claim, row: Mapping[str, Any], digest: str | None) -> Snapshot:
    policy, country = in_force(shop.settings), country_of(row, shop.settings)
    consent = Consent(row["state"], row["level"], row["evidence_at"])
    tracking = Consent(row["tracking_state"] or "not_subscribed", row["tracking_level"], row["tracking_at"])
    nothing = None
    if not row["email"]:
        nothing = "no_email"
    elif row["erased_at"] is not None:
        nothing = "erased"
    elif row["state"] != "subscribed" or row["level"] == CONFIRMED:
        nothing = f"{row['state']}: nothing to confirm"
    elif shown_state(consent, country, "email", "newsletter", policy) != "pending":
        nothing = "no confirmation is needed"
    elif digest in row["suppressed"]:
        nothing = "suppressed"
    elif not set_up(shop):
        nothing = "double_opt_in has no template_id or list_id"
    elif row["times"] >= MOST or (row["times"] and shop.settings["double_opt_in"]["reminder_days"] is None):
        nothing = "asked before"
    tracked = may_track_opens({("email", OPEN_TRACKING): tracking}, country, policy)
    return Snapshot(
        held, held.wanted_version, _Asking(row["email"], row["times"] + 1, row["last_at"], tracked), nothing
    )


def set_up(shop: Shop) -> bool:
    """Whether the merchant has said which template asks, and which list takes those who confirm."""
    chosen = shop.settings["double_opt_in"]
    return chosen["template_id"] is not None and chosen["list_id"] is not None


def _send(turn: Turn, held: Sequence[Claim]) -> None:
    granted = turn.calls(upsert.BUCKET, len(held))
    for snapshot in turn.read(read, held[:granted]):
        if wait := _early(turn, snapshot.body):
            turn.postpone(snapshot, _later(wait))
            continue
        if not turn.use(upsert.BUCKET):
            return
        try:
            _ask(turn, snapshot)
        except Refused as error:
            turn.refused(snapshot, error)
        except DEFECTS as error:
            turn.refused(snapshot, Refused(_BREVO, f"cannot be asked: {type(error).__name__}: {error}"))
        except ProviderError as error:
            turn.postpone(snapshot, error)
            raise Interrupted(error) from error
        else:
            _reminded(turn, snapshot)


def _early(turn: Turn, asking: _Asking) -> float:
    """Seconds until the reminder is due; 0 when the mail may go."""
    days = turn.shop.settings["double_opt_in"]["reminder_days"]
    if asking.last_at is None or days is None:
        return 0.0
    return max((asking.last_at + timedelta(days=days) - turn.deps.clock.now()).total_seconds(), 0.0)


def _reminded(turn: Turn, snapshot: Snapshot) -> None:
    """The mail was asked for; the row stays due until the reminder, if there is to be one."""
    days = turn.shop.settings["double_opt_in"]["reminder_days"]
    if snapshot.body.n < MOST and days is not None:
        turn.postpone(snapshot, _later(days * 86_400.0), sent=snapshot.version)
    else:
        turn.sent(snapshot)


def _later(seconds: float) -> RateLimited:
    return RateLimited(_BREVO, "waiting for the answer", after=seconds)


def _ask(turn: Turn, snapshot: Snapshot) -> None:
    asking: _Asking = snapshot.body
    line = {
        "shop_id": turn.shop.id,
        "person_id": snapshot.claim.entity_id,
        "ledger_id": snapshot.version,
        "n": asking.n,
    }
    with autocommitted(turn.deps.engine) as connection:
        mine = connection.execute(_ASKING, {**line, "now": turn.deps.clock.now()}).first()
    if mine is None:
        return
    settings = turn.deps.settings
    chosen = turn.shop.settings["double_opt_in"]
    link = confirmation.token(settings.secret_keys, turn.shop.id, line["person_id"], snapshot.version)
    try:
        turn.account.ask_to_confirm(
            {
                "email": asking.email,
                "includeListIds": [chosen["list_id"]],
                "templateId": chosen["template_id"],
                "redirectionUrl": f"{settings.public_url}/confirmed/{link}",
                "contactPixelTrackingConsent": asking.tracked,
            }
        )
    except OutcomeUnknown:
        # Perhaps the mail left. It is not asked for twice; the reminder is the second chance.
        _note(turn, line, "unknown")
    except Refused:
        _note(turn, line, "refused")
        raise
    except ProviderError:
        with autocommitted(turn.deps.engine) as connection:
            connection.execute(_TAKE_BACK, line)
        raise
    else:
        _note(turn, line, "accepted")


def _note(turn: Turn, line: Mapping[str, Any], outcome: str) -> None:
    with autocommitted(turn.deps.engine) as connection:
        connection.execute(_OUTCOME, {**line, "outcome": outcome})


DOUBLE_OPT_INS = Resource("double_opt_in", 5, _send)
