"""Keys of a shop, of two kinds that do not stand for one another. Only their digests are kept: they are shown once.

``sk_SHOP_SECRET`` is one of the public events API: it may tell of the shop's people, and read nothing.
``ak_SHOP_SECRET`` is one of the admin's API and may do there what its role may; it tells of no events.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha256

from sqlalchemy import Connection, Row, bindparam, insert, select, update

from connector import audit
from connector.errors import InvalidInput
from connector.models.api_key import api_keys
from connector.models.shop import shops

LONGEST_NAME = 100
# When a key was last used is put down to this.
COARSE = timedelta(hours=1)
_KEY = re.compile(r"([sa])k_([1-9][0-9]{0,17})_[0-9a-f]{48}\Z")


@dataclass(frozen=True)
class Key:
    """A key without its secret. ``name``: what the merchant calls the system that has it; times are business time.

    ``role``: of a key of the admin's API (connector.admin.access); None for one of the events API.
    """

    shop_id: int
    id: int
    name: str
    created_at: datetime
    last_used_at: datetime | None
    revoked_at: datetime | None
    role: str | None = None


def create(
    connection: Connection, shop_id: int, name: str, *, role: str | None = None, actor: str, now: datetime
) -> tuple[Key, str]:
    """A new key and, for this once, its text. ``role``: it is one of the admin's API.

    Raises InvalidInput for a name that is empty or too long.
    """
    name = name.strip()
    if not 1 <= len(name) <= LONGEST_NAME:
        raise InvalidInput(f"Give the key a name of at most {LONGEST_NAME} letters: that of the system that gets it.")
    text = f"{'sk' if role is None else 'ak'}_{shop_id}_{secrets.token_hex(24)}"
    values = {"shop_id": shop_id, "name": name, "role": role, "digest": _digest(text), "created_at": now}
    key = _key(connection.execute(insert(api_keys).values(values).returning(api_keys)).one())
    _note(connection, key, "api_key.create", actor, now)
    return key, text


def listed(connection: Connection, shop_id: int) -> Sequence[Key]:
    """The shop's keys, revoked ones too, the oldest first."""
    rows = connection.execute(select(api_keys).where(api_keys.c.shop_id == shop_id).order_by(api_keys.c.id))
    return [_key(row) for row in rows]


def revoke(connection: Connection, shop_id: int, key_id: int, *, actor: str, now: datetime) -> Key | None:
    """Let nobody in by this key any more; None when the shop has no such key that lets anybody in."""
    row = connection.execute(
        update(api_keys)
        .where(api_keys.c.shop_id == shop_id, api_keys.c.id == key_id, api_keys.c.revoked_at.is_(None))
        .values(revoked_at=now)
        .returning(api_keys)
    ).first()
    if row is None:
        return None
    key = _key(row)
    _note(connection, key, "api_key.revoke", actor, now)
    return key


def presented(connection: Connection, text: str, now: datetime, *, admin: bool = False) -> Key | None:
    """The key that this text is, which is noted as used; None when it lets nobody in (any more).

    ``admin``: a key of the admin's API is wanted, else one of the events API.
    """
    found = _KEY.match(text)
    if found is None or (found[1] == "a") is not admin:
        return None
    row = connection.execute(_BY_DIGEST, {"shop_id": int(found[2]), "digest": _digest(text)}).first()
    if row is None or (row.role is not None) is not admin:
        return None
    if row.last_used_at is None or row.last_used_at < now - COARSE:
        connection.execute(_USED, {"shop": row.shop_id, "key": row.id, "now": now})
    return _key(row)


_BY_DIGEST = (
    select(api_keys)
    .join(shops, shops.c.id == api_keys.c.shop_id)
    .where(
        api_keys.c.shop_id == bindparam("shop_id"),
        api_keys.c.digest == bindparam("digest"),
        api_keys.c.revoked_at.is_(None),
        shops.c.state != "uninstalled",
    )
)
_USED = (
    update(api_keys)
    .where(api_keys.c.shop_id == bindparam("shop"), api_keys.c.id == bindparam("key"))
    .values(last_used_at=bindparam("now"))
)


def _digest(text: str) -> str:
    return sha256(text.encode()).hexdigest()


def _key(row: Row[tuple[object, ...]]) -> Key:
    return Key(row.shop_id, row.id, row.name, row.created_at, row.last_used_at, row.revoked_at, row.role)


def _note(connection: Connection, key: Key, act: str, actor: str, now: datetime) -> None:
    audit.record(
        connection,
        shop_id=key.shop_id,
        actor=actor,
        act=act,
        object_kind="api_key",
        object_id=key.id,
        detail={"name": key.name} | ({} if key.role is None else {"role": key.role}),
        now=now,
    )
