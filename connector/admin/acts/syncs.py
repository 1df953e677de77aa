"""Syncs that staff ask for: what one would change, asking for it, how far it is, stopping it, going on, and trying
again what has failed. ``sync.reruns`` does all of it and writes the lines of the audit log."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC
from typing import Any

from marshmallow import Schema, fields, validate

from connector import paging
from connector.admin import people, people_search
from connector.admin.access import Visitor
from connector.admin.acts.act import Act, Given, Paged, View
from connector.admin.shown import Eyes
from connector.db.session import transaction
from connector.deps import Deps
from connector.errors import InvalidInput
from connector.paging import SIZE, Page
from connector.shops import Shop
from sync import reruns
from sync.reruns import Failure, Preview, Record, Run, What

ENTITIES: Mapping[str, str] = {
    "contact": "Contacts",
    "orders": "Orders",
    "products": "Products",
    "collections": "Collections",
}
STAGES: Mapping[str, str] = {"store": "read from the store", "here": "applied here", "brevo": "told to Brevo"}
"""Where a record failed."""
PREVIEWED = 50
_ID = validate.Range(min=1, max=2**62)


class Asked(Schema):
    """What is to be synced. ``person``: our number; ``who``: whatever finds just one person; times are UTC."""

    entity = fields.String(required=True, validate=validate.OneOf(list(reruns.ENTITIES)))
    person = fields.Integer(load_default=None, validate=_ID)
    who = fields.String(load_default=None, validate=validate.Length(max=200))
    object = fields.String(load_default=None, validate=validate.Length(max=100))
    since = fields.NaiveDateTime(load_default=None, timezone=UTC)
    until = fields.NaiveDateTime(load_default=None, timezone=UTC)
    only_brevo = fields.Boolean(load_default=False)


class Again(Schema):
    """``record``: the store's id of one that failed; without it all of them."""

    record = fields.Integer(load_default=None, validate=validate.Range(min=-(2**62), max=2**62))


def wanted(deps: Deps, shop: Shop, given: Given) -> What:
    """What ``Asked`` means. Raises InvalidInput, and LookupError when the shop has no such person."""
    since, until = (given[name].replace(tzinfo=UTC) if given[name] else None for name in ("since", "until"))
    person_id = whom(deps, shop, given["person"], given["who"])
    return What(given["entity"], person_id, given["object"], since, until, only_brevo=given["only_brevo"])


def whom(deps: Deps, shop: Shop, person_id: int | None, who: str | None) -> int | None:
    """The one person of this shop who is meant, None when none is named. Raises InvalidInput, LookupError."""
    if person_id is not None and who is not None:
        raise InvalidInput("Name the person once.")
    if person_id is not None:
        with transaction(deps.engine) as connection:
            if not people.is_there(connection, shop.id, person_id):
                raise LookupError(f"There is no person {person_id}.")
    return person_id if who is None else one_person(deps, shop, who)


def one_person(deps: Deps, shop: Shop, who: str) -> int:
    """The one person of this shop whom this finds: an address, a telephone number, an order's name.

    Raises InvalidInput when it finds nobody, or more than one.
    """
    with transaction(deps.engine) as connection:
        found = people_search.search(connection, shop, who)
    if len(found) != 1:
        said = "Nobody" if not found else "More than one person"
        raise InvalidInput(f"{said} was found by that: look them up on the page People, and go on from there.")
    return found[0].id


def preview(deps: Deps, shop: Shop, what: What) -> Preview:
    """What would change. Asks the platforms and writes nothing, so it leaves no line in the audit log."""
    return reruns.preview(deps, shop, what, most=PREVIEWED)


def names_in(record: Record) -> tuple[str, ...]:
    """What the person of this record is or was called, anywhere: to be masked for whom may not see people whole."""
    told = [one for one in record.differences if one.field.lower().replace("_", "") in _NAMES]
    return tuple(str(it) for one in told for it in (one.ours, one.store, one.brevo, one.sent) if it)


_NAMES = frozenset({"firstname", "lastname", "name"})


def listed(deps: Deps, shop: Shop, given: Given) -> Page[Run]:
    """A page of the history, newest first."""
    after = paging.after(given["after"], int)
    with transaction(deps.engine) as connection:
        found = reruns.history(connection, shop.id, SIZE + 1, before=after[0] if after else None)
    return paging.page(found, lambda one: (one.id,))


def run(deps: Deps, shop: Shop, run_id: int) -> Run:
    """Raises LookupError when the shop has no such sync."""
    with transaction(deps.engine) as connection:
        return reruns.progress(connection, shop.id, run_id)


def failures(deps: Deps, shop: Shop, run_id: int, given: Given) -> Page[Failure]:
    """A page of the records that a sync could not bring over."""
    after = paging.after(given["after"], int)
    with transaction(deps.engine) as connection:
        found = reruns.failures(connection, shop.id, run_id, SIZE + 1, after=after[0] if after else None)
    return paging.page(found, lambda one: (one.record_id,))


def _start(deps: Deps, shop: Shop, visitor: Visitor, given: Given) -> Mapping[str, Any]:
    what = wanted(deps, shop, given)
    with deps.open(shop) as scope:
        return {"sync": reruns.start(scope, what, by=visitor.actor)}


def _stop(deps: Deps, shop: Shop, visitor: Visitor, given: Given) -> Mapping[str, Any]:
    with deps.open(shop) as scope:
        reruns.progress(scope.connection, shop.id, given["run_id"])
        return {"sync": given["run_id"], "stopped": reruns.stop(scope, given["run_id"], by=visitor.actor)}


def _resume(deps: Deps, shop: Shop, visitor: Visitor, given: Given) -> Mapping[str, Any]:
    with deps.open(shop) as scope:
        reruns.resume(scope, given["run_id"], by=visitor.actor)
    return {"sync": given["run_id"]}


def _retry(deps: Deps, shop: Shop, visitor: Visitor, given: Given) -> Mapping[str, Any]:
    record = given["record"]
    with deps.open(shop) as scope:
        reruns.progress(scope.connection, shop.id, given["run_id"])
        again = reruns.retry(scope, given["run_id"], () if record is None else (record,), by=visitor.actor)
    return {"sync": again}


def _told(one: Run, eyes: Eyes) -> dict[str, Any]:
    return {
        "id": one.id,
        "about": eyes.text(one.what.about),
        "state": one.state,
        "asked_by": one.by,
        "total": one.total,
        "done": one.done,
        "changed": one.changed,
        "unchanged": one.unchanged,
        "failed": one.failed,
        "untold": one.untold,
        "resumable": one.resumable,
        "reason": eyes.text(one.reason) or None,
        "asked_at": one.asked_at,
        "started_at": one.started_at,
        "finished_at": one.finished_at,
    }


def _read_list(deps: Deps, shop: Shop, visitor: Visitor, given: Given) -> Mapping[str, Any]:
    found, eyes = listed(deps, shop, given), Eyes(visitor.sees_addresses)
    return {"rows": [_told(one, eyes) for one in found.rows], "next": found.next}


def _read_one(deps: Deps, shop: Shop, visitor: Visitor, given: Given) -> Mapping[str, Any]:
    eyes = Eyes(visitor.sees_addresses)
    one, failed = run(deps, shop, given["run_id"]), failures(deps, shop, given["run_id"], given)
    rows = [
        {"record": it.record_id, "person": it.person_id, "where": it.stage, "answer": eyes.text(it.reason), "at": it.at}
        for it in failed.rows
    ]
    return {**_told(one, eyes), "failures": {"rows": rows, "next": failed.next}}


def _read_preview(deps: Deps, shop: Shop, visitor: Visitor, given: Given) -> Mapping[str, Any]:
    eyes = Eyes(visitor.sees_addresses)
    found = preview(deps, shop, wanted(deps, shop, given))

    def value(it: Any, names: Sequence[str]) -> Any:
        """A number or a yes stays what it is; all else may be somebody's."""
        return it if it is None or isinstance(it, bool | int | float) else eyes.text(it, *names)

    return {
        "total": found.total,
        "exact": found.exact,
        "problems": [eyes.text(one) for one in found.problems],
        "statement": found.statement,
        "rows": [
            {
                "record": one.id,
                "label": eyes.text(one.label, *names),
                "person": one.person_id,
                "new": one.new,
                "at_brevo": one.at_brevo,
                "untold": one.untold,
                "problem": eyes.text(one.problem) or None,
                "differences": [
                    {
                        "field": it.field,
                        "here": value(it.ours, names),
                        "store": value(it.store, names),
                        "brevo": value(it.brevo, names),
                        "would_be_told": value(it.sent, names),
                        "writes": list(it.writes),
                    }
                    for it in one.differences
                ],
            }
            for one in found.records
            for names in (names_in(one),)
        ],
        "next": None,
    }


START = Act(
    "start_sync", "syncs", "Have records read again and Brevo told of them; no message goes out.", _start, Asked()
)
STOP = Act("stop_sync", "syncs/<int:run_id>/stop", "Stop a sync after the page that it is at.", _stop)
RESUME = Act("resume_sync", "syncs/<int:run_id>/resume", "Go on with a sync that was stopped or has failed.", _resume)
RETRY = Act(
    "retry_sync", "syncs/<int:run_id>/retry", "Try again what has failed in a sync, as a new sync.", _retry, Again()
)
ACTS = (START, STOP, RESUME, RETRY)
VIEWS = (
    View("syncs", "syncs", "The history of syncs, newest first.", _read_list, Paged()),
    View("sync", "syncs/<int:run_id>", "How far a sync is, and which records failed with why.", _read_one, Paged()),
    View("preview_sync", "syncs/preview", "What a sync would change, field by field.", _read_preview, Asked()),
)
