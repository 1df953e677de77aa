"""What a person chose on the unsubscribe page, carried out in one transaction."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Connection, select, update

from connector import shops
from connector.locks import lock_persons
from connector.models.outbox import outbox
from connector.models.person import consents, persons
from connector.scope import Scope
from connector.unsubscribe import Unsubscribe
from sync import consent

SOURCE = "unsubscribe_page"
SUBSCRIBED = "subscribed"
UNSUBSCRIBED = "unsubscribed"


@dataclass(frozen=True)
class Standing:
    """``state`` of the consent for the link's channel; None when nothing is known (any more)."""

    shop_name: str
    state: str | None


def standing(connection: Connection, link: Unsubscribe) -> Standing:
    """How things stand. Raises LookupError when the shop is not connected any more."""
    shop = shops.load(connection, link.shop_id)
    current = _current(connection, link)
    return Standing(shop.name, current[0] if current else None)


def leave(scope: Scope, link: Unsubscribe) -> bool:
    """Opt the person out; whether that changed anything. Asking twice, or after an erasure, is no error."""
    if not _lock(scope, link):
        return False
    current = _current(scope.connection, link)
    if current and current[0] == UNSUBSCRIBED:
        return False
    consent.record(
        scope,
        link.person_id,
        link.channel,
        UNSUBSCRIBED,
        source=SOURCE,
        evidence_at=_after(scope.now, current),
    )
    if link.outbox_id is not None:
        scope.connection.execute(
            update(outbox)
            .where(
                outbox.c.shop_id == link.shop_id,
                outbox.c.id == link.outbox_id,
                outbox.c.unsubscribed_at.is_(None),
            )
            .values(unsubscribed_at=scope.now)
        )
    return True


def stay(scope: Scope, link: Unsubscribe) -> bool:
    """Take an opt-out back; whether that changed anything. Nobody is subscribed here who was not before."""
    if not _lock(scope, link):
        return False
    current = _current(scope.connection, link)
    if not current or current[0] != UNSUBSCRIBED:
        return False
    return consent.record(
        scope,
        link.person_id,
        link.channel,
        SUBSCRIBED,
        source=SOURCE,
        evidence_at=_after(scope.now, current),
    )


def _lock(scope: Scope, link: Unsubscribe) -> bool:
    """Whether the person is still there, and now ours until the end of the transaction."""
    there = scope.connection.execute(
        select(persons.c.id).where(
            persons.c.shop_id == link.shop_id, persons.c.id == link.person_id, persons.c.erased_at.is_(None)
        )
    ).first()
    if there is not None:
        lock_persons(scope, [link.person_id])
    return there is not None


def _current(connection: Connection, link: Unsubscribe) -> tuple[str, datetime] | None:
    row = connection.execute(
        select(consents.c.state, consents.c.evidence_at).where(
            consents.c.shop_id == link.shop_id,
            consents.c.person_id == link.person_id,
            consents.c.channel == link.channel,
        )
    ).first()
    return (row.state, row.evidence_at) if row else None


def _after(now: datetime, current: tuple[str, datetime] | None) -> datetime:
    """When the person chose. They saw how things stood, so it is later than that, whatever clock wrote it."""
    return max(now, current[1] + timedelta(microseconds=1)) if current else now
