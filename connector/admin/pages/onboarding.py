"""From an installed app to flows that send, step by step."""

from __future__ import annotations

from flask import Blueprint, redirect, render_template, url_for
from werkzeug.wrappers import Response

from connector.admin import forms, onboarding
from connector.admin.acts import onboarding as acts
from connector.admin.acts.act import Nothing
from connector.admin.frame import asking, shop
from connector.db.session import transaction
from connector.deps import Deps
from connector.errors import InvalidInput


def add_routes(routes: Blueprint, deps: Deps) -> None:
    def page(problem: str = "", at: str = "") -> str:
        with transaction(deps.engine) as connection:
            way = onboarding.way(connection, shop())
        return render_template("admin/onboarding.html", way=way, problem=problem, at=at)

    @routes.get("/shops/<int:shop_id>/onboarding", endpoint="onboarding")
    def show(shop_id: int) -> str:
        return page()

    @routes.post("/shops/<int:shop_id>/onboarding/flows")
    def begin_starters(shop_id: int) -> Response:
        acts.BEGIN.do(deps, shop(), asking().visitor, forms.posted(Nothing()))
        return _back(shop_id, "starters_in")

    @routes.post("/shops/<int:shop_id>/onboarding/test")
    def test_message(shop_id: int) -> Response | tuple[str, int]:
        try:
            acts.TEST.do(deps, shop(), asking().visitor, forms.posted(acts.Trial()))
        except InvalidInput as error:
            return page(str(error), "test"), 422
        return _back(shop_id, "test_sent")

    @routes.post("/shops/<int:shop_id>/onboarding/activate")
    def activate_starter(shop_id: int) -> Response | tuple[str, int]:
        try:
            acts.ACTIVATE.do(deps, shop(), asking().visitor, forms.posted(acts.Activation()))
        except InvalidInput as error:
            return page(str(error), "active"), 422
        return _back(shop_id, "activated")


def _back(shop_id: int, note: str) -> Response:
    return redirect(url_for("admin.onboarding", shop_id=shop_id, note=note), 303)
