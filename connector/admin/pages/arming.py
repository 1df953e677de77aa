"""Arming the past: clocks for people who were there before a flow was activated. ``flows.engine.arming`` does all."""

from __future__ import annotations

from flask import Blueprint, abort, redirect, render_template, url_for
from marshmallow import Schema, fields, validate
from werkzeug.wrappers import Response

from connector.admin import accounts, forms
from connector.admin.frame import asking, shop
from connector.db.session import autocommitted, transaction
from connector.deps import Deps
from flows.engine import arming
from flows.engine.arming import Choice

_LISTED = 50
_TONES = {"queued": "attention", "running": "attention", "stopping": "warning", "done": "good"}


class _Chosen(Schema):
    signal = fields.String(required=True, validate=validate.OneOf(list(arming.ARMABLE)))
    daily = fields.Integer(load_default=None, validate=validate.Range(min=1, max=1_000_000))
    longest_days = fields.Integer(load_default=None, validate=validate.Range(min=1, max=10_000))


class _Nothing(Schema):
    """A button: no fields."""


def add_routes(routes: Blueprint, deps: Deps) -> None:
    @routes.get("/shops/<int:shop_id>/arming", endpoint="armings")
    def show(shop_id: int) -> str:
        with transaction(deps.engine) as connection:
            acts = arming.history(connection, shop_id, _LISTED)
            names = {one.actor: one.email for one in accounts.listed(connection)}
        return render_template("admin/armings.html", acts=acts, signals=list(arming.ARMABLE), names=names, tones=_TONES)

    @routes.post("/shops/<int:shop_id>/arming/preview")
    def preview_arming(shop_id: int) -> str:
        """Counts and writes nothing, so it leaves no line in the audit log."""
        choice = Choice(**forms.posted(_Chosen()))
        with autocommitted(deps.engine) as connection:
            found = arming.preview(connection, shop(), choice, deps.clock.now())
        return render_template("admin/arming_preview.html", preview=found)

    @routes.post("/shops/<int:shop_id>/arming")
    def start_arming(shop_id: int) -> Response:
        choice = Choice(**forms.posted(_Chosen()))
        with deps.open(shop()) as scope:
            arming.start(scope, choice, by=asking().visitor.actor)
        return redirect(url_for("admin.armings", shop_id=shop_id), 303)

    @routes.post("/shops/<int:shop_id>/arming/<int:arming_id>/stop")
    def stop_arming(shop_id: int, arming_id: int) -> Response:
        forms.posted(_Nothing())
        with deps.open(shop()) as scope:
            try:
                arming.progress(scope.connection, shop_id, arming_id)
            except LookupError:
                abort(404)
            arming.stop(scope, arming_id, by=asking().visitor.actor)
        return redirect(url_for("admin.armings", shop_id=shop_id), 303)
