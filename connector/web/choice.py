"""What a person chose on the unsubscribe page, carried out in one transaction."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from sqlalchemy import Connection, func, select, update

from connector import shops
from connector.models.outbox import outbox
from connector.models.person import consents, persons
from connector.scope import Scope
from connector.unsubscribe import Unsubscribe
from flows.core.permission import OWN
from sync import consent, merging

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
    found = _held(scope, link)
    if found is None:
        return False
    link = found
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
        evidence={"outbox_id": link.outbox_id},
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
    found = _held(scope, link)
    if found is None:
        return False
    link = found
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


def _held(scope: Scope, link: Unsubscribe) -> Unsubscribe | None:
    """The link of whoever the person is now, ours until the end of the transaction; None when they are erased."""
    try:
        person_id = merging.present(scope, link.person_id)
    except LookupError:
        return None
    erased = select(persons.c.erased_at).where(persons.c.shop_id == link.shop_id, persons.c.id == person_id)
    return None if scope.connection.scalar(erased) is not None else replace(link, person_id=person_id)


def _current(connection: Connection, link: Unsubscribe) -> tuple[str, datetime] | None:
    row = connection.execute(
        select(consents.c.state, consents.c.evidence_at).where(
            consents.c.shop_id == link.shop_id,
            # Of whoever the person is now: links in old mails name people who were merged since.
            consents.c.person_id
            == select(func.coalesce(persons.c.merged_into, persons.c.id))
            .where(persons.c.shop_id == link.shop_id, persons.c.id == link.person_id)
            .scalar_subquery(),
            consents.c.channel == link.channel,
            consents.c.purpose == OWN.get(link.channel, link.channel),
        )
    ).first()
    return (row.state, row.evidence_at) if row else None


def _after(now: datetime, current: tuple[str, datetime] | None) -> datetime:
    """When the person chose. They saw how things stood, so it is later than that, whatever clock wrote it."""
    return max(now, current[1] + timedelta(microseconds=1)) if current else now
