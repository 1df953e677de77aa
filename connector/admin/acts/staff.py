"""Who works for the shop: inviting, changing and removing people, and ending their sessions. For owners in person."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from marshmallow import Schema, fields, validate

from connector import audit
from connector.admin import sessions, staffing
from connector.admin.access import ROLES, Visitor
from connector.admin.accounts import Account
from connector.admin.acts.act import Act, Given
from connector.db.session import transaction
from connector.deps import Deps
from connector.shops import Shop

HERE, EVERYWHERE = "here", "everywhere"


class _Place(Schema):
    role = fields.String(required=True, validate=validate.OneOf(ROLES))
    # This shop, beside others that they see; or every shop, also those that are connected later.
    shops = fields.String(load_default=HERE, validate=validate.OneOf([HERE, EVERYWHERE]))


class _Invite(_Place):
    email = fields.String(required=True, validate=validate.Length(max=320))


INVITE_FIELDS, CHANGE_FIELDS = _Invite(), _Place()


def _invite(deps: Deps, shop: Shop, visitor: Visitor, given: Given) -> Mapping[str, Any]:
    shop_ids = None if given["shops"] == EVERYWHERE else frozenset({shop.id})
    with transaction(deps.engine) as connection:
        token = staffing.invite(connection, visitor, given["email"], given["role"], shop_ids, deps.clock.machine())
        detail = {"role": given["role"], "shops": given["shops"]}
        _note(deps, connection, shop, visitor, "staff.invite", "new", detail)
    return {"token": token, "email": given["email"].strip().lower()}


def _new_password(deps: Deps, shop: Shop, visitor: Visitor, given: Given) -> Mapping[str, Any]:
    with transaction(deps.engine) as connection:
        account = staffing.find(connection, shop.id, given["staff_id"])
        token = staffing.invite_again(connection, visitor, account, deps.clock.machine())
        _note(deps, connection, shop, visitor, "staff.password_link", account.id, {})
    return {"token": token, "email": account.email}


def _change(deps: Deps, shop: Shop, visitor: Visitor, given: Given) -> Mapping[str, Any]:
    with transaction(deps.engine) as connection:
        account = staffing.find(connection, shop.id, given["staff_id"])
        shop_ids = None if given["shops"] == EVERYWHERE else _beside(account, shop)
        staffing.change(connection, visitor, account, given["role"], shop_ids)
        detail = {"role before": account.role, "role": given["role"], "shops": given["shops"]}
        _note(deps, connection, shop, visitor, "staff.change", account.id, detail)
    return {"staff": account.id, "role": given["role"]}


def _beside(account: Account, shop: Shop) -> frozenset[int]:
    """Who saw every shop is left with this one, which is the one that the page is about."""
    return frozenset({shop.id}) if account.shop_ids is None else account.shop_ids | {shop.id}


def _remove(deps: Deps, shop: Shop, visitor: Visitor, given: Given) -> Mapping[str, Any]:
    with transaction(deps.engine) as connection:
        account = staffing.find(connection, shop.id, given["staff_id"])
        gone = staffing.remove(connection, visitor, account, shop.id, deps.clock.now())
        _note(deps, connection, shop, visitor, "staff.leave", account.id, {})
    return {"staff": account.id, "account_removed": gone}


def _end_sessions(deps: Deps, shop: Shop, visitor: Visitor, given: Given) -> Mapping[str, Any]:
    with transaction(deps.engine) as connection:
        account = staffing.find(connection, shop.id, given["staff_id"])
        staffing.must_manage(visitor, account)
        sessions.end_all(connection, account)
        _note(deps, connection, shop, visitor, "staff.end_sessions", account.id, {})
    return {"staff": account.id}


def _note(
    deps: Deps, connection: Any, shop: Shop, visitor: Visitor, act: str, about: object, detail: Mapping[str, Any]
) -> None:
    audit.record(
        connection,
        shop_id=shop.id,
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
    Act("change_staff", "staff/<int:staff_id>", "Give somebody another role.", _change, CHANGE_FIELDS),
    Act("remove_staff", "staff/<int:staff_id>/remove", "Let somebody see the shop no more.", _remove),
    Act("end_sessions", "staff/<int:staff_id>/sessions", "Sign somebody out everywhere.", _end_sessions),
)
INVITE, NEW_PASSWORD, CHANGE, REMOVE, END_SESSIONS = ACTS
