"""What deliveries of the store did not tell, and having everything compared now. ``sync.reconcile`` does all of it."""

from __future__ import annotations

from flask import Blueprint, redirect, render_template, url_for
from werkzeug.wrappers import Response

from connector.admin import accounts, forms
from connector.admin.acts import store
from connector.admin.acts.act import Nothing, Paged
from connector.admin.frame import asking, shop
from connector.db.session import transaction
from connector.deps import Deps
from sync import reconcile

_TONES = {"open": "attention", "done": "good", "failed": "critical"}
_STATES = {"open": "Being repaired", "done": "Repaired", "failed": "Not all repaired"}


def add_routes(routes: Blueprint, deps: Deps) -> None:
    @routes.get("/shops/<int:shop_id>/gaps", endpoint="gaps")
    def show(shop_id: int) -> str:
        given = forms.asked(Paged())
        found = store.reports(deps, shop(), given)
        with transaction(deps.engine) as connection:
            waits = reconcile.waits(connection, shop_id)
            names = accounts.names(connection)
        said = [(report, report.words(shop().timezone)) for report in found.rows]
        return render_template(
            "admin/gaps.html",
            reports=said,
            found=found,
            first=given["after"],
            waits=waits,
            names=names,
            tones=_TONES,
            states=_STATES,
        )

    @routes.post("/shops/<int:shop_id>/gaps", endpoint="find_gaps")
    def find(shop_id: int) -> Response:
        forms.posted(Nothing())
        store.FIND_GAPS.do(deps, shop(), asking().visitor, {})
        return redirect(url_for("admin.gaps", shop_id=shop_id, note="gaps_asked"), 303)
