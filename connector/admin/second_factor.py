"""The second factor of staff: codes of an authenticator app (TOTP, RFC 6238), and recovery codes for when it is lost.

The secret is sealed like every credential. A code is good for its half minute and the ones beside it, and only once;
of a recovery code only the digest is kept, and it is gone with its use.
"""

from __future__ import annotations

import secrets
from base64 import b32encode
from collections.abc import Sequence
from datetime import datetime
from hashlib import sha256
from io import BytesIO

import pyotp
import segno
from pyotp.utils import strings_equal
from sqlalchemy import Connection, delete, func, insert, or_, select, update

from connector import audit
from connector.admin.accounts import Account
from connector.errors import InvalidInput
from connector.models.staff import staff, staff_recovery_codes
from connector.secrets import Secrets

ISSUER = "Shopify-Brevo connector"
RECOVERY_CODES = 10
LONGEST = 40
"""Characters that are read of what somebody entered as a code."""

WRONG = "That code is not the one the app shows now, or it was used already: enter the next one."
ALREADY = "You have a second factor already: take it off first, with a code of it."

CODE, RECOVERY = "code", "recovery code"
"""What somebody proved themselves by."""

_STEP_SECONDS = 30
# A clock may be wrong by so many half minutes, before and after.
_DRIFT = 1
_RECOVERY_BYTES = 10


def wanted(connection: Connection, sealing: Secrets, account: Account) -> str:
    """The secret that is being set up, for the app: it is made now, and of no effect until ``finish``."""
    secret = pyotp.random_base32()
    sealed = sealing.encrypt(audit.INSTALLATION, _kind(account), secret)
    connection.execute(update(staff).where(staff.c.id == account.id).values(second_factor_next=sealed))
    return secret


def address(account: Account, secret: str) -> str:
    """What an app reads out of the picture."""
    return pyotp.TOTP(secret).provisioning_uri(name=account.email, issuer_name=ISSUER)


def picture(account: Account, secret: str) -> str:
    """The address as an SVG element, which carries neither a style nor a script."""
    written = BytesIO()
    segno.make(address(account, secret), error="m").save(
        written, kind="svg", scale=4, border=4, xmldecl=False, svgns=False, svgclass="qr", lineclass=None,
        omitsize=True, light="#fff", title="The code that your authenticator app reads",
    )  # fmt: skip
    return written.getvalue().decode()


def finish(
    connection: Connection,
    sealing: Secrets,
    account: Account,
    code: str,
    *,
    machine: datetime,
    actor: str,
    now: datetime,
) -> Sequence[str]:
    """Take the secret that was set up, once a code of it was shown. Returns the recovery codes, for this once.

    Raises InvalidInput when the code is wrong, or nothing is being set up.
    """
    query = select(staff.c.second_factor_next).where(staff.c.id == account.id).with_for_update()
    sealed = connection.execute(query).scalar_one()
    if sealed is None:
        raise InvalidInput("Nothing is being set up any more: begin again.")
    step = _step_of(sealing.decrypt(audit.INSTALLATION, _kind(account), sealed), code, machine)
    if step is None:
        raise InvalidInput("That code is not the one the app shows now: enter the newest, or scan the picture again.")
    connection.execute(
        update(staff)
        .where(staff.c.id == account.id)
        .values(second_factor=sealed, second_factor_next=None, second_factor_step=step)
    )
    _note(connection, account, "second_factor.set", actor, now)
    return renew_recovery_codes(connection, account)


def proves(connection: Connection, sealing: Secrets, account: Account, code: str, machine: datetime) -> str | None:
    """By what this proves that they are who they say, CODE or RECOVERY; None for a code that is wrong or was used."""
    sealed = connection.scalar(select(staff.c.second_factor).where(staff.c.id == account.id))
    if sealed is None:
        return None
    step = _step_of(sealing.decrypt(audit.INSTALLATION, _kind(account), sealed), code, machine)
    if step is not None:
        newer = or_(staff.c.second_factor_step.is_(None), staff.c.second_factor_step < step)
        taken = connection.execute(
            update(staff).where(staff.c.id == account.id, newer).values(second_factor_step=step)
        ).rowcount
        return CODE if taken else None
    spent = connection.execute(
        delete(staff_recovery_codes).where(
            staff_recovery_codes.c.staff_id == account.id, staff_recovery_codes.c.digest == _digest(code)
        )
    ).rowcount
    return RECOVERY if spent else None


def renew_recovery_codes(connection: Connection, account: Account) -> Sequence[str]:
    """New recovery codes instead of those that are left; they are shown this once."""
    codes = [b32encode(secrets.token_bytes(_RECOVERY_BYTES)).decode().lower() for _ in range(RECOVERY_CODES)]
    connection.execute(delete(staff_recovery_codes).where(staff_recovery_codes.c.staff_id == account.id))
    connection.execute(
        insert(staff_recovery_codes), [{"staff_id": account.id, "digest": _digest(code)} for code in codes]
    )
    return ["-".join(code[n : n + 4] for n in range(0, len(code), 4)) for code in codes]


def recovery_codes_left(connection: Connection, account: Account) -> int:
    query = select(func.count()).select_from(staff_recovery_codes).where(staff_recovery_codes.c.staff_id == account.id)
    return int(connection.scalar(query) or 0)


def drop(connection: Connection, account: Account, *, actor: str, now: datetime) -> None:
    """Signing in takes the password alone again."""
    connection.execute(delete(staff_recovery_codes).where(staff_recovery_codes.c.staff_id == account.id))
    connection.execute(
        update(staff)
        .where(staff.c.id == account.id)
        .values(second_factor=None, second_factor_next=None, second_factor_step=None)
    )
    _note(connection, account, "second_factor.drop", actor, now)


def _step_of(secret: str, code: str, machine: datetime) -> int | None:
    """The half minute of which this is the code, of those that are good now."""
    given = "".join(code[:LONGEST].split())
    now, made = int(machine.timestamp()) // _STEP_SECONDS, pyotp.TOTP(secret)
    near = range(now - _DRIFT, now + _DRIFT + 1)
    return next((step for step in near if strings_equal(made.generate_otp(step), given)), None)


def _digest(code: str) -> str:
    letters = "".join(one for one in code[:LONGEST].lower() if one.isalnum())
    return sha256(letters.encode()).hexdigest()


def _kind(account: Account) -> str:
    # Bound to its owner: the secret of another would not open here.
    return f"second factor of staff {account.id}"


def _note(connection: Connection, account: Account, act: str, actor: str, now: datetime) -> None:
    audit.record(connection, actor=actor, act=act, object_kind="staff", object_id=account.id, now=now)
