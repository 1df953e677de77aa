"""What stands still at the provider until somebody acts: no credits left, a key that is refused.

While a channel is paused nothing of it is claimed: its messages stay due, without attempts, until their deadline or
the end of the pause. At growing intervals one message leaves as a probe; when it is accepted the pause is over. Staff
can end it earlier (``connector channel resume``).
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from sqlalchemy import ColumnElement, Connection, and_, delete, select, update
from sqlalchemy.dialects.postgresql import insert

from connector.errors import ActionNeeded
from connector.logging import get
from connector.models.pause import channel_pauses
from connector.scope import Scope

log = get(__name__)

ACCOUNT = "account"
"""Pauses every channel, and what else is told to the provider."""

NAMES: Mapping[str, str] = {
    ACCOUNT: "Everything at Brevo",
    "email": "Sending emails",
    "email:marketing": "Sending marketing emails",
    "sms": "Sending text messages",
    "whatsapp": "Sending WhatsApp messages",
    "push": "Sending push messages",
}
"""What stands still, for staff."""

REASONS: Mapping[str, str] = {
    "no_credits": "Brevo says that the account has no credits left: buy credits, or wait for the plan's next day.",
    "key_refused": "Brevo refuses the API key: check the key and Brevo's authorised IP addresses, then connect Brevo"
    " again with a valid key on the page Brevo.",
    "unknown_ip": "Brevo does not know the address that our calls come from: authorise it at Brevo under Security,"
    " Authorised IPs, then let the channel go on.",
    "access_ended": "Brevo no longer renews the access that was agreed to: connect Brevo again on the shop's page.",
    "app_refused": "Brevo does not accept this connector as an app: whoever runs it has to correct the client id, the"
    " secret and the address of Brevo's sign-in in its settings.",
    "in_review": "Brevo is still reviewing the account: wait, or write to Brevo's support.",
    "not_allowed": "Brevo does not allow this to the account or its API key: check the key's permissions and whether"
    " the account is under review.",
    "survey": "Brevo is being asked who has opted out there; until that is known it is told nothing and sends nothing."
    " That takes some minutes and ends by itself.",
    "moved": "Brevo answers from another address: whoever runs this connector has to correct Brevo's address in its"
    " settings.",
    "complaints": "Too many people reported the marketing emails as spam; mailbox providers would soon refuse all mail"
    " of the shop. Find out who got mails that they did not expect, and let it go on with a word on what was changed.",
}
"""What each reason means and what to do, for staff."""

BY_STAFF = frozenset({"complaints"})
"""Reasons of pauses that nothing ends but staff, with a reason of their own: there is nothing to try."""

SURVEY = "survey"
"""Why the account stands still until Brevo has been asked who opted out there."""

# Machine seconds from the pause to its first probe, twice as long after each, up to the longest.
_FIRST_PROBE, _LONGEST_PROBE = 60.0, 3600.0
_NEVER = datetime(9999, 1, 1, tzinfo=UTC)
_DETAIL_LENGTH = 300
_REASONS_OF: Mapping[int | str, str] = {
    401: "key_refused",
    402: "no_credits",
    403: "not_allowed",
    "unknown_ip": "unknown_ip",
    "invalid_grant": "access_ended",
    "invalid_client": "app_refused",
    "account_under_validation": "in_review",
}


@dataclass(frozen=True)
class Pause:
    """``since`` is business time, ``probe_real`` machine time. ``detail``: what the provider said."""

    channel: str
    reason: str
    detail: str
    since: datetime
    probe_real: datetime
    probes: int

    @property
    def sentence(self) -> str:
        return REASONS[self.reason]

    @property
    def by_staff(self) -> bool:
        """Whether only staff end it."""
        return self.reason in BY_STAFF


def named(channel: str) -> str:
    """What stands still, in words."""
    return NAMES.get(channel, channel)


def pauses(connection: Connection, shop_id: int) -> list[Pause]:
    """What stands still at this shop, by channel."""
    rows = connection.execute(
        select(channel_pauses).where(channel_pauses.c.shop_id == shop_id).order_by(channel_pauses.c.channel)
    )
    return [Pause(row.channel, row.reason, row.detail, row.since, row.probe_real, row.probes) for row in rows]


def closed(standing: Collection[Pause], machine: datetime) -> set[str]:
    """The channels of which nothing may be claimed; ACCOUNT stands for all. One whose probe is due is not closed."""
    return {pause.channel for pause in standing if pause.probe_real > machine}


def start(scope: Scope, channel: str, error: ActionNeeded) -> None:
    """Pause what this answer to a call of ``channel`` is about: one that refuses us (401) the account, all else the
    channel.

    A pause that stands goes on with its own probes; what the provider says now replaces what it said. One that is held
    (``hold``) stays what it is: whoever held it has yet to lift it.
    """
    reason = _REASONS_OF.get(error.code) or _REASONS_OF.get(error.status, "moved")
    where = ACCOUNT if error.status == 401 else channel
    statement = insert(channel_pauses).values(
        shop_id=scope.shop_id,
        channel=where,
        reason=reason,
        detail=error.detail[:_DETAIL_LENGTH],
        since=scope.now,
        probe_real=scope.machine + _until_probe(0),
        probes=0,
    )
    said = statement.excluded
    scope.connection.execute(
        statement.on_conflict_do_update(
            index_elements=["shop_id", "channel"],
            set_={"reason": said.reason, "detail": said.detail},
            where=channel_pauses.c.probe_real < _NEVER,
        )
    )
    log.warning("channel_paused", shop_id=scope.shop_id, channel=where, reason=reason, status=error.status)


def hold(connection: Connection, shop_id: int, channel: str, reason: str, detail: str, now: datetime) -> None:
    """Pause a channel, or a purpose of it ("email:marketing"), until whoever asked for it lifts it, without probes."""
    statement = insert(channel_pauses).values(
        shop_id=shop_id, channel=channel, reason=reason, detail=detail, since=now, probe_real=_NEVER, probes=0
    )
    said = statement.excluded
    changed = {"reason": said.reason, "detail": said.detail, "probe_real": said.probe_real}
    connection.execute(statement.on_conflict_do_update(index_elements=["shop_id", "channel"], set_=changed))
    log.info("channel_held", shop_id=shop_id, channel=channel, reason=reason)


def claim_probe(connection: Connection, shop_id: int, channel: str, machine: datetime) -> bool:
    """Whether the caller is the one that may try one message now, of a channel whose pause is due for a probe."""
    rows = connection.execute(
        select(channel_pauses.c.channel, channel_pauses.c.probes)
        .where(_of(shop_id, channel), channel_pauses.c.probe_real <= machine)
        .with_for_update(skip_locked=True)
    ).all()
    for row in rows:
        connection.execute(
            update(channel_pauses)
            .where(channel_pauses.c.shop_id == shop_id, channel_pauses.c.channel == row.channel)
            .values(probes=row.probes + 1, probe_real=machine + _until_probe(row.probes + 1))
        )
    return bool(rows)


def return_probe(connection: Connection, shop_id: int, channel: str, machine: datetime) -> None:
    """The probe was not made, because the message had better not leave: another one may try at once."""
    probed = and_(_of(shop_id, channel), channel_pauses.c.probe_real < _NEVER)
    connection.execute(update(channel_pauses).where(probed).values(probe_real=machine))


def lift(connection: Connection, shop_id: int, channels: Collection[str] | None = None) -> list[str]:
    """End the pauses of these channels; returns which there were. None: all of the shop, but what only staff end."""
    statement = delete(channel_pauses).where(channel_pauses.c.shop_id == shop_id)
    if channels is None:
        statement = statement.where(channel_pauses.c.reason.not_in(BY_STAFF))
    else:
        statement = statement.where(channel_pauses.c.channel.in_(channels))
    lifted = sorted(connection.scalars(statement.returning(channel_pauses.c.channel)))
    for channel in lifted:
        log.info("channel_resumed", shop_id=shop_id, channel=channel)
    return lifted


def _of(shop_id: int, channel: str) -> ColumnElement[bool]:
    return and_(channel_pauses.c.shop_id == shop_id, channel_pauses.c.channel.in_((channel, ACCOUNT)))


def _until_probe(probes: int) -> timedelta:
    return timedelta(seconds=min(_FIRST_PROBE * 2**probes, _LONGEST_PROBE))
