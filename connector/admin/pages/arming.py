"""Arming the past: clocks for people who were there before a flow was activated."""

from __future__ import annotations

from flask import Blueprint, redirect, render_template, url_for
from werkzeug.wrappers import Response

from connector.admin import accounts, flow_words, forms
from connector.admin.acts import arming as acts
from connector.admin.acts.act import Nothing, Paged
from connector.admin.frame import asking, shop
from connector.db.session import transaction
from connector.deps import Deps
from flows.engine import arming

_STATES = {
    "queued": ("waits for its turn", "attention"),
    "running": ("under way", "attention"),
    "stopping": ("being taken back", "warning"),
    "stopped": ("taken back", ""),
    "done": ("done", "good"),
    "failed": ("failed", "critical"),
}
"""State -> (how it is said, tone of its badge)."""


def add_routes(routes: Blueprint, deps: Deps) -> None:
    @routes.get("/shops/<int:shop_id>/arming", endpoint="armings")
    def show(shop_id: int) -> str:
        chosen = forms.asked(Paged())
        found = acts.listed(deps, shop(), chosen)
        with transaction(deps.engine) as connection:
            names = accounts.names(connection)
        return render_template(
            "admin/armings.html",
            found=found,
            first=chosen["after"],
            signals=list(arming.ARMABLE),
            names=names,
            states=_STATES,
            called=_called,
        )

    @routes.post("/shops/<int:shop_id>/arming/preview")
    def preview_arming(shop_id: int) -> str:
        return render_template(
            "admin/arming_preview.html",
            preview=acts.preview(deps, shop(), forms.posted(acts.Chosen())),
            previewed=acts.PREVIEWED,
            called=_called,
        )

    @routes.post("/shops/<int:shop_id>/arming")
    def start_arming(shop_id: int) -> Response:
        acts.START.do(deps, shop(), asking().visitor, forms.posted(acts.Chosen()))
        return redirect(url_for("admin.armings", shop_id=shop_id), 303)

    @routes.post("/shops/<int:shop_id>/arming/<int:arming_id>/stop")
    def stop_arming(shop_id: int, arming_id: int) -> Response:
        forms.posted(Nothing())
        acts.STOP.do(deps, shop(), asking().visitor, {"arming_id": arming_id})
        return redirect(url_for("admin.armings", shop_id=shop_id), 303)


def _called(signal: str) -> str:
    said = flow_words.event(signal)
    return f"{said[:1].upper()}{said[1:]}"
