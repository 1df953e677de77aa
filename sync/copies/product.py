"""Products and their variants at Brevo: one by one where a single call does, otherwise many records in one call.

A single product may be told twice a second, a list of a hundred records a hundred times an hour (general tier, Brevo's
limits page): what changes now and then goes alone and at once, a catalogue goes in lists.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any

from sqlalchemy import Connection, text

from connector.shops import Shop
from sync.copies import commerce
from sync.copies.resource import Claim, Resource, Snapshot
from sync.copies.turn import Turn
from sync.mapping.catalogue import gone, records

ALONE, LIST = "products", "other"
# Lists leave a part of their narrow limit to what somebody waits for.
LANE = "bulk"
# POST /products/batch takes this many records.
_LONGEST_LIST = 100
# So many products go alone before a list is worth one of its few calls.
_FEW = 3

_PRODUCTS = text("SELECT * FROM products WHERE shop_id = :shop_id AND id = ANY(:ids)")
_VARIANTS = text(
    "SELECT * FROM variants WHERE shop_id = :shop_id AND product_id = ANY(:ids) ORDER BY position NULLS LAST, id"
)


def read(connection: Connection, shop: Shop, held: Sequence[Claim]) -> dict[int, Snapshot]:
    """These products as they are now, each as the list of its records."""
    by_id = {one.entity_id: one for one in held}
    asked = {"shop_id": shop.id, "ids": list(by_id)}
    # The version first: should a variant change in between, the product goes once more.
    products = [dict(row) for row in connection.execute(_PRODUCTS, asked).mappings()]
    variants: dict[int, list[Mapping[str, Any]]] = {}
    for row in connection.execute(_VARIANTS, asked).mappings():
        variants.setdefault(row["product_id"], []).append(dict(row))
    found = {}
    for product in products:
        one = by_id[product["id"]]
        # A draft was never on sale: Brevo need not hear of it before it is.
        nothing = "not_on_sale" if one.first and gone(product) else None
        body = records(product, variants.get(product["id"], ()), shop.settings["url"])
        found[product["id"]] = Snapshot(one, product["version"], body, nothing)
    return found


def _send(turn: Turn, held: Sequence[Claim]) -> None:
    def calls_of(group: Sequence[Snapshot]) -> list[Callable[[], None]]:
        return [partial(commerce.active, turn, partial(turn.account.put_products, one)) for one in _lists(group)]

    waiting = turn.read(read, held)
    if len(waiting) > _FEW or any(len(one.body) > 1 for one in waiting):
        for group in _groups(waiting):
            if not turn.tell_together(LIST, group, calls_of, lane=LANE):
                break
    open_ = {one.entity_id for one in turn.left}
    alone = [one for one in waiting if len(one.body) == 1 and one.claim.entity_id in open_]
    for place, snapshot in enumerate(alone):
        call = partial(commerce.active, turn, partial(turn.account.put_product, snapshot.body[0]))
        if not turn.calls(ALONE, len(alone) - place) or not turn.tell(ALONE, snapshot, call):
            return


def _groups(snapshots: Sequence[Snapshot]) -> Iterator[list[Snapshot]]:
    """Products that go together: as many as fit into one list, or a single one that needs several."""
    group: list[Snapshot] = []
    size = 0
    for one in snapshots:
        if group and size + len(one.body) > _LONGEST_LIST:
            yield group
            group, size = [], 0
        group.append(one)
        size += len(one.body)
    if group:
        yield group


def _lists(group: Sequence[Snapshot]) -> Iterator[list[dict[str, Any]]]:
    together = [record for one in group for record in one.body]
    for start in range(0, len(together), _LONGEST_LIST):
        yield together[start : start + _LONGEST_LIST]


PRODUCTS = Resource("product", 50, _send)
