"""Staff accounts: who there is, as what, for which shops, and their passwords (Argon2id)."""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from threading import BoundedSemaphore
from typing import Any

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from sqlalchemy import Connection, Row, delete, insert, select, update

from connector import audit
from connector.admin.access import ROLES, STAFF
from connector.errors import InvalidInput
from connector.models.invitation import staff_invitations
from connector.models.staff import staff, staff_recovery_codes, staff_sessions, staff_shops

SHORTEST, LONGEST = 12, 256
"""Characters of a password. Longer ones would only make the hash dear."""

_EMAIL = re.compile(r"[^\s@<>\"'\\]{1,64}@[^\s@<>\"'\\]{1,255}\Z")
_hasher = PasswordHasher()
# A hash takes 64 MB of memory: so many at a time in one process.
_AT_ONCE = BoundedSemaphore(2)


@dataclass(frozen=True)
class Account:
    """One of the staff. ``shop_ids``: the shops they see, None for every shop. ``second_factor``: signing in takes a
    code of their authenticator app too (connector.admin.second_factor)."""

    id: int
    email: str
    role: str
    shop_ids: frozenset[int] | None
    created_at: datetime
    second_factor: bool = False

    @property
    def actor(self) -> str:
        return f"{STAFF}:{self.id}"


def add(
    connection: Connection,
    email: str,
    password: str,
    role: str,
    shop_ids: Collection[int] | None,
    *,
    actor: str,
    now: datetime,
) -> Account:
    """Create an account; ``shop_ids`` None: for every shop. Raises InvalidInput."""
    address = address_of(email)
    if role not in ROLES:
        raise InvalidInput(f"There is no role {role}: choose one of {', '.join(ROLES)}.")
    if find(connection, address) is not None:
        raise InvalidInput(f"{address} is one of the staff already.")
    values = {"email": address, "role": role, "password_hash": _hashed(password), "every_shop": shop_ids is None}
    staff_id = int(
        connection.execute(insert(staff).values(**values, created_at=now).returning(staff.c.id)).scalar_one()
    )
    if shop_ids:
        connection.execute(insert(staff_shops), [{"shop_id": one, "staff_id": staff_id} for one in sorted(shop_ids)])
    audit.record(
        connection,
        actor=actor,
        act="staff.add",
        object_kind="staff",
        object_id=staff_id,
        detail={"role": role, "shops": "all" if shop_ids is None else sorted(shop_ids)},
        now=now,
    )
    return Account(staff_id, address, role, None if shop_ids is None else frozenset(shop_ids), now)


def remove(connection: Connection, account: Account, *, actor: str, now: datetime) -> None:
    """Delete the account and end its sessions. What it did stays in the audit log under its number."""
    connection.execute(delete(staff_sessions).where(staff_sessions.c.staff_id == account.id))
    connection.execute(delete(staff_shops).where(staff_shops.c.staff_id == account.id))
    end_invitations(connection, account)
    connection.execute(delete(staff_recovery_codes).where(staff_recovery_codes.c.staff_id == account.id))
    connection.execute(delete(staff).where(staff.c.id == account.id))
    audit.record(connection, actor=actor, act="staff.remove", object_kind="staff", object_id=account.id, now=now)


def end_invitations(connection: Connection, account: Account) -> None:
    """Links that they have given away, and links for themselves, open nothing any more."""
    theirs = (staff_invitations.c.invited_by == account.actor) | (staff_invitations.c.staff_id == account.id)
    connection.execute(delete(staff_invitations).where(theirs))


def change_password(connection: Connection, account: Account, password: str, *, actor: str, now: datetime) -> None:
    """Set the password and end all sessions of the account. Raises InvalidInput."""
    connection.execute(update(staff).where(staff.c.id == account.id).values(password_hash=_hashed(password)))
    connection.execute(delete(staff_sessions).where(staff_sessions.c.staff_id == account.id))
    audit.record(connection, actor=actor, act="staff.password", object_kind="staff", object_id=account.id, now=now)


def listed(connection: Connection) -> list[Account]:
    """All staff, by email."""
    return [_account(connection, row) for row in connection.execute(select(staff).order_by(staff.c.email)).all()]


def names(connection: Connection) -> dict[str, str]:
    """The address of each, by the actor that the audit log has."""
    return {f"{STAFF}:{row.id}": row.email for row in connection.execute(select(staff.c.id, staff.c.email))}


def find(connection: Connection, email: str) -> Account | None:
    row = connection.execute(select(staff).where(staff.c.email == email.strip().lower())).first()
    return None if row is None else _account(connection, row)


def load(connection: Connection, staff_id: int) -> Account | None:
    row = connection.execute(select(staff).where(staff.c.id == staff_id)).first()
    return None if row is None else _account(connection, row)


def stored_hash(connection: Connection, account: Account) -> str:
    return str(connection.execute(select(staff.c.password_hash).where(staff.c.id == account.id)).scalar_one())


def is_right(stored: str | None, password: str) -> bool:
    """Whether this is the password. ``stored`` None (there is no such account) costs the same and is wrong.

    To be asked with no transaction open: it takes its time.
    """
    with _AT_ONCE:
        try:
            _hasher.verify(stored or _nobodys_hash(), password)
        except (VerificationError, InvalidHashError):
            return False
    return stored is not None


@lru_cache(maxsize=1)
def _nobodys_hash() -> str:
    return _hasher.hash("nobody has this password")


def _hashed(password: str) -> str:
    if not SHORTEST <= len(password) <= LONGEST:
        raise InvalidInput(f"A password has {SHORTEST} to {LONGEST} characters.")
    with _AT_ONCE:
        return _hasher.hash(password)


def address_of(email: str) -> str:
    """As it is kept. Raises InvalidInput when it is none."""
    address = email.strip().lower()
    if not _EMAIL.match(address):
        raise InvalidInput(f"{email.strip()[:80]} is no email address.")
    return address


def _account(connection: Connection, row: Row[Any]) -> Account:
    shop_ids = None
    if not row.every_shop:
        query = select(staff_shops.c.shop_id).where(staff_shops.c.staff_id == row.id)
        shop_ids = frozenset(connection.scalars(query))
    return Account(row.id, row.email, row.role, shop_ids, row.created_at, row.second_factor is not None)
