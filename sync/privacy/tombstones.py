"""What stands for an erased person, so that late and repeated deliveries do not bring the data back.

A customer, an order, a checkout or a cart of somebody who was erased stays forgotten for good. An address or a number
may come back with a new purchase: of these only what was told as of before the erasure is forgotten.
"""

from __future__ import annotations

import hmac
from collections.abc import Iterable, Mapping
from datetime import datetime
from hashlib import sha256

from sqlalchemy import bindparam, select
from sqlalchemy.dialects.postgresql import insert

from connector.db.rows import among
from connector.models.privacy import erasures
from connector.scope import Scope
from sync.privacy.names import Name


def digest(salt: bytes, name: Name) -> str:
    """HMAC-SHA256 of the name with the shop's salt, hexadecimal."""
    return hmac.new(salt, f"{name[0]}:{name[1]}".encode(), sha256).hexdigest()


def customer_digest(salt: bytes, customer_id: int) -> str:
    """What stands for a customer on a receipt."""
    return digest(salt, ("customer", str(customer_id)))


def write(scope: Scope, names: Iterable[Name]) -> None:
    """Whoever is known by these is erased as of now."""
    rows = [
        {"shop_id": scope.shop_id, "digest": digest(scope.shop.salt, name), "kind": name[0], "erased_at": scope.now}
        for name in sorted(names)
    ]
    if rows:
        statement = insert(erasures).values(rows)
        newer = {"erased_at": statement.excluded.erased_at}
        scope.connection.execute(statement.on_conflict_do_update(index_elements=["shop_id", "digest"], set_=newer))


def among_names(scope: Scope, names: Iterable[Name]) -> Mapping[Name, datetime]:
    """Those of these names that stand for somebody erased, and since when."""
    by_digest = {digest(scope.shop.salt, name): name for name in names}
    if not by_digest:
        return {}
    rows = scope.connection.execute(_STANDING, {"shop_id": scope.shop_id, "digests": list(by_digest)})
    return {by_digest[row.digest]: row.erased_at for row in rows}


_STANDING = select(erasures.c.digest, erasures.c.erased_at).where(
    erasures.c.shop_id == bindparam("shop_id"), among(erasures.c.digest, "digests")
)
