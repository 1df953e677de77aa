"""Records as the store's GraphQL tells them, applied by the hundred: all in a few statements, and one that cannot be
applied takes no other with it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy.exc import DBAPIError, OperationalError

from connector.locks import NORMALISE, lock_shop
from connector.logging import get
from connector.scope import Scope
from sync import collections, fetch, orders, people, products, readahead
from sync.copies.turn import DEFECTS
from sync.node_values import number
from sync.privacy.late import of_the_living
from sync.readers import READERS

log = get(__name__)

BATCH = 250
"""So many records at once: the shop's deliveries wait for the lock meanwhile, for about a quarter of a second."""

Node = Mapping[str, Any]


@dataclass
class Applied:
    """What became of records, by the store's ids: each is in one of these.

    ``created``: we had none; ``changed``: what the provider sees of ours is different; ``unchanged``: it is not;
    ``failed``: why it cannot be applied; ``left``: a delivery has asked for it to be read, which is done at once, and
    what is new in it is news; ``erased``: it is about somebody who was erased, and nothing of it is kept.
    """

    created: set[int] = field(default_factory=set)
    changed: set[int] = field(default_factory=set)
    unchanged: set[int] = field(default_factory=set)
    failed: dict[int, str] = field(default_factory=dict)
    left: set[int] = field(default_factory=set)
    erased: set[int] = field(default_factory=set)


def apply_batch(scope: Scope, kind: str, nodes: Sequence[Node]) -> Applied:
    """Apply these objects of one GraphQL type: Customer, Order, Product or Collection, in this order.

    Takes the shop's NORMALISE lock, which stays with the transaction: BATCH at once, and little besides. Raises
    OperationalError when the database is in trouble: then nothing of the transaction is decided.
    """
    lock_shop(scope, NORMALISE)
    done = Applied()
    living = of_the_living(scope, nodes)
    done.erased = {number(node["id"]) for node in nodes} - {number(node["id"]) for node in living}
    if scope.quiet:
        ids = [number(node["id"]) for node in living]
        done.left = set(fetch.awaited(scope.connection, scope.shop_id, kind, ids))
        for record_id in done.left:
            fetch.wish(scope, kind, record_id)
    _apply(scope, kind, [node for node in living if number(node["id"]) not in done.left], done)
    return done


def _apply(scope: Scope, kind: str, nodes: Sequence[Node], done: Applied) -> None:
    """All of them, or when that fails each half by itself."""
    if not nodes:
        return
    try:
        with scope.savepoint():
            before, after = _together(scope, kind, nodes)
    except OperationalError:
        raise
    except (*DEFECTS, DBAPIError) as error:
        if len(nodes) == 1:
            _note(scope, kind, number(nodes[0]["id"]), error, done)
            return
        half = len(nodes) // 2
        _apply(scope, kind, nodes[:half], done)
        _apply(scope, kind, nodes[half:], done)
        return
    for record_id, version in after.items():
        known = before[record_id]
        fate = done.created if known is None else done.unchanged if known == version else done.changed
        fate.add(record_id)


def _together(
    scope: Scope, kind: str, nodes: Sequence[Node]
) -> tuple[Mapping[int, int | None], Mapping[int, int | None]]:
    """The versions that the provider is told of, before and after."""
    ids = {number(node["id"]) for node in nodes}
    version, apply = _VERSION[kind], READERS[kind].apply
    readahead.read(scope, kind, nodes)
    before = {record_id: version(scope, record_id) for record_id in ids}
    for node in nodes:
        apply(scope, node)
    scope.pay()
    after = {record_id: version(scope, record_id) for record_id in ids}
    scope.ahead.clear()
    return before, after


def _note(scope: Scope, kind: str, record_id: int, error: Exception, done: Applied) -> None:
    name = type(error).__name__
    log.error("record_defective", shop_id=scope.shop_id, kind=kind, id=record_id, error=name)
    done.failed[record_id] = f"It cannot be applied: {name}: {error}"


def _of_customer(scope: Scope, customer_id: int) -> int | None:
    person_id = people.person_of(scope, "customer", str(customer_id))
    return None if person_id is None else int(people.held_profile(scope, person_id)["version"])


def _of_row(held: Callable[[Scope, int], Mapping[str, Any] | None]) -> Callable[[Scope, int], int | None]:
    def version(scope: Scope, record_id: int) -> int | None:
        row = held(scope, record_id)
        return None if row is None else int(row["version"])

    return version


_VERSION: Mapping[str, Callable[[Scope, int], int | None]] = {
    "Customer": _of_customer,
    "Order": _of_row(orders.held_order),
    "Product": _of_row(products.held_product),
    "Collection": _of_row(collections.held_collection),
}
