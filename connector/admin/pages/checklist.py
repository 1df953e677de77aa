"""What Brevo held when the shop was connected, and what has to be switched off there and in the store."""

from __future__ import annotations

from flask import Blueprint, redirect, render_template, url_for
from werkzeug.wrappers import Response

from connector.admin import accounts, forms
from connector.admin.acts import checklist as acts
from connector.admin.frame import asking, shop
from connector.db.session import transaction
from connector.deps import Deps
from connector.install import checklist, survey


def add_routes(routes: Blueprint, deps: Deps) -> None:
    @routes.get("/shops/<int:shop_id>/checklist", endpoint="checklist")
    def show(shop_id: int) -> str:
        with transaction(deps.engine) as connection:
            found = checklist.items(connection, shop_id)
            surveyed = survey.of_shop(connection, shop_id)
            opted_out = survey.opted_out(connection, shop_id)
            actors = accounts.names(connection)
        return render_template("admin/checklist.html", items=found, survey=surveyed, opted_out=opted_out, actors=actors)

    @routes.post("/shops/<int:shop_id>/checklist", endpoint="tick_checklist")
    def tick(shop_id: int) -> Response:
        acts.TICK.do(deps, shop(), asking().visitor, forms.posted(acts.Ticking()))
        return redirect(url_for("admin.checklist", shop_id=shop_id), 303)
