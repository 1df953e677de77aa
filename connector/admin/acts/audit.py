"""Reading the audit log of a shop."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from marshmallow import Schema, fields, validate
from sqlalchemy import Connection

from connector import audit, paging
from connector.admin.access import Visitor
from connector.admin.acts.act import Given, Paged, View
from connector.admin.shown import Eyes
from connector.audit import Line, Wanted
from connector.db.session import transaction
from connector.deps import Deps
from connector.paging import SIZE, Page
from connector.shops import Shop

_WORD = validate.Length(max=200)


class FilterSchema(Schema):
    """Each as the log has it: actor ``staff:1``, act ``settings.change``, object kind ``settings`` and its number."""

    actor = fields.String(load_default=None, validate=_WORD)
    act = fields.String(load_default=None, validate=_WORD)
    object_kind = fields.String(load_default=None, validate=_WORD)
    object_id = fields.String(load_default=None, validate=_WORD)


class Query(FilterSchema, Paged):
    """A page of them."""


def wanted(given: Given) -> Wanted:
    """What FilterSchema has loaded."""
    return Wanted(given["actor"], given["act"], given["object_kind"], given["object_id"])


def page(connection: Connection, shop_id: int, given: Given) -> Page[Line]:
    """A page of the lines. Raises InvalidInput for a wrong cursor."""
    cursor = paging.after(given["after"], int)
    before = cursor[0] if cursor else None
    found = audit.search(connection, shop_id, wanted(given), before=before, limit=SIZE + 1)
    return paging.page(found, lambda line: [line.id])


def _read(deps: Deps, shop: Shop, visitor: Visitor, given: Given) -> Mapping[str, Any]:
    eyes = Eyes(visitor.sees_addresses)
    with transaction(deps.engine) as connection:
        found = page(connection, shop.id, given)
    rows = [
        {
            "id": line.id,
            "at": line.at,
            "actor": line.actor,
            "act": line.act,
            "object_kind": line.object_kind,
            "object_id": line.object_id,
            "detail": {
                name: eyes.text(value) if isinstance(value, str) else value for name, value in line.detail.items()
            },
        }
        for line in found.rows
    ]
    return {"rows": rows, "next": found.next}


VIEWS = (View("audit", "audit", "What was done at the shop, by whom.", _read, Query()),)
