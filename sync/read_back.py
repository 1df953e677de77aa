"""Contacts read back from Brevo: which of the values that it took it has dropped, about which it says nothing."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from sqlalchemy import text

from connector.brevo.client import BrevoAccount
from connector.db.session import autocommitted
from connector.deps import Deps
from connector.shops import Shop
from sync.copies import contact, upsert
from sync.copies.resource import Claim
from sync.mapping import contact as mapping

# A call waits so long for its turn, in machine seconds.
_PATIENCE = 10.0


@dataclass(frozen=True)
class ReadBack:
    """``contacts`` were looked at; ``dropped``: {attribute: at how many of them Brevo lacks what it was sent}.
    ``absent``: how many of them Brevo does not have at all."""

    contacts: int
    dropped: dict[str, int]
    absent: int

    @property
    def sentences(self) -> list[str]:
        """What is wrong, for staff."""
        lost = [
            f"Brevo has dropped the values of {name} at {count} of {self.contacts} contacts"
            for name, count in sorted(self.dropped.items())
        ]
        return lost + ([f"{self.absent} of {self.contacts} contacts are not at Brevo any more"] if self.absent else [])


def sample(deps: Deps, shop: Shop, account: BrevoAccount, most: int = 5, *, lane: str = "maintenance") -> ReadBack:
    """Read back the newest contacts whose every change was told, one call each. Raises ProviderError."""
    attributes = mapping.of_shop(shop)
    machine = deps.clock.machine()
    with autocommitted(deps.engine) as connection:
        rows = connection.execute(_TOLD, {"shop_id": shop.id, "most": most}).all()
        held = [Claim("contact", row.entity_id, row.sent_version, row.sent_version, 0, machine) for row in rows]
        found = contact.read(connection, shop, held)
    bodies = [
        one.body.body(attributes)
        for one in found.values()
        if one.nothing is None and isinstance(one.body, upsert.Contact)
    ]
    dropped: Counter[str] = Counter()
    absent = 0
    for body in bodies:
        account.await_turn(upsert.BUCKET, _PATIENCE, lane=lane)
        there = account.get_contact(body["email"])
        if there is None:
            absent += 1
            continue
        has = there.get("attributes") or {}
        sent = {name for name, value in body.get("attributes", {}).items() if value != ""} - mapping.IDENTIFIERS
        dropped.update(name for name in sent if has.get(name) in (None, ""))
    return ReadBack(len(bodies), dict(dropped), absent)


_TOLD = text(
    """
SELECT sync_state.entity_id, sync_state.sent_version FROM sync_state
JOIN persons ON persons.shop_id = sync_state.shop_id AND persons.id = sync_state.entity_id
    AND persons.version = sync_state.sent_version
WHERE sync_state.shop_id = :shop_id AND sync_state.entity = 'contact' AND sync_state.state = 'done'
    AND persons.email IS NOT NULL AND persons.erased_at IS NULL AND persons.merged_into IS NULL
ORDER BY sync_state.due_real DESC LIMIT :most
"""
)
