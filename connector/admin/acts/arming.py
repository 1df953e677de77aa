"""Arming the past: clocks for people who were there before a flow was activated. ``flows.engine.arming`` does all."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from marshmallow import Schema, fields, validate

from connector import paging
from connector.admin.access import Visitor
from connector.admin.acts.act import Act, Given, Paged, View
from connector.db.session import autocommitted, transaction
from connector.deps import Deps
from connector.paging import SIZE, Page
from connector.shops import Shop
from flows.engine import arming
from flows.engine.arming import Arming, Choice


class Chosen(Schema):
    signal = fields.String(required=True, validate=validate.OneOf(list(arming.ARMABLE)))
    daily = fields.Integer(load_default=None, allow_none=True, validate=validate.Range(min=1, max=1_000_000))
    longest_days = fields.Integer(load_default=None, allow_none=True, validate=validate.Range(min=1, max=10_000))


PREVIEWED = 10_000
"""So many people a preview looks at while somebody waits for it."""


def preview(deps: Deps, shop: Shop, given: Given) -> arming.Preview:
    """Counts and writes nothing, so it leaves no line in the audit log."""
    with autocommitted(deps.engine) as connection:
        return arming.preview(connection, shop, Choice(**given), deps.clock.now(), most=PREVIEWED)


def _preview(deps: Deps, shop: Shop, visitor: Visitor, given: Given) -> Mapping[str, Any]:
    return {**asdict(preview(deps, shop, given)), "choice": dict(given)}


def listed(deps: Deps, shop: Shop, given: Given) -> Page[Arming]:
    """A page of the history, newest first."""
    after = paging.after(given["after"], int)
    with transaction(deps.engine) as connection:
        found = arming.history(connection, shop.id, SIZE + 1, before=after[0] if after else None)
    return paging.page(found, lambda one: (one.id,))


def _list(deps: Deps, shop: Shop, visitor: Visitor, given: Given) -> Mapping[str, Any]:
    found = listed(deps, shop, given)
    return {"rows": [asdict(one) for one in found.rows], "next": found.next}


def _start(deps: Deps, shop: Shop, visitor: Visitor, given: Given) -> Mapping[str, Any]:
    with deps.open(shop) as scope:
        return {"arming": arming.start(scope, Choice(**given), by=visitor.actor)}


def _stop(deps: Deps, shop: Shop, visitor: Visitor, given: Given) -> Mapping[str, Any]:
    with deps.open(shop) as scope:
        # Raises LookupError for another shop's.
        arming.progress(scope.connection, shop.id, given["arming_id"])
        return {"arming": given["arming_id"], "stopped": arming.stop(scope, given["arming_id"], by=visitor.actor)}


START = Act("start_arming", "arming", "Arm clocks for people who were there before.", _start, Chosen())
STOP = Act("stop_arming", "arming/<int:arming_id>/stop", "Stop an arming, and its clocks that have not rung.", _stop)
ACTS = (START, STOP)
VIEWS = (
    View("armings", "arming", "What was armed of the past, the newest first.", _list, Paged()),
    View("preview_arming", "arming/preview", "Who would be told when, without arming anything.", _preview, Chosen()),
)
