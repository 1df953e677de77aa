"""The whole store, read once: starting it, how far it is, stopping it and going on. A part of the page of syncs."""

from __future__ import annotations

from collections.abc import Mapping

from flask import Blueprint, Response, redirect, render_template, url_for
from werkzeug.wrappers import Response as Answer

from connector.admin import forms
from connector.admin.acts import store
from connector.admin.acts.act import Act, Nothing, Paged
from connector.admin.acts.store import newest
from connector.admin.frame import asking, shop
from connector.db.session import transaction
from connector.deps import Deps
from sync import backfill

KINDS: Mapping[str, str] = {
    "products": "Product",
    "collections": "Collection",
    "customers": "Customer",
    "orders": "Order",
    "checkouts": "Abandoned checkout",
}
"""Kind of record -> what one of it is called."""

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

    @routes.get("/shops/<int:shop_id>/backfill/failures")
    def backfill_failures(shop_id: int) -> str:
        given = forms.asked(Paged())
        found = store.failures(deps, shop(), given)
        kinds = [(one["kind"], backfill.AGAIN.get(one["kind"])) for one in found.rows]
        return render_template(
            "admin/backfill_failures.html",
            failures=found,
            first=given["after"],
            kinds=KINDS,
            again={kind for kind, entity in kinds if entity},
        )

    @routes.post("/shops/<int:shop_id>/backfill/failures/retry")
    def retry_backfill(shop_id: int) -> Answer:
        done = store.RETRY_BACKFILL.do(deps, shop(), asking().visitor, forms.posted(store.Again()))
        return redirect(url_for("admin.sync", shop_id=shop_id, run_id=done["sync"]), 303)

    def _done(act: Act, shop_id: int) -> Answer:
        forms.posted(Nothing())
        act.do(deps, shop(), asking().visitor, {})
        return redirect(url_for("admin.syncs", shop_id=shop_id), 303)
