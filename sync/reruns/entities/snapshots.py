"""What Brevo would be told of records now, read as their copies are read (``sync/copies``)."""

from __future__ import annotations

from collections.abc import Mapping

from sqlalchemy import Connection, text

from connector.shops import Shop
from sync.copies.resource import Claim, Read, Snapshot
from sync.orders import UNTOLD
from sync.reruns.entities.entity import Held

_SENT = text(
    "SELECT entity_id, sent_version FROM sync_state WHERE shop_id = :shop_id AND entity = :entity"
    " AND entity_id = ANY(:ids)"
)


def snapshots(
    connection: Connection, shop: Shop, copy: str, held: Mapping[int, Held], read: Read
) -> dict[int, Snapshot]:
    """{the store's id: what a call would send now}. ``copy``: its entity in ``sync_state``."""
    ids = [one.copy_id for one in held.values()]
    asked = {"shop_id": shop.id, "entity": copy, "ids": ids}
    sent = {row.entity_id: row.sent_version for row in connection.execute(_SENT, asked)}
    # Claims of nothing: what reads a copy asks for the version that Brevo has, and for no lease.
    claims = [
        Claim(copy, one.copy_id, one.version, sent.get(one.copy_id, 0), 0, UNTOLD, quiet=True) for one in held.values()
    ]
    found = read(connection, shop, claims)
    return {record_id: found[one.copy_id] for record_id, one in held.items() if one.copy_id in found}
