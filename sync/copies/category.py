"""Collections at Brevo, as categories. Calls about them are of the narrowest limit, so many go in one."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

from sqlalchemy import Connection, text

from connector.brevo.commerce_calls import MOST_CATEGORIES
from connector.shops import Shop
from sync.copies import commerce
from sync.copies.resource import Claim, Resource, Snapshot
from sync.copies.turn import Turn
from sync.mapping.catalogue import category

BUCKET = "other"
LANE = "bulk"

_COLLECTIONS = text("SELECT * FROM collections WHERE shop_id = :shop_id AND id = ANY(:ids)")


def read(connection: Connection, shop: Shop, held: Sequence[Claim]) -> dict[int, Snapshot]:
    """These collections as they are now."""
    by_id = {one.entity_id: one for one in held}
    found = {}
    for row in connection.execute(_COLLECTIONS, {"shop_id": shop.id, "ids": list(by_id)}).mappings():
        one = by_id[row["id"]]
        nothing = "deleted" if one.first and row["deleted_at"] else None
        found[row["id"]] = Snapshot(one, row["version"], category(dict(row), shop.settings["url"]), nothing)
    return found


def _send(turn: Turn, held: Sequence[Claim]) -> None:
    def calls_of(group: Sequence[Snapshot]) -> list[Callable[[], None]]:
        put = partial(turn.account.put_categories, [one.body for one in group])
        return [partial(commerce.active, turn, put)]

    if turn.calls(BUCKET, 1, lane=LANE) and (waiting := turn.read(read, held)):
        turn.tell_together(BUCKET, waiting, calls_of, lane=LANE)


CATEGORIES = Resource("category", MOST_CATEGORIES, _send, quiet=False)
BULK_CATEGORIES = Resource("category", MOST_CATEGORIES, _send, quiet=True)
