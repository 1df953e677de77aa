"""Products and their variants at Brevo: one by one where a single call does, otherwise many records in one call.

A single product may be told twice a second, a list of a hundred records a hundred times an hour (general tier, Brevo's
limits page). What somebody changes goes alone and at once, unless it is much; in bulk both ways are used, by the plan
of ``sync/copies/pace.py``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any

from sqlalchemy import Connection, text

from connector.brevo.commerce_calls import MOST_PRODUCTS
from connector.clock import monotonic
from connector.shops import Shop
from sync.copies import account_currency, commerce, pace
from sync.copies.resource import Claim, Resource, Snapshot
from sync.copies.turn import Turn
from sync.currency import Exchange, NoRate, Rates
from sync.mapping.catalogue import gone, records

ALONE, LIST = pace.ALONE, pace.TOGETHER
# Lists leave a part of their narrow limit to what somebody waits for.
LANE = pace.LANE
# So many live products go alone before a list is worth one of its few calls.
_FEW = 3
# A product of more records goes in a list: alone it would take longer than a lease lasts.
_MOST_ALONE = 10
# In bulk so many products are looked at in one turn.
_CLAIMED = 100
# In bulk a turn waits for single calls so long, in machine seconds: they come one or two a second, and what it begins
# with (claiming and reading a hundred products) takes the better part of one.
_TURN_SECONDS = 5.0
# For the calls of one product that has begun.
_PATIENCE = 10.0

_ACCOUNT = text("SELECT currency FROM account_currencies WHERE shop_id = :shop_id")
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
    exchange, missing = _exchange(connection, shop)
    found = {}
    for product in products:
        one = by_id[product["id"]]
        # A draft was never on sale: Brevo need not hear of it before it is.
        nothing = "not_on_sale" if one.first and gone(product) else None
        body = records(product, variants.get(product["id"], ()), shop.settings["url"], exchange)
        held_back = nothing is None and missing is not None
        found[product["id"]] = Snapshot(one, product["version"], body, nothing or missing, held_back=held_back)
    return found


def _exchange(connection: Connection, shop: Shop) -> tuple[Exchange | None, str | None]:
    """How prices are converted, and why they cannot be."""
    account = connection.scalar(_ACCOUNT, {"shop_id": shop.id})
    if account in (None, shop.currency):
        return None, None
    try:
        return Rates.read(connection, shop.id).exchange(shop.currency, account, None), None
    except NoRate as error:
        return None, str(error)


def _calls_of(turn: Turn, group: Sequence[Snapshot]) -> list[Callable[[], None]]:
    return [partial(commerce.active, turn, partial(turn.account.put_products, one)) for one in _lists(group)]


def _send(turn: Turn, held: Sequence[Claim]) -> None:
    if not account_currency.known(turn):
        return
    waiting = turn.read(read, held)
    if len(waiting) > _FEW or any(len(one.body) > 1 for one in waiting):
        for group in _groups(waiting):
            if not turn.tell_together(LIST, group, partial(_calls_of, turn), lane=LANE):
                break
    open_ = {one.entity_id for one in turn.left}
    alone = [one for one in waiting if len(one.body) == 1 and one.claim.entity_id in open_]
    for place, snapshot in enumerate(alone):
        call = partial(commerce.active, turn, partial(turn.account.put_product, snapshot.body[0]))
        if not turn.calls(ALONE, len(alone) - place) or not turn.tell(ALONE, snapshot, call):
            return


def _send_in_bulk(turn: Turn, held: Sequence[Claim]) -> None:
    """As many lists as are worth their calls, and beside them one product after the other, as calls come."""
    until = monotonic() + _TURN_SECONDS
    if not account_currency.known(turn):
        return
    waiting = turn.read(read, held)
    long = [one for one in waiting if len(one.body) > _MOST_ALONE]
    short = [one for one in waiting if len(one.body) <= _MOST_ALONE]
    lists = pace.of_left(turn.deps, turn.shop, only_listed=sum(len(one.body) for one in long)).lists
    # The long ones first: a list that they begin is filled up.
    groups = list(_groups([*long, *short]))
    if len(held) == _CLAIMED and len(groups) > 1 and sum(len(one.body) for one in groups[-1]) < MOST_PRODUCTS:
        # More come behind these, with whom the last of them fill a list.
        groups.pop()
    for group in groups:
        if lists <= 0 or not turn.tell_together(LIST, group, partial(_calls_of, turn), lane=LANE):
            break
        lists -= sum(1 for _ in _lists(group))
    # For want of a list nobody rests who can go alone.
    turn.rest = 0.0
    open_ = {one.entity_id for one in turn.left}
    for snapshot in short:
        if snapshot.claim.entity_id not in open_:
            continue
        if not turn.await_call(ALONE, until, lane=LANE):
            return
        if not turn.tell(ALONE, snapshot, partial(_put_alone, turn, snapshot.body)):
            return


def _put_alone(turn: Turn, body: Sequence[Mapping[str, Any]]) -> None:
    """One call for each record; there is one for the first. Raises ProviderError."""
    for number, record in enumerate(body):
        if number:
            turn.account.await_turn(ALONE, _PATIENCE, lane=LANE)
        commerce.active(turn, partial(turn.account.put_product, record))


def _groups(snapshots: Sequence[Snapshot]) -> Iterator[list[Snapshot]]:
    """Products that go together: as many as fit into one list, or a single one that needs several."""
    group: list[Snapshot] = []
    size = 0
    for one in snapshots:
        if group and size + len(one.body) > MOST_PRODUCTS:
            yield group
            group, size = [], 0
        group.append(one)
        size += len(one.body)
    if group:
        yield group


def _lists(group: Sequence[Snapshot]) -> Iterator[list[dict[str, Any]]]:
    together = [record for one in group for record in one.body]
    for start in range(0, len(together), MOST_PRODUCTS):
        yield together[start : start + MOST_PRODUCTS]


PRODUCTS = Resource("product", 50, _send, quiet=False)
BULK_PRODUCTS = Resource("product", _CLAIMED, _send_in_bulk, quiet=True)
