"""The email addresses of staff to whom flows may tell of a shop's customers, and who may be given tasks about them."""

from __future__ import annotations

from collections.abc import Iterable

from sqlalchemy import Connection, bindparam, or_, select

from connector.models.staff import staff, staff_shops
from connector.shops import Shop


def told_by_default(shop: Shop) -> tuple[str, ...]:
    """Those of the shop's setting ``notify``, in small letters."""
    return tuple(dict.fromkeys(address.lower() for address in shop.settings["notify"]))


def of_shop(connection: Connection, shop: Shop) -> tuple[str, ...]:
    """All of them, by name."""
    return tuple(sorted({*told_by_default(shop), *connection.scalars(_STAFF, {"shop": shop.id})}))


def among(connection: Connection, shop: Shop, addresses: Iterable[str]) -> tuple[str, ...]:
    """Those of ``addresses`` (in small letters) that belong to staff who may see the shop, or are in the setting
    ``notify``; in their order."""
    wanted = tuple(dict.fromkeys(addresses))
    known = set(told_by_default(shop))
    if set(wanted) - known:
        known.update(connection.scalars(_STAFF, {"shop": shop.id}))
    return tuple(address for address in wanted if address in known)


_STAFF = (
    select(staff.c.email)
    .outerjoin(staff_shops, (staff_shops.c.staff_id == staff.c.id) & (staff_shops.c.shop_id == bindparam("shop")))
    .where(or_(staff.c.every_shop, staff_shops.c.staff_id.is_not(None)))
)
