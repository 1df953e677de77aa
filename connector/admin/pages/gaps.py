"""What deliveries of the store did not tell, and having everything compared now. ``sync.reconcile`` does all of it."""

from __future__ import annotations

from flask import Blueprint, redirect, render_template, url_for
from marshmallow import Schema
from werkzeug.wrappers import Response

from connector.admin import accounts, forms
from connector.admin.frame import asking, shop
from connector.db.session import transaction
from connector.deps import Deps
from sync import reconcile

_LISTED = 30
_TONES = {"open": "attention", "done": "good", "failed": "critical"}


class _Nothing(Schema):
    """A button: no fields."""


def add_routes(routes: Blueprint, deps: Deps) -> None:
    @routes.get("/shops/<int:shop_id>/gaps", endpoint="gaps")
    def show(shop_id: int) -> str:
        with transaction(deps.engine) as connection:
            reports = reconcile.history(connection, shop_id, _LISTED)
            waits = reconcile.waits(connection, shop_id)
            names = {one.actor: one.email for one in accounts.listed(connection)}
        said = [(report, report.words(shop().timezone)) for report in reports]
        return render_template("admin/gaps.html", reports=said, waits=waits, names=names, tones=_TONES)

    @routes.post("/shops/<int:shop_id>/gaps", endpoint="find_gaps")
    def find(shop_id: int) -> Response:
        forms.posted(_Nothing())
        with deps.open(shop()) as scope:
            reconcile.ask(scope, by=asking().visitor.actor)
        return redirect(url_for("admin.gaps", shop_id=shop_id), 303)
