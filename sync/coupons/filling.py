"""Filling pools: codes are written down, added to the store's discount by the hundred, and given to Brevo.

One call at a time, each decided by what the tables say, so that whoever comes after a death goes on. Codes that were
to be added and whose addition is not known of are added again: the store refuses those that it has, and of each
refused one it is asked whose it is.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from sqlalchemy import text, update
from sqlalchemy.dialects.postgresql import insert

from connector import coupon_codes
from connector.backoff import backoff
from connector.crashpoints import reach
from connector.db.any_row import AnyRow
from connector.db.rows import reserve
from connector.deps import Deps
from connector.errors import ActionNeeded, OutcomeUnknown, ProviderError, RateLimited, Refused, Retry
from connector.logging import get
from connector.models.coupon import coupon_pools, coupons
from connector.outbox import idempotency_key
from connector.queue.batch import NOTHING, Batch
from connector.scope import Scope
from connector.shopify import discounts
from connector.shopify.discounts import CodeTaken, Terms
from connector.shopify.graphql import PROVIDER
from connector.shops import Shop

log = get(__name__)

Pool = AnyRow
# Machine time until the store is asked again whether it has added codes.
_LOOK_AGAIN = timedelta(seconds=2)
# Until what needs a person's help is tried again.
_ASK_STAFF = timedelta(minutes=10)
# Refused codes that the store is asked about in one step, which has to end within its lease.
_LOOKED_AT = 25
# Codes given to Brevo in one call.
_TOLD_AT_ONCE = 5_000


def fill_due(deps: Deps, shop: Shop) -> Batch:
    """One step of one pool that is due."""
    machine = deps.clock.machine()
    with deps.open(shop) as scope:
        until = machine + timedelta(seconds=deps.settings.delivery_lease_seconds)
        given = {"shop_id": shop.id, "machine": machine, "lease": until}
        pool = scope.connection.execute(_CLAIM, given).mappings().first()
    if pool is None:
        return NOTHING
    reach("coupons.leased")
    try:
        more = _step(deps, shop, pool)
    except ProviderError as error:
        _put_off(deps, shop, pool, error)
        return Batch(1, False)
    return Batch(1, more)


def _step(deps: Deps, shop: Shop, pool: Pool) -> bool:
    """Do what is to be done next; whether it is worth going on at once."""
    if pool["discount_id"] is None:
        _begin(deps, shop, pool)
        return True
    if pool["creation_id"] is not None:
        return _look(deps, shop, pool)
    wanted = _to_add(deps, shop, pool)
    if wanted:
        creation = discounts.add_codes(deps.store(shop), pool["discount_id"], wanted)
        reach("coupons.answered")
        _change(deps, shop, pool, creation_id=creation)
        return True
    return _tell(deps, shop, pool)


def _begin(deps: Deps, shop: Shop, pool: Pool) -> None:
    """Make the discount in the store, with the pool's first code."""
    with deps.open(shop) as scope:
        first = scope.connection.scalar(_FIRST, _of(shop, pool)) or _write_down(scope, pool, 1)[0]
    # Nobody else has one of this title.
    marker = str(idempotency_key(f"pool:{shop.id}:{pool['name']}"))[:13]
    title = f"{pool['name']} (pool {marker})"
    try:
        terms = Terms(**pool["terms"])
        made = discounts.obtain(deps.store(shop), first, title, terms, pool["created_at"], pool["ends_at"])
    except CodeTaken:
        # Another code is written down at the next try.
        with deps.open(shop) as scope:
            scope.connection.execute(_DROPPED, {**_of(shop, pool), "codes": [first]})
        raise Retry(PROVIDER, "the first code is somebody else's") from None
    reach("coupons.made")
    with deps.open(shop) as scope:
        scope.connection.execute(_MADE, {**_of(shop, pool), "codes": [first], "discount": made, "now": scope.now})
        _release(scope, pool, discount_id=made)


def _to_add(deps: Deps, shop: Shop, pool: Pool) -> list[str]:
    """The codes that the store is to be given next, all of them written down."""
    with deps.open(shop) as scope:
        counted = scope.connection.execute(_COUNTED, _of(shop, pool)).one()
        have = counted.all if pool["collection"] is not None else counted.free
        lacking = min(pool["size"] - have, discounts.MOST_ADDED - counted.stored)
        if lacking > 0:
            _write_down(scope, pool, lacking)
        given = {**_of(shop, pool), "most": discounts.MOST_ADDED}
        return list(scope.connection.scalars(_STORED, given))


def _write_down(scope: Scope, pool: Pool, count: int) -> list[str]:
    numbers = reserve(scope.connection, coupons, count)
    rows = [
        {
            "shop_id": scope.shop_id,
            "id": number,
            "code": coupon_codes.code(scope.shop.salt, f"pool:{number}", 0, pool["prefix"]),
            "variant": 0,
            "state": "stored",
            "pool": pool["name"],
            "terms": pool["terms"],
            "ends_at": pool["ends_at"],
            "created_at": scope.now,
        }
        for number in numbers
    ]
    scope.connection.execute(_NEW, rows)
    return [row["code"] for row in rows]


def _look(deps: Deps, shop: Shop, pool: Pool) -> bool:
    """See what the store has made of the codes that it was given."""
    store = deps.store(shop)
    told = discounts.added(store, pool["creation_id"])
    if told is None:
        _change(deps, shop, pool, due_real=deps.clock.machine() + _LOOK_AGAIN)
        return False
    with deps.open(shop) as scope:
        stored = set(scope.connection.scalars(_STORED, {**_of(shop, pool), "most": discounts.MOST_ADDED}))
    added, refused = (
        [code for code, there in told.items() if there is said and code in stored] for said in (True, False)
    )
    # An earlier addition of which nobody heard may have brought them.
    found = {code: discounts.by_code(store, code) for code in refused[:_LOOKED_AT]}
    owners = {code: one[0] for code, one in found.items() if one is not None}
    ours = [*added, *(code for code, owner in owners.items() if owner == pool["discount_id"])]
    others = [code for code, owner in owners.items() if owner != pool["discount_id"]]
    reach("coupons.looked")
    with deps.open(shop) as scope:
        given = _of(shop, pool)
        scope.connection.execute(_MADE, {**given, "codes": ours, "discount": pool["discount_id"], "now": scope.now})
        scope.connection.execute(_DROPPED, {**given, "codes": others})
        # Of codes that nobody has nothing more is to be learnt: they are added again.
        more = len(refused) > _LOOKED_AT and bool(ours or others)
        _release(scope, pool, creation_id=pool["creation_id"] if more else None)
    return True


def _tell(deps: Deps, shop: Shop, pool: Pool) -> bool:
    """Give Brevo the codes that it does not have; a pool with nothing left to do rests."""
    if pool["collection"] is None:
        _change(deps, shop, pool, state="ready")
        return True
    account = deps.brevo(shop)
    account.await_turn("other", lane="bulk")
    if pool["collection_id"] is None:
        known = [one["id"] for one in account.coupon_collections() if one.get("name") == pool["collection"]]
        if not known:
            account.await_turn("other", lane="bulk")
            made = account.create_coupon_collection(pool["collection"], pool["fallback"] or "", pool["ends_at"])
            known = [made]
        reach("coupons.collected")
        _change(deps, shop, pool, collection_id=known[0])
        return True
    with deps.open(shop) as scope:
        codes = list(scope.connection.scalars(_UNTOLD, {**_of(shop, pool), "most": _TOLD_AT_ONCE}))
    if not codes:
        _change(deps, shop, pool, state="ready")
        return True
    account.add_coupons(pool["collection_id"], codes)
    reach("coupons.told")
    with deps.open(shop) as scope:
        scope.connection.execute(_TOLD, {**_of(shop, pool), "codes": codes, "now": scope.now})
        _release(scope, pool)
    return True


def _put_off(deps: Deps, shop: Shop, pool: Pool, error: ProviderError) -> None:
    log.warning("pool_not_filled", shop_id=shop.id, platform=error.provider, status=error.status)
    machine, attempts = deps.clock.machine(), pool["attempts"] + 1
    changes: dict[str, Any] = {"reason": error.detail[:300], "attempts": attempts}
    match error:
        case RateLimited():
            changes |= {"due_real": machine + timedelta(seconds=max(error.after, 1.0)), "attempts": pool["attempts"]}
        case ActionNeeded():
            changes["due_real"] = machine + _ASK_STAFF
        case Refused():
            changes["state"] = "failed"
        case _:
            again = error if isinstance(error, Retry) else Retry(error.provider, error.detail)
            changes["due_real"] = machine + timedelta(seconds=backoff(deps.settings.retry_seconds, attempts - 1, again))
            # Codes that may have been added are looked for by adding them again.
            if isinstance(error, OutcomeUnknown):
                changes["creation_id"] = None
    with deps.open(shop) as scope:
        _release(scope, pool, **changes)


def _change(deps: Deps, shop: Shop, pool: Pool, **values: Any) -> None:
    with deps.open(shop) as scope:
        _release(scope, pool, **values)
        reach("coupons.recorded")


def _release(scope: Scope, pool: Pool, **values: Any) -> None:
    """Write this of the pool, and let go of it, if the lease is still ours. What went well ends a series of
    failures."""
    changed = {"reason": None, "attempts": 0, **values, "lease_real": None}
    mine = (coupon_pools.c.shop_id == scope.shop_id) & (coupon_pools.c.name == pool["name"])
    held = coupon_pools.c.lease_real == pool["lease_real"]
    scope.connection.execute(update(coupon_pools).where(mine, held).values(**changed))


def _of(shop: Shop, pool: Pool) -> dict[str, Any]:
    return {"shop_id": shop.id, "pool": pool["name"]}


_CLAIM = text(
    """
UPDATE coupon_pools SET lease_real = :lease WHERE shop_id = :shop_id AND name = (
    SELECT name FROM coupon_pools WHERE shop_id = :shop_id AND state = 'due' AND due_real <= :machine
        AND (lease_real IS NULL OR lease_real < :machine)
    ORDER BY due_real, name LIMIT 1 FOR UPDATE SKIP LOCKED
) RETURNING *
"""
)
_COUNTED = text(
    """
SELECT count(*) AS all, count(*) FILTER (WHERE given_at IS NULL) AS free,
    count(*) FILTER (WHERE state = 'stored') AS stored
FROM coupons WHERE shop_id = :shop_id AND pool = :pool
"""
)
_FIRST = text("SELECT code FROM coupons WHERE shop_id = :shop_id AND pool = :pool ORDER BY id LIMIT 1")
_STORED = text(
    "SELECT code FROM coupons WHERE shop_id = :shop_id AND pool = :pool AND state = 'stored' ORDER BY id LIMIT :most"
)
_UNTOLD = text(
    "SELECT code FROM coupons WHERE shop_id = :shop_id AND pool = :pool AND state = 'made' AND told_at IS NULL"
    " ORDER BY id LIMIT :most"
)
_NEW = insert(coupons).on_conflict_do_nothing()
_MADE = text(
    "UPDATE coupons SET state = 'made', discount_id = :discount, made_at = :now"
    " WHERE shop_id = :shop_id AND pool = :pool AND code = ANY(:codes) AND state = 'stored'"
)
_TOLD = text(
    "UPDATE coupons SET told_at = :now WHERE shop_id = :shop_id AND pool = :pool AND code = ANY(:codes)"
    " AND told_at IS NULL"
)
# They are somebody else's: the store has made none of them for us.
_DROPPED = text(
    "DELETE FROM coupons WHERE shop_id = :shop_id AND pool = :pool AND code = ANY(:codes) AND state = 'stored'"
)
