"""Pools of discount codes that are kept ready, and what staff ask of them.

A pool is one discount in the store with many codes, each good for one order. Flows hand them out
(flows/actions/coupon.py), or all of them go to a collection at Brevo, whose templates show them.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal, InvalidOperation
from typing import Any

from sqlalchemy import Connection, Row, bindparam, select, text, update
from sqlalchemy.dialects.postgresql import insert

from connector.errors import InvalidInput
from connector.models.coupon import coupon_pools
from connector.scope import Scope

LARGEST = 100_000
"""Codes of one pool at a time."""
COUNTED = 1_000
"""As far as what a pool has left is counted."""
_CENT, _DEAREST = Decimal("0.01"), Decimal("1e9")
_NAMED = re.compile(r"[a-z][a-z0-9-]{0,60}\Z")
_BEGINS = re.compile(r"([A-Z][A-Z0-9]{0,11})?\Z")


@dataclass(frozen=True)
class Pool:
    """``terms``: what its codes take off; ``ends_at``: from when they are no good; ``size``: so many are kept ready, or
    with a ``collection`` at Brevo made in all; ``left``: codes that the store has and nobody was given, at most
    COUNTED, and ``more`` when there are more; ``state``: due | ready | failed, then with a ``reason``."""

    name: str
    terms: Mapping[str, Any]
    ends_at: datetime | None
    size: int
    collection: str | None
    state: str
    reason: str | None
    left: int = 0
    more: bool = False


def terms_of(
    percent: int | None, amount: str | None, minimum: str | None, once_per_customer: bool = False
) -> dict[str, Any]:
    """What the codes of a pool take off. Raises InvalidInput."""
    if (percent is None) == (amount is None):
        raise InvalidInput("Say what a code takes off: per cent, or an amount; one of the two.")
    terms: dict[str, Any] = {"once_per_customer": once_per_customer}
    terms |= {"percent": percent} if amount is None else {"amount": _money(amount)}
    return terms if minimum is None else {**terms, "minimum": _money(minimum)}


def _money(text: str) -> str:
    try:
        value = Decimal(text)
    except InvalidOperation:
        value = Decimal(0)
    if not value.is_finite() or not _CENT <= value <= _DEAREST:
        raise InvalidInput(f"{text} is no amount of money.")
    return f"{value:.2f}"


def keep(
    scope: Scope,
    name: str,
    *,
    terms: dict[str, Any],
    size: int,
    prefix: str = "",
    ends_at: datetime | None = None,
    collection: str | None = None,
    fallback: str | None = None,
) -> None:
    """Have a pool of this name filled; of one that there is only the size may be another, because its discount is in
    the store. Raises InvalidInput.

    ``size``: for flows so many codes are kept ready; with ``collection``, a name at Brevo, so many are made in all.
    """
    if not 1 <= size <= LARGEST:
        raise InvalidInput(f"A pool has 1 to {LARGEST:,} codes.")
    if not _NAMED.match(name):
        raise InvalidInput(f"{name} is no name of a pool: use small letters, digits and dashes.")
    if not _BEGINS.match(prefix):
        raise InvalidInput(f"{prefix} begins no code: use capitals and digits, 12 at most.")
    row = {
        "shop_id": scope.shop_id,
        "name": name,
        "terms": terms,
        "prefix": prefix,
        "ends_at": ends_at,
        "size": size,
        "collection": collection,
        "fallback": fallback,
        "state": "due",
        "attempts": 0,
        "due_real": scope.machine,
        "created_at": scope.now,
    }
    made = scope.connection.execute(_NEW, row).first()
    if made is None:
        given = {"shop": scope.shop_id, "pool": name, "machine": scope.machine, "now_so_many": size}
        known = scope.connection.execute(_RESIZED, given).mappings().one()
        other = [part for part in ("terms", "prefix", "collection") if known[part] != row[part]]
        if other:
            raise InvalidInput(
                f"The pool {name} has another {other[0]}: {known[other[0]]}. Give this one another name."
            )
    scope.bells.add("coupons")


def resize(scope: Scope, name: str, size: int) -> None:
    """Keep so many codes of a pool that there is. Raises InvalidInput."""
    if not 1 <= size <= LARGEST:
        raise InvalidInput(f"A pool has 1 to {LARGEST:,} codes.")
    scope.connection.execute(
        _RESIZED, {"shop": scope.shop_id, "pool": name, "machine": scope.machine, "now_so_many": size}
    )
    scope.bells.add("coupons")


def named_after(collection: str) -> str:
    """The name of the pool behind a collection at Brevo."""
    return "brevo-" + (re.sub(r"[^a-z0-9]+", "-", collection.lower()).strip("-")[:50] or "codes")


def listed(connection: Connection, shop_id: int) -> Sequence[Row[Any]]:
    """Rows of (name, terms, ends_at, size, collection, state, reason, made, given, told, redeemed), by name."""
    return connection.execute(_LISTED, {"shop_id": shop_id}).all()


def one(connection: Connection, shop_id: int, name: str) -> Pool | None:
    """The pool of this name, without what it has left; None when there is none."""
    columns = (coupon_pools.c[each] for each in list(Pool.__annotations__)[:-2])
    mine = (coupon_pools.c.shop_id == shop_id) & (coupon_pools.c.name == name)
    found = connection.execute(select(*columns).where(mine)).first()
    return None if found is None else Pool(*found)


def ready(connection: Connection, shop_id: int, most: int, after: str = "") -> list[Pool]:
    """So many pools by name, behind the name ``after``, with what each has left."""
    given = {"shop_id": shop_id, "most": most, "after": after, "counted": COUNTED + 1}
    return [
        replace(Pool(*own), left=min(remaining, COUNTED), more=remaining > COUNTED)
        for *own, remaining in connection.execute(_READY, given)
    ]


_NEW = insert(coupon_pools).on_conflict_do_nothing().returning(coupon_pools.c.name)
_RESIZED = (
    update(coupon_pools)
    .where(coupon_pools.c.shop_id == bindparam("shop"), coupon_pools.c.name == bindparam("pool"))
    .values(size=bindparam("now_so_many"), state="due", due_real=bindparam("machine"), reason=None, attempts=0)
    .returning(coupon_pools)
)
_LISTED = text(
    """
SELECT pool.name, pool.terms, pool.ends_at, pool.size, pool.collection, pool.state, pool.reason,
    count(coupons.id) FILTER (WHERE coupons.state = 'made') AS made,
    count(coupons.given_at) AS given, count(coupons.told_at) AS told, count(coupons.redeemed_at) AS redeemed
FROM coupon_pools AS pool
LEFT JOIN coupons ON coupons.shop_id = pool.shop_id AND coupons.pool = pool.name
WHERE pool.shop_id = :shop_id GROUP BY pool.shop_id, pool.name ORDER BY pool.name
"""
)
_READY = text(
    """
SELECT pool.name, pool.terms, pool.ends_at, pool.size, pool.collection, pool.state, pool.reason, codes.remaining
FROM (
    SELECT * FROM coupon_pools WHERE shop_id = :shop_id AND name > :after ORDER BY name LIMIT :most
) AS pool
CROSS JOIN LATERAL (
    SELECT count(*) AS remaining FROM (
        SELECT FROM coupons WHERE coupons.shop_id = :shop_id AND coupons.pool = pool.name
            AND coupons.state = 'made' AND coupons.given_at IS NULL LIMIT :counted
    ) AS counted
) AS codes
ORDER BY pool.name
"""
)
