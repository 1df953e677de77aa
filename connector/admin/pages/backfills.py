"""The whole store, read once: starting it, how far it is, stopping it and going on. A part of the page of syncs."""

from __future__ import annotations

from flask import Blueprint, Response, redirect, render_template, url_for
from werkzeug.wrappers import Response as Answer

from connector.admin import forms
from connector.admin.acts import store
from connector.admin.acts.act import Act, Nothing
from connector.admin.acts.store import newest
from connector.admin.frame import asking, shop
from connector.db.session import transaction
from connector.deps import Deps

__all__ = ["add_routes", "newest"]


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
        return _done(store.START_BACKFILL, shop_id)

    @routes.post("/shops/<int:shop_id>/backfill/stop")
    def stop_backfill(shop_id: int) -> Answer:
        return _done(store.STOP_BACKFILL, shop_id)

    @routes.post("/shops/<int:shop_id>/backfill/resume")
    def resume_backfill(shop_id: int) -> Answer:
        return _done(store.RESUME_BACKFILL, shop_id)

    def _done(act: Act, shop_id: int) -> Answer:
        forms.posted(Nothing())
        act.do(deps, shop(), asking().visitor, {})
        return redirect(url_for("admin.syncs", shop_id=shop_id), 303)
