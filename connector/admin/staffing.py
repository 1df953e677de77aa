"""The staff of a shop as its owners see and change them: invitations, roles, shops, sessions.

An account has one role for all shops that it sees. An owner changes the accounts all of whose shops are theirs too, and
takes their own shop away from any other. There is always an owner left.
"""

from __future__ import annotations

import secrets
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha256

from sqlalchemy import Connection, delete, func, insert, or_, select, update

from connector.admin import accounts
from connector.admin.access import OWNER, ROLES, Visitor
from connector.admin.accounts import Account
from connector.errors import InvalidInput
from connector.models.invitation import staff_invitations
from connector.models.shop import shops
from connector.models.staff import staff, staff_sessions, staff_shops

LIFETIME = timedelta(hours=24)
"""Of the link of an invitation, in machine time."""


@dataclass(frozen=True)
class Invitation:
    """``staff_id``: who is to choose a new password; None: it makes a new account. ``shop_ids`` None: every shop."""

    email: str
    staff_id: int | None
    role: str
    shop_ids: frozenset[int] | None
    invited_by: str
    ends_real: datetime


def names_of_shops(connection: Connection, visitor: Visitor) -> dict[int, str]:
    """{id: name} of the shops that the visitor sees, by name."""
    query = select(shops.c.id, shops.c.name, shops.c.domain)
    found = {row.id: row.name or row.domain for row in connection.execute(query) if visitor.sees(row.id)}
    return dict(sorted(found.items(), key=lambda one: (one[1].casefold(), one[0])))


def existing(connection: Connection, visitor: Visitor, shop_ids: Collection[int]) -> frozenset[int]:
    """These shops. Raises InvalidInput when there are none, or one is not there as far as the visitor sees."""
    if not shop_ids:
        raise InvalidInput("Choose at least one shop. Who is to enter none is removed instead.")
    seen = [one for one in shop_ids if visitor.sees(one)]
    known = frozenset(connection.scalars(select(shops.c.id).where(shops.c.id.in_(seen))))
    if strange := sorted(set(shop_ids) - known):
        raise InvalidInput(f"There is no shop {strange[0]}.")
    return known


def of_shop(connection: Connection, shop_id: int) -> list[Account]:
    """Who may see this shop, by email."""
    return [one for one in accounts.listed(connection) if _sees(one, shop_id)]


def find(connection: Connection, shop_id: int, staff_id: int) -> Account:
    """One of them. Raises LookupError for anybody else."""
    found = accounts.load(connection, staff_id)
    if found is None or not _sees(found, shop_id):
        raise LookupError("Nobody of this number works for the shop.")
    return found


def held(connection: Connection, shop_id: int, staff_id: int) -> Account:
    """One of them, whom nobody else changes before the transaction ends. Raises LookupError for anybody else."""
    # With all owners and in their order, as whoever looks whether an owner is left locks them.
    locked = or_(staff.c.role == OWNER, staff.c.id == staff_id)
    connection.execute(select(staff.c.id).where(locked).order_by(staff.c.id).with_for_update()).all()
    return find(connection, shop_id, staff_id)


def sessions_of(connection: Connection, people: Sequence[Account], machine: datetime) -> dict[int, int]:
    """How many sessions each of them has, of those who have any."""
    query = (
        select(staff_sessions.c.staff_id, func.count())
        .where(staff_sessions.c.staff_id.in_([one.id for one in people]), staff_sessions.c.ends_real > machine)
        .group_by(staff_sessions.c.staff_id)
    )
    return {row[0]: row[1] for row in connection.execute(query)}


def manages(visitor: Visitor, account: Account) -> bool:
    """Whether all that this account sees is the visitor's too."""
    if visitor.shop_ids is None:
        return True
    return account.shop_ids is not None and account.shop_ids <= visitor.shop_ids


def invite(
    connection: Connection,
    visitor: Visitor,
    email: str,
    role: str,
    shop_ids: frozenset[int] | None,
    machine: datetime,
) -> str:
    """The token of a link by which somebody makes their account; an earlier invitation of theirs ends. Raises
    InvalidInput."""
    address = accounts.address_of(email)
    _may_give(visitor, role, shop_ids)
    if accounts.find(connection, address) is not None:
        raise InvalidInput(
            f"{address} has an account already. Change it in the list; if it is not there, ask an owner of all shops."
        )
    return _made(connection, Invitation(address, None, role, shop_ids, visitor.actor, machine + LIFETIME), machine)


def invite_again(connection: Connection, visitor: Visitor, account: Account, machine: datetime) -> str:
    """The token of a link by which they choose a new password. Raises InvalidInput."""
    must_manage(visitor, account)
    wanted = Invitation(account.email, account.id, account.role, account.shop_ids, visitor.actor, machine + LIFETIME)
    return _made(connection, wanted, machine)


def open_ones(connection: Connection, shop_id: int, machine: datetime) -> list[Invitation]:
    """Invitations to this shop that nobody has followed yet, by email."""
    query = (
        select(staff_invitations)
        .where(
            staff_invitations.c.ends_real > machine,
            or_(staff_invitations.c.every_shop, staff_invitations.c.shop_ids.contains([shop_id])),
        )
        .order_by(staff_invitations.c.email)
    )
    return [_invitation(row) for row in connection.execute(query)]


def invited(connection: Connection, token: str, machine: datetime) -> Invitation | None:
    """Whom this link is for; None when it has ended or was followed."""
    query = select(staff_invitations).where(
        staff_invitations.c.digest == _digest(token), staff_invitations.c.ends_real > machine
    )
    row = connection.execute(query).first()
    return None if row is None else _invitation(row)


def accept(connection: Connection, token: str, password: str, *, machine: datetime, now: datetime) -> Account | None:
    """Make the account, or give it its new password; None when the link has ended. It works once. Raises InvalidInput
    for a password, in which case the link stays."""
    row = connection.execute(
        delete(staff_invitations)
        .where(staff_invitations.c.digest == _digest(token), staff_invitations.c.ends_real > machine)
        .returning(staff_invitations)
    ).first()
    if row is None:
        return None
    wanted = _invitation(row)
    if wanted.staff_id is None:
        return accounts.add(
            connection, wanted.email, password, wanted.role, wanted.shop_ids, actor=wanted.invited_by, now=now
        )
    account = accounts.load(connection, wanted.staff_id)
    if account is not None:
        accounts.change_password(connection, account, password, actor=account.actor, now=now)
    return account


def change(
    connection: Connection, visitor: Visitor, account: Account, role: str, shop_ids: frozenset[int] | None
) -> None:
    """Give them this role and these shops. Raises InvalidInput."""
    must_manage(visitor, account)
    _may_give(visitor, role, shop_ids)
    _an_owner_is_left(connection, account, role, shop_ids)
    connection.execute(update(staff).where(staff.c.id == account.id).values(role=role, every_shop=shop_ids is None))
    connection.execute(delete(staff_shops).where(staff_shops.c.staff_id == account.id))
    if shop_ids:
        connection.execute(insert(staff_shops), [{"shop_id": one, "staff_id": account.id} for one in sorted(shop_ids)])
    accounts.end_invitations(connection, account)


def remove(connection: Connection, visitor: Visitor, account: Account, shop_id: int, now: datetime) -> bool:
    """Take this shop away from them; who sees no other loses the account, which is then True. Raises InvalidInput."""
    left = frozenset() if account.shop_ids is None else account.shop_ids - {shop_id}
    if account.shop_ids is None:
        must_manage(visitor, account)
    _an_owner_is_left(connection, account, account.role, left)
    accounts.end_invitations(connection, account)
    if left:
        mine = (staff_shops.c.staff_id == account.id, staff_shops.c.shop_id == shop_id)
        connection.execute(delete(staff_shops).where(*mine))
        return False
    accounts.remove(connection, account, actor=visitor.actor, now=now)
    return True


def _sees(account: Account, shop_id: int) -> bool:
    return account.shop_ids is None or shop_id in account.shop_ids


def must_manage(visitor: Visitor, account: Account) -> None:
    """Raises InvalidInput when they see what the visitor does not."""
    if not manages(visitor, account):
        raise InvalidInput("They see shops that you do not: ask an owner of all shops.")


def _may_give(visitor: Visitor, role: str, shop_ids: frozenset[int] | None) -> None:
    if role not in ROLES:
        raise InvalidInput(f"There is no role {role}: choose one of {', '.join(ROLES)}.")
    if visitor.shop_ids is not None and (shop_ids is None or not shop_ids <= visitor.shop_ids):
        raise InvalidInput("You can only give shops that you see yourself.")


def _an_owner_is_left(connection: Connection, account: Account, role: str, shop_ids: frozenset[int] | None) -> None:
    """Raises InvalidInput when a shop would have no owner on the staff any more. Two who try at once come one after the
    other."""
    if account.role != OWNER:
        return
    owners = select(staff.c.id).where(staff.c.role == OWNER).order_by(staff.c.id).with_for_update()
    others = [accounts.load(connection, one) for one in connection.scalars(owners).all() if one != account.id]
    left = [one for one in others if one is not None and one.role == OWNER]
    if role == OWNER:
        left.append(Account(account.id, account.email, role, shop_ids, account.created_at))
    if any(one.shop_ids is None for one in left):
        return
    seen = frozenset[int]().union(*(one.shop_ids or () for one in left))
    if account.shop_ids is None or account.shop_ids - seen:
        raise InvalidInput("They are the last owner. Make somebody else an owner first.")


def _made(connection: Connection, wanted: Invitation, machine: datetime) -> str:
    ended = or_(staff_invitations.c.email == wanted.email, staff_invitations.c.ends_real <= machine)
    connection.execute(delete(staff_invitations).where(ended))
    token = secrets.token_urlsafe(32)
    connection.execute(
        insert(staff_invitations).values(
            digest=_digest(token),
            email=wanted.email,
            staff_id=wanted.staff_id,
            role=wanted.role,
            every_shop=wanted.shop_ids is None,
            shop_ids=sorted(wanted.shop_ids or ()),
            invited_by=wanted.invited_by,
            made_real=machine,
            ends_real=wanted.ends_real,
        )
    )
    return token


def _invitation(row: object) -> Invitation:
    of: dict[str, object] = row._mapping  # type: ignore[attr-defined]
    shop_ids = None if of["every_shop"] else frozenset(of["shop_ids"])  # type: ignore[call-overload]
    return Invitation(of["email"], of["staff_id"], of["role"], shop_ids, of["invited_by"], of["ends_real"])  # type: ignore[arg-type]


def _digest(token: str) -> str:
    return sha256(token.encode()).hexdigest()
