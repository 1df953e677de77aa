"""Sessions of staff who signed in: rows that can be ended, known by the digest of a random token in a cookie.

They last in machine time, because they are a matter of real people and real hours.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha256

from sqlalchemy import Connection, delete, func, insert, select, update

from connector.admin import accounts
from connector.admin.accounts import Account
from connector.models.staff import staff_sessions

LIFETIME = timedelta(hours=12)
"""From signing in, whatever is done meanwhile."""

FRESH = timedelta(minutes=15)
"""For so long after they proved who they are, staff may do what asks for that."""


@dataclass(frozen=True)
class Session:
    """Whose it is, and when they last proved it (machine time)."""

    account: Account
    proven: datetime

    def is_fresh(self, machine: datetime) -> bool:
        return machine - self.proven < FRESH


def start(connection: Connection, account: Account, machine: datetime) -> str:
    """A new session; returns its token, which is stored nowhere. Sessions that have ended are removed."""
    connection.execute(delete(staff_sessions).where(staff_sessions.c.ends_real <= machine))
    token = secrets.token_urlsafe(32)
    connection.execute(
        insert(staff_sessions).values(
            digest=_digest(token), staff_id=account.id, began_real=machine, ends_real=machine + LIFETIME
        )
    )
    return token


def of(connection: Connection, token: str, machine: datetime) -> Session | None:
    """The session of this token; None when it has ended or never was."""
    proven = func.coalesce(staff_sessions.c.proven_real, staff_sessions.c.began_real).label("proven")
    row = connection.execute(
        select(staff_sessions.c.staff_id, proven).where(
            staff_sessions.c.digest == _digest(token), staff_sessions.c.ends_real > machine
        )
    ).first()
    account = None if row is None else accounts.load(connection, row.staff_id)
    return None if row is None or account is None else Session(account, row.proven)


def prove(connection: Connection, token: str, machine: datetime) -> None:
    """They have proven once more who they are."""
    connection.execute(
        update(staff_sessions).where(staff_sessions.c.digest == _digest(token)).values(proven_real=machine)
    )


def end_all(connection: Connection, account: Account) -> None:
    """End all sessions of this account."""
    connection.execute(delete(staff_sessions).where(staff_sessions.c.staff_id == account.id))


def end_others(connection: Connection, account: Account, token: str) -> None:
    """End all sessions of this account but the one of this token."""
    connection.execute(
        delete(staff_sessions).where(staff_sessions.c.staff_id == account.id, staff_sessions.c.digest != _digest(token))
    )


def end(connection: Connection, token: str) -> None:
    connection.execute(delete(staff_sessions).where(staff_sessions.c.digest == _digest(token)))


def _digest(token: str) -> str:
    return sha256(token.encode()).hexdigest()
