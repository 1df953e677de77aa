"""Pools of discount codes: the page on which they are made and filled."""

from __future__ import annotations

from collections.abc import Mapping

from flask import Blueprint, redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from connector.admin import forms
from connector.admin.acts import coupon_pools as acts
from connector.admin.acts.act import Paged
from connector.admin.frame import asking, shop
from connector.deps import Deps
from connector.errors import InvalidInput
from sync.coupons.pools import LARGEST

_STATES = {"due": ("being filled", "attention"), "ready": ("ready", "good"), "failed": ("stands still", "critical")}


def add_routes(routes: Blueprint, deps: Deps) -> None:
    @routes.get("/shops/<int:shop_id>/coupon-pools")
    def coupon_pools(shop_id: int) -> str:
        return _page(deps, forms.asked(Paged())["after"])

    @routes.post("/shops/<int:shop_id>/coupon-pools")
    def make_coupon_pool(shop_id: int) -> Response | tuple[str, int]:
        try:
            acts.MAKE.do(deps, shop(), asking().visitor, forms.posted(acts.MAKE_FIELDS))
        except InvalidInput as error:
            return _page(deps, None, problem=str(error), entered=request.form), 422
        return redirect(url_for("admin.coupon_pools", shop_id=shop_id, note="pool_made"), 303)

    @routes.post("/shops/<int:shop_id>/coupon-pools/size")
    def resize_coupon_pool(shop_id: int) -> Response:
        acts.RESIZE.do(deps, shop(), asking().visitor, forms.posted(acts.RESIZE_FIELDS))
        return redirect(url_for("admin.coupon_pools", shop_id=shop_id, note="pool_resized"), 303)


def _page(deps: Deps, after: str | None, *, problem: str = "", entered: Mapping[str, str] | None = None) -> str:
    return render_template(
        "admin/coupon_pools.html",
        found=acts.read(deps, shop(), after),
        after=after,
        states=_STATES,
        seen=acts.seen,
        largest=LARGEST,
        problem=problem,
        entered=entered or {},
    )
