"""Locks, in the one order that the whole product keeps: persons by id, then runs, timers, outbox, ledger.

The row in ``person_work`` is the person's lock. Measured: outbox-then-person against person-then-outbox gave
deadlocks at once; person first, sorted, gave none in 37,000 transactions. Whoever waits for more than one person
holds the shop's NORMALISE lock meanwhile, so that two of them cannot wait for each other; whoever claims persons
skips the locked ones and waits for none.
"""

from __future__ import annotations

from collections.abc import Iterable

from sqlalchemy import Connection, bindparam, select, text

from connector.db.rows import among
from connector.models.person import person_work
from connector.scope import Scope

# Advisory lock spaces (first argument of the two-argument form); the second is the shop id.
NORMALISE = 7_310_002
SWEEP = 7_310_003
HOUSEKEEPING = 7_310_004
IMPORTS = 7_310_005
FIGURES = 7_310_006


def lock_persons(scope: Scope, person_ids: Iterable[int], *, skip_locked: bool = False) -> list[int]:
    """Lock these persons until the transaction ends and say which are locked.

    With ``skip_locked`` the persons that another transaction holds are left out instead of waited for.
    """
    asked = set(person_ids)
    wanted = sorted(asked - scope.locked)
    if not wanted:
        return sorted(asked)
    statement = _LOCK_THE_FREE if skip_locked else _LOCK
    scope.locked.update(scope.connection.scalars(statement, {"shop_id": scope.shop_id, "ids": wanted}))
    return sorted(asked & scope.locked)


_PERSONS = (
    select(person_work.c.person_id)
    .where(person_work.c.shop_id == bindparam("shop_id"), among(person_work.c.person_id, "ids"))
    .order_by(person_work.c.person_id)
)
_LOCK = _PERSONS.with_for_update()
_LOCK_THE_FREE = _PERSONS.with_for_update(skip_locked=True)


def lock_shop(scope: Scope, space: int) -> None:
    """Hold the shop's advisory lock of this space until the transaction ends; waits for it."""
    scope.connection.execute(
        _LOCK_SHOP,
        {"space": space, "shop": scope.shop_id % 2_000_000_000},
    )


_LOCK_SHOP = text("SELECT pg_advisory_xact_lock(:space, :shop)")


def try_shop(connection: Connection, shop_id: int, space: int) -> bool:
    """The same when it is free; False, without waiting, when somebody else holds it."""
    return bool(connection.scalar(_TRY_SHOP, {"space": space, "shop": shop_id % 2_000_000_000}))


_TRY_SHOP = text("SELECT pg_try_advisory_xact_lock(:space, :shop)")
