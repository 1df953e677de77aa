"""Reading the whole store, and comparing with it what deliveries did not tell."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from marshmallow import Schema, fields, validate
from sqlalchemy import Connection, RowMapping

from connector import paging
from connector.admin.access import Visitor
from connector.admin.acts.act import Act, Given, Paged, View
from connector.admin.shown import Eyes
from connector.db.session import transaction
from connector.deps import Deps
from connector.errors import InvalidInput
from connector.paging import SIZE, Page
from connector.shops import Shop
from sync import backfill, reconcile
from sync.backfill import Backfill
from sync.reconcile import Report

_NONE = "This shop has no backfill."


class Again(Schema):
    """What of the newest backfill is read from the store again: one record (the store's id), or all that failed."""

    kind = fields.String(required=True, validate=validate.OneOf(list(backfill.AGAIN)))
    record = fields.Integer(load_default=None, validate=validate.Range(min=1, max=2**62))


def newest(connection: Connection, shop_id: int) -> Backfill | None:
    """The backfill that the page of syncs shows."""
    found = backfill.history(connection, shop_id, 1)
    return found[0] if found else None


def failures(deps: Deps, shop: Shop, given: Given) -> Page[RowMapping]:
    """A page of the records that the newest backfill could not apply; nothing where there is no backfill."""
    after = paging.after(given["after"], str, int)
    with transaction(deps.engine) as connection:
        this = newest(connection, shop.id)
        if this is None:
            return Page([])
        begins = (after[0], after[1]) if after else None
        found = backfill.failures(connection, shop.id, this.id, SIZE + 1, after=begins)
    return paging.page(found, lambda one: (one["kind"], one["record_id"]))


def reports(deps: Deps, shop: Shop, given: Given) -> Page[Report]:
    """A page of what was missed, newest first."""
    after = paging.after(given["after"], int)
    with transaction(deps.engine) as connection:
        found = reconcile.history(connection, shop.id, SIZE + 1, before=after[0] if after else None)
    return paging.page(found, lambda one: (one.id,))


def _find(deps: Deps, shop: Shop, visitor: Visitor, given: Given) -> Mapping[str, Any]:
    with deps.open(shop) as scope:
        return {"report": reconcile.ask(scope, by=visitor.actor)}


def _start(deps: Deps, shop: Shop, visitor: Visitor, given: Given) -> Mapping[str, Any]:
    with deps.open(shop) as scope:
        return {"backfill": backfill.start(scope, by=visitor.actor)}


def _stop(deps: Deps, shop: Shop, visitor: Visitor, given: Given) -> Mapping[str, Any]:
    with deps.open(shop) as scope:
        this = _of(scope.connection, shop.id).id
        return {"backfill": this, "stopped": backfill.stop(scope, this, by=visitor.actor)}


def _resume(deps: Deps, shop: Shop, visitor: Visitor, given: Given) -> Mapping[str, Any]:
    with deps.open(shop) as scope:
        this = _of(scope.connection, shop.id).id
        backfill.resume(scope, this, by=visitor.actor)
        return {"backfill": this}


def _retry(deps: Deps, shop: Shop, visitor: Visitor, given: Given) -> Mapping[str, Any]:
    with deps.open(shop) as scope:
        this = _of(scope.connection, shop.id).id
        return {"sync": backfill.retry(scope, this, given["kind"], given["record"], by=visitor.actor)}


def _of(connection: Connection, shop_id: int) -> Backfill:
    found = newest(connection, shop_id)
    if found is None:
        raise InvalidInput(_NONE)
    return found


def _read_gaps(deps: Deps, shop: Shop, visitor: Visitor, given: Given) -> Mapping[str, Any]:
    found, eyes = reports(deps, shop, given), Eyes(visitor.sees_addresses)
    rows = [
        {
            "id": one.id,
            "state": one.state,
            "asked_by": one.by,
            "began_at": one.began_at,
            "said": [eyes.text(sentence) for sentence in one.words(shop.timezone)],
        }
        for one in found.rows
    ]
    return {"rows": rows, "next": found.next}


def _read_backfill(deps: Deps, shop: Shop, visitor: Visitor, given: Given) -> Mapping[str, Any]:
    eyes = Eyes(visitor.sees_addresses)
    with transaction(deps.engine) as connection:
        found = newest(connection, shop.id)
    if found is None:
        raise LookupError(_NONE)
    return {
        "id": found.id,
        "state": found.state,
        "resumable": found.resumable,
        "untold": found.untold,
        "reason": eyes.text(found.reason) or None,
        "asked_at": found.asked_at,
        "finished_at": found.finished_at,
        "parts": [
            {
                "kind": part.kind,
                "state": part.state,
                "done": part.done,
                "of": part.store,
                "created": part.created,
                "changed": part.changed,
                "failed": part.failed,
                "reason": eyes.text(part.reason) or None,
            }
            for part in found.parts
        ],
    }


def _read_failures(deps: Deps, shop: Shop, visitor: Visitor, given: Given) -> Mapping[str, Any]:
    found, eyes = failures(deps, shop, given), Eyes(visitor.sees_addresses)
    rows = [
        {"kind": one["kind"], "record": one["record_id"], "answer": eyes.text(one["reason"]), "at": one["failed_at"]}
        for one in found.rows
    ]
    return {"rows": rows, "next": found.next}


FIND_GAPS = Act("find_gaps", "gaps", "Compare everything with the store now.", _find)
START_BACKFILL = Act("start_backfill", "backfill", "Read the whole store. No message goes out because of it.", _start)
STOP_BACKFILL = Act("stop_backfill", "backfill/stop", "Stop reading the store; what was applied stays.", _stop)
RESUME_BACKFILL = Act("resume_backfill", "backfill/resume", "Go on reading the store where it stood.", _resume)
RETRY_BACKFILL = Act(
    "retry_backfill",
    "backfill/failures/retry",
    "Have what could not be applied read from the store again, as a sync of just these.",
    _retry,
    Again(),
)
ACTS = (FIND_GAPS, START_BACKFILL, STOP_BACKFILL, RESUME_BACKFILL, RETRY_BACKFILL)
VIEWS = (
    View("gaps", "gaps", "What deliveries did not tell, as it was found and repaired.", _read_gaps, Paged()),
    View("backfill_progress", "backfill", "How far reading the whole store is.", _read_backfill),
    View(
        "backfill_failures",
        "backfill/failures",
        "Records that the newest backfill could not apply, with why.",
        _read_failures,
        Paged(),
    ),
)
