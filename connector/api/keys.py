"""Keys of the public events API: each belongs to one shop and may tell of its people, and read nothing.

A key is ``sk_SHOP_SECRET``. Only its digest is kept, so it is shown once.
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
_KEY = re.compile(r"sk_([1-9][0-9]{0,17})_[0-9a-f]{48}\Z")


@dataclass(frozen=True)
class Key:
    """A key without its secret. ``name``: what the merchant calls the system that has it; times are business time."""

    shop_id: int
    id: int
    name: str
    created_at: datetime
    last_used_at: datetime | None
    revoked_at: datetime | None


def create(connection: Connection, shop_id: int, name: str, *, actor: str, now: datetime) -> tuple[Key, str]:
    """A new key and, for this once, its text. Raises InvalidInput for a name that is empty or too long."""
    name = name.strip()
    if not 1 <= len(name) <= LONGEST_NAME:
        raise InvalidInput(f"Give the key a name of at most {LONGEST_NAME} letters: that of the system that gets it.")
    text = f"sk_{shop_id}_{secrets.token_hex(24)}"
    values = {"shop_id": shop_id, "name": name, "digest": _digest(text), "created_at": now}
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


def presented(connection: Connection, text: str, now: datetime) -> Key | None:
    """The key that this text is, which is noted as used; None when it lets nobody in (any more)."""
    found = _KEY.match(text)
    if found is None:
        return None
    row = connection.execute(_BY_DIGEST, {"shop_id": int(found[1]), "digest": _digest(text)}).first()
    if row is None:
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
    return Key(row.shop_id, row.id, row.name, row.created_at, row.last_used_at, row.revoked_at)


def _note(connection: Connection, key: Key, act: str, actor: str, now: datetime) -> None:
    audit.record(
        connection,
        shop_id=key.shop_id,
        actor=actor,
        act=act,
        object_kind="api_key",
        object_id=key.id,
        detail={"name": key.name},
        now=now,
    )
