"""Sessions of staff who signed in: rows that can be ended, known by the digest of a random token in a cookie.

They last in machine time, because they are a matter of real people and real hours.
"""

from __future__ import annotations

import secrets
from datetime import datetime, timedelta
from hashlib import sha256

from sqlalchemy import Connection, delete, insert, select

from connector.admin import accounts
from connector.admin.accounts import Account
from connector.models.staff import staff_sessions

LIFETIME = timedelta(hours=12)
"""From signing in, whatever is done meanwhile."""


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


def account_of(connection: Connection, token: str, machine: datetime) -> Account | None:
    """Whose session this is; None when it has ended or never was."""
    staff_id = connection.scalar(
        select(staff_sessions.c.staff_id).where(
            staff_sessions.c.digest == _digest(token), staff_sessions.c.ends_real > machine
        )
    )
    return None if staff_id is None else accounts.load(connection, staff_id)


def end(connection: Connection, token: str) -> None:
    connection.execute(delete(staff_sessions).where(staff_sessions.c.digest == _digest(token)))


def _digest(token: str) -> str:
    return sha256(token.encode()).hexdigest()
