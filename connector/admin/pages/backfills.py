"""The whole store, read once: starting it, how far it is, stopping it and going on. A part of the page of syncs."""

from __future__ import annotations

from flask import Blueprint, Response, redirect, render_template, url_for
from marshmallow import Schema
from sqlalchemy import Connection
from werkzeug.wrappers import Response as Answer

from connector.admin import forms
from connector.admin.frame import asking, shop
from connector.db.session import transaction
from connector.deps import Deps
from connector.errors import InvalidInput
from sync import backfill
from sync.backfill import Backfill

_NONE = "This shop has no backfill."


class _Nothing(Schema):
    """A button: no fields."""


def newest(connection: Connection, shop_id: int) -> Backfill | None:
    """The one that the page of syncs shows."""
    found = backfill.history(connection, shop_id, 1)
    return found[0] if found else None


def add_routes(routes: Blueprint, deps: Deps) -> None:
    @routes.get("/shops/<int:shop_id>/backfill")
    def backfill_progress(shop_id: int) -> Response | str:
        """The part of the page that is asked for again and again; once it has ended, htmx is sent to the page."""
        with transaction(deps.engine) as connection:
            found = newest(connection, shop_id)
        if found is None or found.ended:
            return Response(headers={"HX-Location": url_for("admin.syncs", shop_id=shop_id)})
        return render_template("admin/_backfill.html", backfill=found)

    @routes.post("/shops/<int:shop_id>/backfill")
    def start_backfill(shop_id: int) -> Answer:
        forms.posted(_Nothing())
        with deps.open(shop()) as scope:
            backfill.start(scope, by=asking().visitor.actor)
        return _back(shop_id)

    @routes.post("/shops/<int:shop_id>/backfill/stop")
    def stop_backfill(shop_id: int) -> Answer:
        forms.posted(_Nothing())
        with deps.open(shop()) as scope:
            backfill.stop(scope, _of(scope.connection, shop_id).id, by=asking().visitor.actor)
        return _back(shop_id)

    @routes.post("/shops/<int:shop_id>/backfill/resume")
    def resume_backfill(shop_id: int) -> Answer:
        forms.posted(_Nothing())
        with deps.open(shop()) as scope:
            backfill.resume(scope, _of(scope.connection, shop_id).id, by=asking().visitor.actor)
        return _back(shop_id)


def _of(connection: Connection, shop_id: int) -> Backfill:
    found = newest(connection, shop_id)
    if found is None:
        raise InvalidInput(_NONE)
    return found


def _back(shop_id: int) -> Answer:
    return redirect(url_for("admin.syncs", shop_id=shop_id), 303)
