"""How records leave for Brevo soonest: a plan over its buckets, and how long that takes.

Contacts leave by imports, history by batches of 1,000 orders, collections in hundreds. A product may go alone, of which
there are many calls (two a second), or in a list of a hundred, of which there are few (a hundred an hour, general
tier), shared with the orders. Both ways are used at once, so that they end together: the plan says how many lists are
worth their calls. It is pure arithmetic over what the limiter leaves; published and learnt limits are the same to it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from math import ceil
from typing import Any

import orjson
from redis.exceptions import RedisError
from sqlalchemy import text

from connector.brevo.buckets import Room
from connector.brevo.commerce_calls import MOST_CATEGORIES, MOST_ORDERS, MOST_PRODUCTS
from connector.brevo.import_calls import LARGEST_BODY
from connector.clock import monotonic
from connector.db.session import autocommitted
from connector.deps import Deps
from connector.shops import Shop

LANE = "bulk"
TOGETHER, ALONE, CONTACTS = "other", "products", "contacts"
"""The buckets of batches, of single products and of imports."""

ITS_CONTACT = "its contact"
"""What an order waits for whose contact is on its way."""

# Of an import: bytes of a line, which of a usual mapping has some twenty attributes; how many imports there are for the
# blocklists and lists that people differ in; looks at what became of it; wire seconds that Brevo works on it.
_LINE = 450
_TERMS = 2
_LOOKS = 5
_WORKED_ON = 40.0
# Machine seconds of our own for each that leaves in bulk.
_A_CONTACT, _AN_ORDER = 0.0015, 0.0015


@dataclass(frozen=True)
class Counts:
    """How many records Brevo is to be told of. ``products``: their records there, which variants have too; ``whole``:
    whether the store has said of everything how much there is.
    """

    contacts: int = 0
    orders: int = 0
    products: int = 0
    categories: int = 0
    whole: bool = True

    @classmethod
    def of_store(
        cls,
        *,
        customers: int = 0,
        orders: int = 0,
        products: int = 0,
        variants: int | None = None,
        collections: int = 0,
    ) -> Counts:
        """From what the store counts. A product with a single variant is one record, any other one more than it has
        variants; how many have a single one is guessed from how many variants there are (without that: two each).
        """
        all_variants = max(products, 2 * products if variants is None else variants)
        single = products * products // all_variants if all_variants else 0
        return cls(customers, orders, products + all_variants - single, collections)


@dataclass(frozen=True)
class Plan:
    """``lists``: how many lists of products are worth their calls; ``calls``: of each bucket; ``seconds``: wire time
    until the last of them may go, of each bucket.
    """

    lists: int
    calls: Mapping[str, int]
    seconds: Mapping[str, float]

    @property
    def longest(self) -> float:
        return max(self.seconds.values(), default=0.0)


def plan(counts: Counts, rooms: Mapping[str, Room], *, looks: int = 0, only_listed: int = 0) -> Plan:
    """What ends soonest. ``rooms``: of the buckets TOGETHER, ALONE and CONTACTS; ``looks``: calls of TOGETHER that are
    needed besides; ``only_listed``: so many of the product records cannot go alone. As long as it is not known how much
    there is, no other goes in a list: its call may be one that orders need, whose next comes in an hour.
    """
    fixed = _batches(counts.orders) + ceil(counts.categories / MOST_CATEGORIES) + looks

    def by(lists: int) -> Plan:
        calls = {
            TOGETHER: fixed + lists,
            ALONE: max(0, counts.products - lists * MOST_PRODUCTS),
            CONTACTS: _imports(counts.contacts),
        }
        return Plan(lists, calls, {bucket: rooms[bucket].seconds_for(count) for bucket, count in calls.items()})

    # With every list more the lists take longer and the rest less: the best is where they cross.
    fewest, most = ceil(only_listed / MOST_PRODUCTS), ceil(counts.products / MOST_PRODUCTS)
    low, high = fewest, most if counts.whole else fewest
    while low < high:
        middle = (low + high) // 2
        found = by(middle)
        if found.seconds[ALONE] <= found.seconds[TOGETHER]:
            high = middle
        else:
            low = middle + 1
    return min((by(lists) for lists in (max(fewest, low - 1), low)), key=lambda one: one.longest)


def _imports(contacts: int) -> int:
    return ceil(contacts * _LINE / LARGEST_BODY) + _TERMS - 1 if contacts else 0


@dataclass(frozen=True)
class Estimate:
    """``seconds``: machine time until Brevo has been told of all of it, when all of it can be sent at once; ``calls``:
    of each bucket. Contacts go before the orders that are theirs.
    """

    seconds: float
    calls: Mapping[str, int]
    counts: Counts

    def told(self) -> dict[str, Any]:
        """As it is stored and printed."""
        return {"seconds": round(self.seconds, 1), "calls": dict(self.calls), "counts": asdict(self.counts)}


def estimate(deps: Deps, shop: Shop, counts: Counts, *, reading: float = 0.0) -> Estimate:
    """How long Brevo's limits, as they are known and used now, make it last to tell of so many records in bulk.

    ``reading``: machine seconds until the last of them is read from the store, after which contacts are imported, and
    then their orders told; the catalogue is told meanwhile. Reads Redis, and no database. Arithmetic: what others make
    of the account's limits meanwhile is not known.
    """
    rooms, account = _rooms(deps, shop), deps.brevo(shop)
    found = plan(counts, rooms, looks=_looks(counts))
    imports = rooms[CONTACTS].seconds_for(found.calls[CONTACTS]) + (_WORKED_ON if counts.contacts else 0.0)
    ours = counts.contacts * _A_CONTACT + counts.orders * _AN_ORDER
    seconds = max(account.machine_seconds(found.longest), reading + account.machine_seconds(imports) + ours)
    return Estimate(seconds, found.calls, counts)


def _looks(counts: Counts) -> int:
    """At the imports of these contacts: calls that lists of products must leave."""
    return _LOOKS if counts.contacts else 0


def _batches(orders: int) -> int:
    return ceil(orders / MOST_ORDERS)


def of_left(deps: Deps, shop: Shop, *, only_listed: int = 0) -> Plan:
    """What ends soonest for all that is left in bulk now (``left``). ``only_listed``: see ``plan``."""
    counts = left(deps, shop)
    return plan(counts, _rooms(deps, shop), looks=_looks(counts), only_listed=only_listed)


def _rooms(deps: Deps, shop: Shop) -> dict[str, Room]:
    account = deps.brevo(shop)
    return {bucket: account.room(bucket, lane=LANE) for bucket in (TOGETHER, ALONE, CONTACTS)}


def left(deps: Deps, shop: Shop) -> Counts:
    """What Brevo is still to be told of in bulk: what is wished for, and what back-fills have yet to apply.

    What waits for a contact that Brevo cannot have is not counted. Counting much takes time, so what was counted is
    remembered for many times as long as it took.
    """
    key = f"bulk:left:{shop.id}"
    try:
        if (known := deps.redis.get(key)) is not None:
            return Counts(**orjson.loads(known))
    except RedisError:
        return _count(deps, shop)
    began = monotonic()
    counts = _count(deps, shop)
    remembered = max(1, round((monotonic() - began) * _REMEMBERED * 1000))
    try:
        deps.redis.set(key, orjson.dumps(asdict(counts)), px=remembered)
    except RedisError:
        return counts
    return counts


_REMEMBERED = 20
_COUNT = text(
    """
SELECT
    count(*) FILTER (WHERE entity = 'contact') AS contacts,
    count(*) FILTER (WHERE entity = 'order') AS orders,
    count(*) FILTER (WHERE entity = 'product') AS products,
    count(*) FILTER (WHERE entity = 'category') AS categories,
    (SELECT count(*) FROM sync_state WHERE shop_id = :shop_id AND state IN ('gathering', 'importing')) AS gathered,
    (SELECT count(*) FROM variants WHERE shop_id = :shop_id) AS variants,
    (SELECT count(*) FROM products WHERE shop_id = :shop_id) AS all_products,
    (SELECT count(*) FROM (
        SELECT FROM variants WHERE shop_id = :shop_id GROUP BY product_id HAVING count(*) = 1
    ) AS lonely) AS single
FROM sync_state
WHERE shop_id = :shop_id AND quiet AND (state IN ('due', 'leased') OR state = 'waiting' AND reason = :its_contact)
"""
)
_TO_COME = text(
    """
SELECT kind, sum(greatest(coalesce(records_expected, 0) - done, 0)) AS records,
    bool_and(records_expected IS NOT NULL OR state = 'paging') AS told
FROM backfill_parts
WHERE shop_id = :shop_id AND state IN ('waiting', 'running', 'copying', 'applying', 'paging')
GROUP BY kind
"""
)


def _count(deps: Deps, shop: Shop) -> Counts:
    asked = {"shop_id": shop.id}
    with autocommitted(deps.engine) as connection:
        row = connection.execute(_COUNT, {**asked, "its_contact": ITS_CONTACT}).one()
        parts = connection.execute(_TO_COME, asked).all()
    to_come = {one.kind: int(one.records) for one in parts}
    # Records at Brevo of a product, on average.
    each = (row.all_products + row.variants - row.single) / row.all_products if row.all_products else 2.0
    return Counts(
        contacts=row.contacts + row.gathered + to_come.get("customers", 0),
        orders=row.orders + to_come.get("orders", 0),
        products=ceil((row.products + to_come.get("products", 0)) * max(1.0, each)),
        categories=row.categories + to_come.get("collections", 0),
        whole=all(one.told for one in parts),
    )
