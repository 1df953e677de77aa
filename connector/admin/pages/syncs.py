"""Syncs: what a re-run would change, asking for one, how far it is, what failed. ``sync.reruns`` does all of it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC
from typing import Any

from flask import Blueprint, abort, redirect, render_template, url_for
from marshmallow import Schema, fields, validate
from sqlalchemy import Connection
from werkzeug.wrappers import Response

from connector.admin import accounts, forms, people
from connector.admin.frame import asking, shop
from connector.admin.pages import backfills
from connector.db.session import transaction
from connector.deps import Deps
from connector.errors import InvalidInput
from sync import reruns

ENTITIES: Mapping[str, str] = {
    "contact": "Contacts",
    "orders": "Orders",
    "products": "Products",
    "collections": "Collections",
}

_LISTED = 50
_SHOWN = 50
_FAILURES = 100
_TONES = {"queued": "attention", "running": "attention", "stopping": "warning", "done": "good", "failed": "critical"}


class _Asked(Schema):
    """What is to be synced, as the form has it. ``person``: our number; ``who``: whatever finds just one person."""

    entity = fields.String(required=True, validate=validate.OneOf(list(reruns.ENTITIES)))
    person = fields.Integer(load_default=None, validate=validate.Range(min=1, max=2**62))
    who = fields.String(load_default=None, validate=validate.Length(max=200))
    object = fields.String(load_default=None, validate=validate.Length(max=100))
    since = fields.NaiveDateTime(load_default=None, timezone=UTC)
    until = fields.NaiveDateTime(load_default=None, timezone=UTC)
    only_brevo = fields.Boolean(load_default=False)


class _Prefilled(Schema):
    entity = fields.String(load_default="contact", validate=validate.OneOf(list(reruns.ENTITIES)))
    person = fields.Integer(load_default=None, validate=validate.Range(min=1, max=2**62))
    object = fields.String(load_default=None, validate=validate.Length(max=100))


class _Failed(Schema):
    record = fields.Integer(load_default=None, strict=False)


class _Nothing(Schema):
    """A button: no fields."""


def add_routes(routes: Blueprint, deps: Deps) -> None:
    @routes.get("/shops/<int:shop_id>/syncs")
    def syncs(shop_id: int) -> str:
        chosen = forms.asked(_Prefilled())
        with transaction(deps.engine) as connection:
            runs = reruns.history(connection, shop_id, _LISTED)
            names = _names(connection)
            whole = backfills.newest(connection, shop_id)
        return render_template(
            "admin/syncs.html", runs=runs, chosen=chosen, entities=ENTITIES, names=names, tones=_TONES, backfill=whole
        )

    @routes.post("/shops/<int:shop_id>/syncs/preview")
    def preview_sync(shop_id: int) -> str:
        """Asks the platforms and writes nothing, so it leaves no line in the audit log."""
        what = _what(deps)
        found = reruns.preview(deps, shop(), what, most=_SHOWN)
        return render_template("admin/sync_preview.html", preview=found, form=_form(what), entities=ENTITIES)

    @routes.post("/shops/<int:shop_id>/syncs")
    def start_sync(shop_id: int) -> Response:
        what = _what(deps)
        with deps.open(shop()) as scope:
            run_id = reruns.start(scope, what, by=asking().visitor.actor)
        return redirect(url_for("admin.sync", shop_id=shop_id, run_id=run_id), 303)

    @routes.get("/shops/<int:shop_id>/syncs/<int:run_id>")
    def sync(shop_id: int, run_id: int) -> str:
        with transaction(deps.engine) as connection:
            run = _run(connection, shop_id, run_id)
            failed = reruns.failures(connection, shop_id, run_id, _FAILURES)
            names = _names(connection)
        return render_template(
            "admin/sync.html", run=run, failures=failed, entities=ENTITIES, names=names, tones=_TONES, most=_FAILURES
        )

    @routes.get("/shops/<int:shop_id>/syncs/<int:run_id>/progress")
    def sync_progress(shop_id: int, run_id: int) -> Response | str:
        """The part of the page that is asked for again and again; once the run has ended, htmx is sent to the page."""
        with transaction(deps.engine) as connection:
            run = _run(connection, shop_id, run_id)
        if run.ended:
            return Response(headers={"HX-Location": url_for("admin.sync", shop_id=shop_id, run_id=run_id)})
        return render_template("admin/_sync_progress.html", run=run, tones=_TONES)

    @routes.post("/shops/<int:shop_id>/syncs/<int:run_id>/stop")
    def stop_sync(shop_id: int, run_id: int) -> Response:
        forms.posted(_Nothing())
        with deps.open(shop()) as scope:
            _run(scope.connection, shop_id, run_id)
            stopped = reruns.stop(scope, run_id, by=asking().visitor.actor)
        note = None if stopped else "sync_ended"
        return redirect(url_for("admin.sync", shop_id=shop_id, run_id=run_id, note=note), 303)

    @routes.post("/shops/<int:shop_id>/syncs/<int:run_id>/retry")
    def retry_sync(shop_id: int, run_id: int) -> Response:
        record = forms.posted(_Failed())["record"]
        with deps.open(shop()) as scope:
            _run(scope.connection, shop_id, run_id)
            new = reruns.retry(scope, run_id, () if record is None else (record,), by=asking().visitor.actor)
        return redirect(url_for("admin.sync", shop_id=shop_id, run_id=new), 303)


def _what(deps: Deps) -> reruns.What:
    given = forms.posted(_Asked())
    since, until = (given[name].replace(tzinfo=UTC) if given[name] else None for name in ("since", "until"))
    person_id = _person(deps, given["person"], given["who"])
    only_brevo = given["only_brevo"]
    return reruns.What(given["entity"], person_id, given["object"], since, until, only_brevo=only_brevo)


def _person(deps: Deps, person_id: int | None, who: str | None) -> int | None:
    """The one person of this shop who is meant, None when the form names none."""
    if person_id is not None and who is not None:
        raise InvalidInput("Name the person once.")
    with transaction(deps.engine) as connection:
        if person_id is not None and not people.is_there(connection, shop().id, person_id):
            abort(404)
    return person_id if who is None else one_person(deps, who)


def one_person(deps: Deps, who: str) -> int:
    """The one person of the page's shop whom this finds: an address, a telephone number, an order's name.

    Raises InvalidInput when it finds nobody, or more than one.
    """
    with transaction(deps.engine) as connection:
        found = people.search(connection, shop(), who)
    if len(found) != 1:
        said = "Nobody" if not found else "More than one person"
        raise InvalidInput(f"{said} was found by that: look them up on the page People, and go on from there.")
    return found[0].id


def _form(what: reruns.What) -> dict[str, Any]:
    """The fields that ask for the same again."""
    fields_ = {"entity": what.entity, "person": what.person, "object": what.object}
    fields_["only_brevo"] = "true" if what.only_brevo else None
    for name, moment in (("since", what.since), ("until", what.until)):
        fields_[name] = moment.astimezone(UTC).replace(tzinfo=None).isoformat() if moment else None
    return {name: value for name, value in fields_.items() if value is not None}


def _run(connection: Connection, shop_id: int, run_id: int) -> reruns.Run:
    try:
        return reruns.progress(connection, shop_id, run_id)
    except LookupError:
        abort(404)


def _names(connection: Connection) -> dict[str, str]:
    return {one.actor: one.email for one in accounts.listed(connection)}
