"""Contacts of people who were merged into others (``sync/merging/``): one person has one contact at Brevo.

Why the other contact is deleted and not left or merged there: nobody would tell it of an opt-out any more, and Brevo's
own merging (``forceMerge``) keeps whichever was modified last. What was said of it stays in our ledger, which is the
kept one's.
"""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import Connection, text

from connector.db.session import autocommitted
from connector.shops import Shop
from sync.copies import upsert
from sync.copies.resource import Also, Claim, Snapshot
from sync.copies.turn import Turn

MERGED = "merged"
"""The note of a contact that is somebody else's now."""


@dataclass(frozen=True)
class LeftOver:
    """The address of a contact that is to go, and whose it was."""

    gone_id: int
    email: str


def read(connection: Connection, shop: Shop, held: Claim, version: int) -> Snapshot:
    """What is to be done about the contact of this person, who was merged into another.

    Whoever has the address by now, here or in a shop that shares the account, has its contact too.
    """
    asked = {"gone_id": held.entity_id, "shop_id": shop.id, "shops": [shop.id, *shop.sharing]}
    row = connection.execute(_LEFT, asked).first()
    if row is None:
        return Snapshot(held, version, nothing=MERGED)
    if row.taken:
        return Snapshot(held, version, nothing=MERGED, also=Also(_FORGET, {"gone_id": held.entity_id}))
    return Snapshot(held, version, LeftOver(held.entity_id, row.email))


_LEFT = text(
    """
SELECT email, EXISTS (
    SELECT FROM persons WHERE persons.shop_id = ANY(CAST(:shops AS bigint[])) AND persons.email = left_contacts.email
) AS taken
FROM left_contacts WHERE shop_id = :shop_id AND gone_id = :gone_id
"""
)
_FORGET = "DELETE FROM left_contacts WHERE shop_id = :shop_id AND gone_id = :gone_id"


def remove(turn: Turn, left: LeftOver) -> str:
    """Delete the contact at Brevo. It may have kept the customer's id from the one who has it now: that contact is
    told once more."""
    turn.account.delete_contact(left.email)
    with autocommitted(turn.deps.engine) as connection:
        given = {"shop_id": turn.shop.id, "gone_id": left.gone_id, "machine": turn.deps.clock.machine()}
        connection.execute(_REMOVED, {**given, "without_id": f"{upsert.WITHOUT_ID}%"})
    return MERGED


_REMOVED = text(
    f"""
WITH removed AS ({_FORGET} RETURNING person_id)
UPDATE sync_state SET state = 'due', due_real = :machine FROM removed
WHERE shop_id = :shop_id AND entity = 'contact' AND entity_id = removed.person_id
    AND state = 'done' AND reason LIKE :without_id
"""  # noqa: S608  of this module's own words only
)
