"""A discount code for one person: written down first, then made in the store; or handed out from a pool (ADR 32).

The code follows from the outbox row's key and the shop's salt, and is stored before the store hears of it. So whoever
comes after a death or a silence asks for the same code again, finds it taken, sees by the title that it is ours, and
takes it.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import RowMapping, bindparam, func, select, update
from sqlalchemy.dialects.postgresql import insert

from connector import coupon_codes
from connector.deps import Deps
from connector.errors import ActionNeeded
from connector.models.coupon import coupon_pools, coupons
from connector.outbox import idempotency_key
from connector.scope import Scope
from connector.shopify import discounts
from connector.shopify.discounts import CodeTaken, Terms
from connector.shops import Shop
from flows.actions.action import Action, NotDone, NotYet, Prepared, Result, Task
from flows.actions.store import allowed
from flows.core.coupons import lead
from flows.core.steps.coupon import COUPONS, Coupon

SCOPE = "write_discounts"
# More codes than this of one key that are somebody else's are no accident.
_MOST_VARIANTS = 20
# Business seconds until a pool that is empty is asked again: it is being filled meanwhile.
_REFILL_SECONDS = 300.0


def prepare(scope: Scope, task: Task) -> Prepared:
    """The row of ``coupons`` for this effect, with its key and what the code begins with."""
    step: Coupon = task.flow.steps[task.row["step"]].config
    given = {"shop_id": scope.shop_id, "outbox_id": task.row["id"]}
    known = scope.connection.execute(_OF_EFFECT, given).mappings().first()
    if known is None:
        shown_by = [name for name, message in task.flow.messages.items() if step.name in message.coupons]
        if shown_by and not task.may_get(shown_by):
            # A code that its person is never shown is of use to nobody, and a pool's is lost.
            raise NotDone("not_shown")
        known = _from_pool(scope, task, step.pool) if step.pool else _written_down(scope, task, step)
    return {
        **known,
        "key": task.row["key"],
        "prefix": step.prefix,
        "title": f"{task.flow.name[:80]}: {step.name} {str(idempotency_key(task.row['key']))[:13]}",
    }


def _written_down(scope: Scope, task: Task, step: Coupon) -> RowMapping:
    allowed(scope, SCOPE)
    assert step.valid is not None
    row = {
        **_owner(scope, task, step.name),
        "shop_id": scope.shop_id,
        "state": "stored",
        "terms": dict(task.row["data"]["terms"]),
        # Late enough for the last moment at which the message that announces it may leave.
        "ends_at": scope.now + lead(task.flow, task.row["step"]) + step.valid,
        "created_at": scope.now,
    }
    for variant in range(_MOST_VARIANTS):
        code = coupon_codes.code(scope.shop.salt, task.row["key"], variant, step.prefix)
        made = scope.connection.execute(_NEW, {**row, "code": code, "variant": variant}).mappings().first()
        if made is not None:
            return made
    raise NotDone("codes_taken")


def _owner(scope: Scope, task: Task, name: str) -> dict[str, Any]:
    row = task.row
    return {
        "outbox_id": row["id"],
        "person_id": row["person_id"],
        "run_id": row["run_id"],
        "flow": row["flow"],
        "name": name,
        "given_at": scope.now,
    }


def _from_pool(scope: Scope, task: Task, pool: str) -> RowMapping:
    """The next code of the pool that nobody has; whoever takes another at the same time is not waited for."""
    given = {"shop_id": scope.shop_id, "pool": pool}
    known = scope.connection.execute(_POOL, given).mappings().first()
    if known is None or known["collection"] is not None:
        raise NotDone("no_pool")
    if known["ends_at"] is not None and known["ends_at"] <= scope.now:
        raise NotDone("coupon_ended")
    free = scope.connection.scalar(_FREE, given)
    if free is not None:
        owner = {f"its_{name}": value for name, value in _owner(scope, task, task.row["data"]["name"]).items()}
        taken = scope.connection.execute(_TAKE, {"shop": scope.shop_id, "taken": free, **owner}).mappings().one()
        left = scope.connection.scalar(_LEFT, {**given, "most": known["size"]}) or 0
        if left * 2 < known["size"]:
            _wake(scope, pool)
        return taken
    _wake(scope, pool)
    raise NotYet("pool_empty", _REFILL_SECONDS)


def _wake(scope: Scope, pool: str) -> None:
    """Have it filled."""
    scope.connection.execute(_DUE, {"shop": scope.shop_id, "its_name": pool, "machine": scope.machine})
    scope.bells.add("coupons")


def act(deps: Deps, shop: Shop, prepared: Prepared) -> Mapping[str, Any]:
    """The code and the store's id of its discount; a code of somebody else's makes room for the next."""
    if prepared["state"] == "made":
        return {"code": prepared["code"], "discount_id": prepared["discount_id"]}
    store, code, variant = deps.store(shop), prepared["code"], prepared["variant"]
    for _ in range(_MOST_VARIANTS):
        try:
            terms, starts_at = Terms(**prepared["terms"]), prepared["created_at"]
            made = discounts.obtain(store, code, prepared["title"], terms, starts_at, prepared["ends_at"])
        except CodeTaken:
            code, variant = _next(deps, shop, prepared, variant + 1)
        except ActionNeeded as error:
            if error.code == "ACCESS_DENIED":
                raise NotDone("no_scope", error.detail) from error
            raise
        else:
            return {"code": code, "discount_id": made}
    raise NotDone("codes_taken")


def _next(deps: Deps, shop: Shop, prepared: Prepared, variant: int) -> tuple[str, int]:
    """The next code of this key, in place of the one that is somebody else's: written down before it is asked for."""
    for number in range(variant, variant + _MOST_VARIANTS):
        code = coupon_codes.code(shop.salt, prepared["key"], number, prepared["prefix"])
        given = {"shop": shop.id, "its_id": prepared["id"], "new_code": code, "new_variant": number}
        with deps.open(shop) as scope:
            if scope.connection.scalar(_KNOWN, {"shop_id": shop.id, "code": code}) is None:
                scope.connection.execute(_RENAMED, given)
                return code, number
    raise NotDone("codes_taken")


def record(scope: Scope, prepared: Prepared, done: Mapping[str, Any]) -> Result:
    """What messages may show: ``code``, ``percent`` or ``amount``, ``minimum``, ``ends_at``."""
    made = {"discount": done["discount_id"], "now": scope.now}
    scope.connection.execute(_MADE, {"shop": scope.shop_id, "its_id": prepared["id"], **made})
    ends_at: datetime | None = prepared["ends_at"]
    terms = {name: prepared["terms"].get(name) for name in ("percent", "amount", "minimum")}
    return {"code": done["code"], **terms, "ends_at": ends_at.isoformat() if ends_at else None}


_OF_EFFECT = select(coupons).where(
    coupons.c.shop_id == bindparam("shop_id"), coupons.c.outbox_id == bindparam("outbox_id")
)
_NEW = insert(coupons).on_conflict_do_nothing(index_elements=["shop_id", "code"]).returning(coupons)
_KNOWN = select(coupons.c.id).where(coupons.c.shop_id == bindparam("shop_id"), coupons.c.code == bindparam("code"))
_MINE = (coupons.c.shop_id == bindparam("shop")) & (coupons.c.id == bindparam("its_id"))
_RENAMED = update(coupons).where(_MINE).values(code=bindparam("new_code"), variant=bindparam("new_variant"))
_MADE = (
    update(coupons)
    .where(_MINE, coupons.c.state == "stored")
    .values(state="made", discount_id=bindparam("discount"), made_at=bindparam("now"))
)
_POOL = select(coupon_pools).where(
    coupon_pools.c.shop_id == bindparam("shop_id"), coupon_pools.c.name == bindparam("pool")
)
_ready = (
    coupons.c.shop_id == bindparam("shop_id"),
    coupons.c.pool == bindparam("pool"),
    coupons.c.state == "made",
    coupons.c.given_at.is_(None),
)
_FREE = select(coupons.c.id).where(*_ready).order_by(coupons.c.id).limit(1).with_for_update(skip_locked=True)
_LEFT = select(func.count()).select_from(select(coupons.c.id).where(*_ready).limit(bindparam("most")).subquery())
_TAKE = (
    update(coupons)
    .where(coupons.c.shop_id == bindparam("shop"), coupons.c.id == bindparam("taken"))
    .values(
        {name: bindparam(f"its_{name}") for name in ("outbox_id", "person_id", "run_id", "flow", "name", "given_at")}
    )
    .returning(coupons)
)
_DUE = (
    update(coupon_pools)
    .where(
        coupon_pools.c.shop_id == bindparam("shop"),
        coupon_pools.c.name == bindparam("its_name"),
        coupon_pools.c.state == "ready",
    )
    .values(state="due", due_real=bindparam("machine"))
)

COUPON = Action(COUPONS, prepare, act, record)
