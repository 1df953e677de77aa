"""Exchange rates: the page on which they are given and taken back."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any

from flask import Blueprint, redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from connector.admin import forms
from connector.admin.acts import rates as acts
from connector.admin.acts.act import Act, Paged
from connector.admin.frame import asking, shop
from connector.deps import Deps
from connector.errors import InvalidInput
from sync.currency import ALWAYS


def add_routes(routes: Blueprint, deps: Deps) -> None:
    @routes.get("/shops/<int:shop_id>/rates")
    def rates(shop_id: int) -> str:
        return _page(deps, forms.asked(Paged())["after"])

    @routes.post("/shops/<int:shop_id>/rates")
    def set_rate(shop_id: int) -> Response | tuple[str, int]:
        return _kept(deps, acts.SET, _set)

    @routes.post("/shops/<int:shop_id>/rates/file")
    def import_rates(shop_id: int) -> Response | tuple[str, int]:
        return _kept(deps, acts.IMPORT, _imported)

    @routes.post("/shops/<int:shop_id>/rates/remove")
    def remove_rate(shop_id: int) -> Response:
        acts.REMOVE.do(deps, shop(), asking().visitor, forms.posted(acts.REMOVE_FIELDS))
        return redirect(url_for("admin.rates", shop_id=shop_id, note="rate_removed"), 303)


def _kept(deps: Deps, act: Act, given: Callable[[], dict[str, Any]]) -> Response | tuple[str, int]:
    try:
        done = act.do(deps, shop(), asking().visitor, given())
    except InvalidInput as error:
        return _page(deps, None, problem=str(error), entered=request.form), 422
    note = "rates_woken" if done["woken"] else "rates_kept"
    return redirect(url_for("admin.rates", shop_id=shop().id, note=note), 303)


def _set() -> dict[str, Any]:
    return forms.checked(acts.SET_FIELDS, _written())


def _imported() -> dict[str, Any]:
    text = forms.uploaded("file", acts.LONGEST_FILE)
    return forms.checked(acts.IMPORT_FIELDS, {**_written(), "text": text})


def _written() -> dict[str, Any]:
    """The form, with a comma taken for a point: it is how most of Europe writes one."""
    given = {name: text.strip() for name, text in request.form.items() if name != "csrf_token" and text.strip()}
    if "rate" in given:
        given["rate"] = given["rate"].replace(",", ".")
    return given


def _page(deps: Deps, after: str | None, *, problem: str = "", entered: Mapping[str, str] | None = None) -> str:
    return render_template(
        "admin/rates.html",
        found=acts.read(deps, shop(), after),
        after=after,
        always=ALWAYS,
        plain=_plain,
        problem=problem,
        entered=entered or {},
    )


def _plain(rate: Decimal) -> str:
    return f"{rate.normalize():f}"
