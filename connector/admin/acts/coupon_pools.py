"""Pools of discount codes that flows hand out: having one made, how many codes it has left, keeping more of them."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, time
from typing import Any

from marshmallow import Schema, fields, validate

from connector import audit, paging, shops
from connector.admin import revision
from connector.admin.access import Visitor
from connector.admin.acts.act import Act, Given, Paged, View
from connector.db.session import transaction
from connector.deps import Deps
from connector.errors import InvalidInput
from connector.paging import SIZE, Page
from connector.scope import Scope
from connector.shops import Shop
from flows.core.calendar import zone
from sync.coupons import pools
from sync.coupons.pools import Pool

_SIZE = validate.Range(1, pools.LARGEST)
_AMOUNT = validate.Length(1, 20)


class _Make(Schema):
    # What flows call it: small letters, digits and dashes.
    name = fields.String(required=True, validate=validate.Length(1, 61))
    # One of the two: per cent off an order, or an amount in the shop's currency.
    percent = fields.Integer(load_default=None, allow_none=True, validate=validate.Range(1, 100))
    amount = fields.String(load_default=None, allow_none=True, validate=_AMOUNT)
    # Only for orders of at least so much.
    minimum = fields.String(load_default=None, allow_none=True, validate=_AMOUNT)
    once_per_customer = fields.Boolean(load_default=False)
    # The day, in the shop's zone, from which its codes are no good.
    ends = fields.Date(load_default=None, allow_none=True)
    # What its codes begin with.
    prefix = fields.String(load_default="", validate=validate.Length(max=12))
    # So many codes are kept ready.
    size = fields.Integer(load_default=500, validate=_SIZE)


class _Resize(Schema):
    name = fields.String(required=True, validate=validate.Length(1, 61))
    # What stands for the number as it was when the pool was read.
    seen = fields.String(required=True, validate=validate.Length(max=64))
    size = fields.Integer(required=True, validate=_SIZE)


MAKE_FIELDS, RESIZE_FIELDS = _Make(), _Resize()


def read(deps: Deps, shop: Shop, after: str | None) -> Page[Pool]:
    """A page of the pools, by name. Raises InvalidInput."""
    key = paging.after(after, str)
    with transaction(deps.engine) as connection:
        found = pools.ready(connection, shop.id, SIZE + 1, key[0] if key else "")
    return paging.page(found, lambda one: (one.name,))


def seen(pool: Pool) -> str:
    """What two who change how many codes are kept are held against one another by."""
    return revision.of([pool.size])


def _list(deps: Deps, shop: Shop, visitor: Visitor, given: Given) -> Mapping[str, Any]:
    found = read(deps, shop, given["after"])
    rows = [
        {"name": one.name, "terms": one.terms, "ends_at": one.ends_at, "size": one.size, "left": one.left,
         "left_is_more": one.more, "collection": one.collection, "state": one.state, "reason": one.reason,
         "seen": seen(one)}
        for one in found.rows
    ]  # fmt: skip
    return {"rows": rows, "next": found.next}


def _make(deps: Deps, shop: Shop, visitor: Visitor, given: Given) -> Mapping[str, Any]:
    last, name = given["ends"], given["name"]
    here = zone(shop.timezone)
    if last is not None and last <= deps.clock.now().astimezone(here).date():
        raise InvalidInput("The day from which its codes are no good is over already: give a later one.")
    terms = pools.terms_of(given["percent"], given["amount"], given["minimum"], given["once_per_customer"])
    with deps.open(shop) as scope:
        shops.hold(scope.connection, shop.id)
        if pools.one(scope.connection, shop.id, name) is not None:
            raise InvalidInput(f"There is a pool {name} already: give this one another name.")
        pools.keep(
            scope,
            name,
            terms=terms,
            size=given["size"],
            prefix=given["prefix"].upper(),
            ends_at=datetime.combine(last, time(), here) if last else None,
        )
        _note(scope, visitor, "coupons.make", name, {"size": given["size"]})
    return {"name": name}


def _resize(deps: Deps, shop: Shop, visitor: Visitor, given: Given) -> Mapping[str, Any]:
    with deps.open(shop) as scope:
        shops.hold(scope.connection, shop.id)
        known = pools.one(scope.connection, shop.id, given["name"])
        if known is None:
            raise LookupError("There is no such pool.")
        revision.check([known.size], given["seen"])
        pools.resize(scope, known.name, given["size"])
        _note(scope, visitor, "coupons.resize", known.name, {"size": given["size"]})
    return {"name": known.name, "size": given["size"]}


def _note(scope: Scope, visitor: Visitor, act: str, name: str, detail: Mapping[str, Any]) -> None:
    audit.note(scope, actor=visitor.actor, act=act, object_kind="coupon pool", object_id=name, detail=dict(detail))


MAKE = Act("make_coupon_pool", "coupon-pools", "Keep discount codes ready for flows.", _make, MAKE_FIELDS)
RESIZE = Act(
    "resize_coupon_pool", "coupon-pools/size", "Keep more or fewer codes of a pool ready.", _resize, RESIZE_FIELDS
)
ACTS = (MAKE, RESIZE)
VIEWS = (View("coupon_pools", "coupon-pools", "Pools of discount codes, and what each has left.", _list, Paged()),)
