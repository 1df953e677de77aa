"""The shops with their state and what lags at them, the home page of one, and the installation as a whole."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, abort, redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from connector import audit, pauses, shops
from connector.admin import accounts, home, standings
from connector.admin.frame import asking, shop
from connector.db.session import transaction
from connector.deps import Deps

# What the Shopify admin adds to an address that it opens.
_OF_THE_PLATFORM = ("id_token", "shop", "host", "embedded", "locale")


def add_routes(routes: Blueprint, deps: Deps) -> None:
    @routes.get("/", endpoint="home")
    def listed() -> str | Response:
        visitor = asking().visitor
        with transaction(deps.engine) as connection:
            mine = [one for one in shops.connected(connection) if visitor.sees(one.id)]
            if visitor.embedded:
                # With the session token along: the page behind proves it anew.
                kept: dict[str, Any] = {name: request.args[name] for name in _OF_THE_PLATFORM if name in request.args}
                return redirect(url_for("admin.overview", shop_id=mine[0].id, **kept), 303)
            readings = [standings.read(connection, deps.clock, one) for one in mine]
        return render_template("admin/home.html", readings=readings, counted=standings.counted, named=pauses.named)

    @routes.get("/installation")
    def installation() -> str:
        """Staff, and what was done to the installation. Only for an owner of every shop."""
        if asking().visitor.shop_ids is not None:
            abort(404)
        with transaction(deps.engine) as connection:
            staff = accounts.listed(connection)
            lines = audit.lines(connection, audit.INSTALLATION)
            names = {one.id: one.name for one in shops.connected(connection)}
        actors = {one.actor: one.email for one in staff}
        return render_template("admin/installation.html", staff=staff, lines=lines, actors=actors, shop_names=names)

    @routes.get("/shops/<int:shop_id>/")
    def overview(shop_id: int) -> str:
        with transaction(deps.engine) as connection:
            found = home.read(connection, deps, shop())
            names = accounts.names(connection)
        return render_template(
            "admin/shop.html",
            home=found,
            names=names,
            seen_to=home.place_of,
            waiting=standings.WAITING,
            stopped=standings.STOPPED,
            in_inbox=standings.IN_INBOX,
            counted=standings.counted,
        )
