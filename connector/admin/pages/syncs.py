"""Syncs: what a re-run would change, asking for one, how far it is, what failed."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from flask import Blueprint, redirect, render_template, url_for
from marshmallow import fields, validate
from sqlalchemy import Connection
from werkzeug.wrappers import Response

from connector.admin import accounts, forms
from connector.admin.acts import syncs as acts
from connector.admin.acts.act import Nothing, Paged
from connector.admin.frame import asking, shop
from connector.admin.pages import backfills
from connector.db.session import transaction
from connector.deps import Deps
from connector.errors import InvalidInput
from flows.core.calendar import zone
from sync import reruns

# State of a sync -> (tone of its badge, how it is said).
STATES: Mapping[str, tuple[str, str]] = {
    "queued": ("attention", "Waits for its turn"),
    "running": ("attention", "Running"),
    "stopping": ("warning", "Being stopped"),
    "stopped": ("warning", "Stopped"),
    "done": ("good", "Done"),
    "failed": ("critical", "Failed"),
}


class _Prefilled(Paged):
    entity = fields.String(load_default="contact", validate=validate.OneOf(list(reruns.ENTITIES)))
    person = fields.Integer(load_default=None, validate=validate.Range(min=1, max=2**62))
    object = fields.String(load_default=None, validate=validate.Length(max=100))


class _Wanted(acts.Asked):
    """A time without a zone, as a browser writes it, is one of the shop's clocks."""

    since = fields.DateTime(load_default=None)  # type: ignore[assignment]
    until = fields.DateTime(load_default=None)  # type: ignore[assignment]


def add_routes(routes: Blueprint, deps: Deps) -> None:
    @routes.get("/shops/<int:shop_id>/syncs")
    def syncs(shop_id: int) -> str:
        chosen = forms.asked(_Prefilled())
        runs = acts.listed(deps, shop(), chosen)
        with transaction(deps.engine) as connection:
            names = accounts.names(connection)
            whole = backfills.newest(connection, shop_id)
        return render_template(
            "admin/syncs.html",
            runs=runs,
            chosen=chosen,
            entities=acts.ENTITIES,
            names=names,
            states=STATES,
            backfill=whole,
        )

    @routes.post("/shops/<int:shop_id>/syncs/preview")
    def preview_sync(shop_id: int) -> str:
        what = acts.wanted(deps, shop(), _wanted())
        found = acts.preview(deps, shop(), what)
        return render_template(
            "admin/sync_preview.html",
            preview=found,
            names_in=acts.names_in,
            form=_form(what),
            entities=acts.ENTITIES,
        )

    @routes.post("/shops/<int:shop_id>/syncs")
    def start_sync(shop_id: int) -> Response:
        done = acts.START.do(deps, shop(), asking().visitor, _wanted())
        return _to(shop_id, done["sync"])

    @routes.get("/shops/<int:shop_id>/syncs/<int:run_id>")
    def sync(shop_id: int, run_id: int) -> str:
        given = forms.asked(Paged())
        run = acts.run(deps, shop(), run_id)
        failed = acts.failures(deps, shop(), run_id, given)
        with transaction(deps.engine) as connection:
            names = accounts.names(connection)
        return render_template(
            "admin/sync.html",
            run=run,
            failures=failed,
            first=given["after"],
            stages=acts.STAGES,
            names=names,
            states=STATES,
        )

    @routes.get("/shops/<int:shop_id>/syncs/<int:run_id>/progress")
    def sync_progress(shop_id: int, run_id: int) -> Response | str:
        """The part of the page that is asked for again and again; once the run has ended, htmx is sent to the page."""
        run = acts.run(deps, shop(), run_id)
        if run.ended:
            return Response(headers={"HX-Location": url_for("admin.sync", shop_id=shop_id, run_id=run_id)})
        return render_template("admin/_sync_progress.html", run=run, states=STATES)

    @routes.post("/shops/<int:shop_id>/syncs/<int:run_id>/stop")
    def stop_sync(shop_id: int, run_id: int) -> Response:
        forms.posted(Nothing())
        done = acts.STOP.do(deps, shop(), asking().visitor, {"run_id": run_id})
        return _to(shop_id, run_id, None if done["stopped"] else "sync_ended")

    @routes.post("/shops/<int:shop_id>/syncs/<int:run_id>/resume")
    def resume_sync(shop_id: int, run_id: int) -> Response:
        forms.posted(Nothing())
        acts.RESUME.do(deps, shop(), asking().visitor, {"run_id": run_id})
        return _to(shop_id, run_id)

    @routes.post("/shops/<int:shop_id>/syncs/<int:run_id>/retry")
    def retry_sync(shop_id: int, run_id: int) -> Response:
        given = forms.posted(acts.Again())
        done = acts.RETRY.do(deps, shop(), asking().visitor, {**given, "run_id": run_id})
        return _to(shop_id, done["sync"])


def one_person(deps: Deps, who: str) -> int:
    """The one person of the page's shop whom this finds. Raises InvalidInput when it finds nobody, or more than one."""
    return acts.one_person(deps, shop(), who)


def _to(shop_id: int, run_id: int, note: str | None = None) -> Response:
    return redirect(url_for("admin.sync", shop_id=shop_id, run_id=run_id, note=note), 303)


def _wanted() -> dict[str, Any]:
    """What the form asks for, as ``acts.Asked`` has it. Raises InvalidInput."""
    given = forms.posted(_Wanted())
    return {**given, **{name: _utc(given[name]) for name in ("since", "until") if given[name]}}


def _utc(at: datetime) -> datetime:
    here = at if at.tzinfo else at.replace(tzinfo=zone(shop().timezone))
    try:
        return here.astimezone(UTC).replace(tzinfo=None)
    except OverflowError:
        raise InvalidInput("There is no such time: enter a date of these years.") from None


def _form(what: reruns.What) -> dict[str, Any]:
    """The fields that ask for the same again."""
    fields_ = {"entity": what.entity, "person": what.person, "object": what.object}
    fields_["only_brevo"] = "true" if what.only_brevo else None
    for name, moment in (("since", what.since), ("until", what.until)):
        # With its zone: on the evening when clocks are put back one time of theirs is two moments.
        fields_[name] = moment.astimezone(UTC).isoformat() if moment else None
    return {name: value for name, value in fields_.items() if value is not None}


def _names(connection: Connection) -> dict[str, str]:
    return accounts.names(connection)
