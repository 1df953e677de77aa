"""What staff should look at, and everything that was."""

from __future__ import annotations

from flask import Blueprint, redirect, render_template, url_for
from werkzeug.wrappers import Response

from connector.admin import accounts, forms, home
from connector.admin.acts import alerts as acts
from connector.admin.acts.act import Nothing, Paged
from connector.admin.frame import asking, shop
from connector.db.session import transaction
from connector.deps import Deps
from sync import alerts


def add_routes(routes: Blueprint, deps: Deps) -> None:
    @routes.get("/shops/<int:shop_id>/alerts", endpoint="alerts")
    def show(shop_id: int) -> str:
        """What stands, and a page of everything that was."""
        given = forms.asked(Paged())
        found = acts.listed(deps, shop(), given)
        with transaction(deps.engine) as connection:
            standing = alerts.open_alerts(connection, shop_id)
            names = accounts.names(connection)
        told = shop().settings["notify"]
        return render_template(
            "admin/alerts.html",
            found=found,
            standing=standing,
            seen_to=home.place_of,
            names=names,
            first=given["after"],
            told=told,
        )

    @routes.post("/shops/<int:shop_id>/alerts/<int:alert_id>/see")
    def see_alert(shop_id: int, alert_id: int) -> Response:
        forms.posted(Nothing())
        acts.SEE.do(deps, shop(), asking().visitor, {"alert_id": alert_id})
        return redirect(url_for("admin.alerts", shop_id=shop_id, note="alert_seen"), 303)
