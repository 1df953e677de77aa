"""What Brevo held when the shop was connected, and what has to be switched off there and in the store."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from marshmallow import Schema, fields, validate

from connector.admin.access import Visitor
from connector.admin.acts.act import Act, Given, View
from connector.db.session import transaction
from connector.deps import Deps
from connector.install import checklist
from connector.shops import Shop


class Ticking(Schema):
    item = fields.String(required=True, validate=validate.Length(max=100))
    done = fields.Boolean(load_default=False)


def _tick(deps: Deps, shop: Shop, visitor: Visitor, given: Given) -> Mapping[str, Any]:
    with transaction(deps.engine) as connection:
        checklist.tick(connection, shop.id, given["item"], visitor.actor, deps.clock.now(), done=given["done"])
    return {"item": given["item"], "done": given["done"]}


def _read(deps: Deps, shop: Shop, visitor: Visitor, given: Given) -> Mapping[str, Any]:
    with transaction(deps.engine) as connection:
        found = checklist.items(connection, shop.id)
    rows = [
        {
            "item": one.key,
            "title": one.entry.title,
            "why": one.entry.why,
            "where": one.entry.where,
            "flows": list(one.flows),
            "done": one.ticked is not None,
        }
        for one in found
    ]
    return {"rows": rows}


TICK = Act("tick_checklist", "checklist", "Tick an item off, or take that back.", _tick, Ticking())
ACTS = (TICK,)
VIEWS = (View("checklist", "checklist", "What has to be switched off elsewhere.", _read),)
