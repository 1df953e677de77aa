"""Who followed one of our links, what they said before, and putting down what they say now."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, RowMapping, bindparam, func, select, update

from connector import shops
from connector.models.outbox import outbox
from connector.models.person import consents, persons
from connector.scope import Scope
from connector.shops import Shop
from connector.unsubscribe import Unsubscribe
from flows.core.permission import OWN, Consent
from sync import consent, merging
from sync.consent_evidence import OPT_OUTS, UNDATED


@dataclass(frozen=True, slots=True)
class Word(Consent):
    """A consent on record, with who told us."""

    source: str = ""

    @property
    def said_at(self) -> datetime | None:
        """When they said so; None when nobody knows."""
        return None if self.evidence_at == UNDATED else self.evidence_at


@dataclass(frozen=True)
class Visitor:
    """``person``: the row of whoever they are now, None when nothing is held of them (any more). ``words``: what is on
    record, by (channel, purpose). ``now``: business time."""

    shop: Shop
    link: Unsubscribe
    now: datetime
    person: RowMapping | None
    words: Mapping[tuple[str, str], Word]

    @property
    def locale(self) -> str | None:
        return self.person["locale"] if self.person else None


def look_up(connection: Connection, link: Unsubscribe, now: datetime) -> Visitor:
    """Raises LookupError when the shop is not connected any more."""
    shop = shops.load(connection, link.shop_id)
    person_id = connection.scalar(_WHO, {"shop_id": shop.id, "person_id": link.person_id})
    return _visitor(connection, shop, link, person_id, now)


def receive(scope: Scope, link: Unsubscribe) -> Visitor:
    """The same for writing: the person is ours until the end of the transaction."""
    try:
        person_id: int | None = merging.present(scope, link.person_id)
    except LookupError:
        person_id = None
    return _visitor(scope.connection, scope.shop, link, person_id, scope.now)


def say(
    scope: Scope,
    visitor: Visitor,
    channel: str,
    purpose: str,
    state: str,
    *,
    source: str,
    level: str | None = None,
    evidence: Mapping[str, Any] | None = None,
) -> bool:
    """Record what somebody chose on a page; whether that changed anything. ``visitor`` was received in this scope.

    An opt-out of what the link is about is noted at the message that the link stood in.
    """
    assert visitor.person is not None
    known, link = visitor.words.get((channel, purpose)), visitor.link
    changed = consent.record(
        scope,
        visitor.person["id"],
        channel,
        state,
        purpose=purpose,
        source=source,
        level=level,
        evidence_at=_after(scope.now, known),
        evidence={"outbox_id": link.outbox_id, **(evidence or {})},
    )
    if state in OPT_OUTS and channel == link.channel and OWN.get(channel) == purpose:
        scope.connection.execute(_NOTE_AT_MESSAGE, {"shop": link.shop_id, "outbox": link.outbox_id, "now": scope.now})
    return changed


def _visitor(connection: Connection, shop: Shop, link: Unsubscribe, person_id: int | None, now: datetime) -> Visitor:
    whose = {"shop_id": shop.id, "person_id": person_id}
    person = connection.execute(_PERSON, whose).mappings().first()
    words = {
        (row.channel, row.purpose): Word(
            row.state, row.level.lower() if row.level else None, row.evidence_at, row.source
        )
        for row in (connection.execute(_WORDS, whose) if person else ())
    }
    return Visitor(shop, link, now, person, words)


def _after(now: datetime, known: Word | None) -> datetime:
    """When the person chose. They saw how things stood, so it is later than that, whatever clock wrote it."""
    return max(now, known.evidence_at + timedelta(microseconds=1)) if known and known.evidence_at else now


# Links in old mails name people who were merged since.
_WHO = select(func.coalesce(persons.c.merged_into, persons.c.id)).where(
    persons.c.shop_id == bindparam("shop_id"), persons.c.id == bindparam("person_id")
)
_PERSON = select(
    persons.c.id, persons.c.email, persons.c.phone, persons.c.locale, persons.c.country, persons.c.orders_count
).where(
    persons.c.shop_id == bindparam("shop_id"), persons.c.id == bindparam("person_id"), persons.c.erased_at.is_(None)
)
_WORDS = select(
    consents.c.channel,
    consents.c.purpose,
    consents.c.state,
    consents.c.level,
    consents.c.source,
    consents.c.evidence_at,
).where(consents.c.shop_id == bindparam("shop_id"), consents.c.person_id == bindparam("person_id"))
_NOTE_AT_MESSAGE = (
    update(outbox)
    .where(
        outbox.c.shop_id == bindparam("shop"), outbox.c.id == bindparam("outbox"), outbox.c.unsubscribed_at.is_(None)
    )
    .values(unsubscribed_at=bindparam("now"))
)
