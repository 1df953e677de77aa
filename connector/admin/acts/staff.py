"""Who works for the shop: inviting, changing and removing people, and ending their sessions. For owners in person."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from marshmallow import Schema, fields, validate
from sqlalchemy import Connection

from connector import audit
from connector.admin import revision, sessions, staffing
from connector.admin.access import ROLES, Visitor
from connector.admin.accounts import Account
from connector.admin.acts.act import Act, Given
from connector.db.session import transaction
from connector.deps import Deps
from connector.shops import Shop

HERE, CHOSEN, EVERYWHERE = "here", "chosen", "everywhere"
_MOST_SHOPS = 1000


class _Place(Schema):
    role = fields.String(required=True, validate=validate.OneOf(ROLES))
    # This shop, beside others that they see; those of `shop_ids` and no other; or every shop, also those that are
    # connected later.
    shops = fields.String(load_default=HERE, validate=validate.OneOf([HERE, CHOSEN, EVERYWHERE]))
    shop_ids = fields.List(
        fields.Integer(validate=validate.Range(min=1, max=2**62)),
        load_default=list,
        validate=validate.Length(max=_MOST_SHOPS),
    )


class _Invite(_Place):
    email = fields.String(required=True, validate=validate.Length(max=320))


class _Change(_Place):
    # What stands for their role and shops as they were when the form was opened.
    seen = fields.String(required=True, validate=validate.Length(max=64))


INVITE_FIELDS, CHANGE_FIELDS = _Invite(), _Change()


def seen_of(account: Account) -> str:
    """What stands for the role and the shops of this account as they are shown."""
    return revision.of(_shown(account))


def _shown(account: Account) -> list[Any]:
    return [account.role, None if account.shop_ids is None else sorted(account.shop_ids)]


def _invite(deps: Deps, shop: Shop, visitor: Visitor, given: Given) -> Mapping[str, Any]:
    with transaction(deps.engine) as connection:
        shop_ids = _wanted(connection, visitor, given, frozenset({shop.id}))
        token = staffing.invite(connection, visitor, given["email"], given["role"], shop_ids, deps.clock.machine())
        detail = {"role": given["role"], "shops": _said(given, shop_ids)}
        for one in _concerned(shop, frozenset(), shop_ids):
            _note(deps, connection, one, visitor, "staff.invite", "new", detail)
    return {"token": token, "email": given["email"].strip().lower()}


def _new_password(deps: Deps, shop: Shop, visitor: Visitor, given: Given) -> Mapping[str, Any]:
    with transaction(deps.engine) as connection:
        account = staffing.find(connection, shop.id, given["staff_id"])
        token = staffing.invite_again(connection, visitor, account, deps.clock.machine())
        _note(deps, connection, shop.id, visitor, "staff.password_link", account.id, {})
    return {"token": token, "email": account.email}


def _change(deps: Deps, shop: Shop, visitor: Visitor, given: Given) -> Mapping[str, Any]:
    with transaction(deps.engine) as connection:
        account = staffing.held(connection, shop.id, given["staff_id"])
        revision.check(_shown(account), given["seen"])
        shop_ids = _wanted(connection, visitor, given, _beside(account, shop))
        staffing.change(connection, visitor, account, given["role"], shop_ids)
        detail = {"role before": account.role, "role": given["role"], "shops": _said(given, shop_ids)}
        for one in _concerned(shop, account.shop_ids, shop_ids, another_role=account.role != given["role"]):
            enters = shop_ids is None or one in shop_ids
            _note(deps, connection, one, visitor, "staff.change", account.id, {**detail, "enters": enters})
    return {"staff": account.id, "role": given["role"]}


def _beside(account: Account, shop: Shop) -> frozenset[int]:
    """Who saw every shop is left with this one, which is the one that the page is about."""
    return frozenset({shop.id}) if account.shop_ids is None else account.shop_ids | {shop.id}


def _wanted(connection: Connection, visitor: Visitor, given: Given, here: frozenset[int]) -> frozenset[int] | None:
    """The shops that are meant; None: every one. Raises InvalidInput."""
    if given["shops"] == EVERYWHERE:
        return None
    if given["shops"] == HERE:
        return here
    return staffing.existing(connection, visitor, given["shop_ids"])


def _said(given: Given, shop_ids: frozenset[int] | None) -> str:
    """In the log of one shop others are not named."""
    return given["shops"] if shop_ids is None or given["shops"] == HERE else str(len(shop_ids))


def _concerned(
    shop: Shop, before: frozenset[int] | None, after: frozenset[int] | None, *, another_role: bool = False
) -> list[int]:
    """The shops in whose logs it stands: this one and each that they may enter since or no more, and with another role
    all of theirs. Of every shop it stands in the log of the installation."""
    if before is None or after is None:
        return [shop.id, audit.INSTALLATION]
    return sorted({shop.id} | (before | after if another_role else before ^ after))


def _remove(deps: Deps, shop: Shop, visitor: Visitor, given: Given) -> Mapping[str, Any]:
    with transaction(deps.engine) as connection:
        account = staffing.find(connection, shop.id, given["staff_id"])
        gone = staffing.remove(connection, visitor, account, shop.id, deps.clock.now())
        _note(deps, connection, shop.id, visitor, "staff.leave", account.id, {})
    return {"staff": account.id, "account_removed": gone}


def _end_sessions(deps: Deps, shop: Shop, visitor: Visitor, given: Given) -> Mapping[str, Any]:
    with transaction(deps.engine) as connection:
        account = staffing.find(connection, shop.id, given["staff_id"])
        staffing.must_manage(visitor, account)
        sessions.end_all(connection, account)
        _note(deps, connection, shop.id, visitor, "staff.end_sessions", account.id, {})
    return {"staff": account.id}


def _note(
    deps: Deps, connection: Connection, shop_id: int, visitor: Visitor, act: str, about: object, detail: dict[str, Any]
) -> None:
    audit.record(
        connection,
        shop_id=shop_id,
        actor=visitor.actor,
        act=act,
        object_kind="staff",
        object_id=about,
        detail=detail,
        now=deps.clock.now(),
    )


ACTS = (
    Act("invite", "staff", "Invite somebody to the staff by a link.", _invite, INVITE_FIELDS),
    Act("new_password", "staff/<int:staff_id>/password", "A link by which they choose a new password.", _new_password),
    Act("change_staff", "staff/<int:staff_id>", "Give somebody another role, or other shops.", _change, CHANGE_FIELDS),
    Act("remove_staff", "staff/<int:staff_id>/remove", "Let somebody see the shop no more.", _remove),
    Act("end_sessions", "staff/<int:staff_id>/sessions", "Sign somebody out everywhere.", _end_sessions),
)
INVITE, NEW_PASSWORD, CHANGE, REMOVE, END_SESSIONS = ACTS
