"""Keys by which other systems of the merchant come in."""

from __future__ import annotations

from flask import Blueprint, redirect, render_template, url_for
from marshmallow import Schema
from werkzeug.wrappers import Response

from connector.admin import forms
from connector.admin.access import ABOUT, ROLES
from connector.admin.acts import keys as acts
from connector.admin.frame import asking, shop
from connector.api import keys as stored
from connector.db.session import transaction
from connector.deps import Deps
from connector.errors import InvalidInput


def add_routes(routes: Blueprint, deps: Deps) -> None:
    @routes.get("/shops/<int:shop_id>/keys", endpoint="keys")
    def show(shop_id: int) -> str:
        return _page(deps)

    @routes.post("/shops/<int:shop_id>/keys")
    def create_key(shop_id: int) -> str | tuple[str, int]:
        try:
            made = acts.CREATE.do(deps, shop(), asking().visitor, forms.posted(acts.CREATE_FIELDS))
        except InvalidInput as error:
            return _page(deps, problem=str(error)), 422
        return _page(deps, text=made["text"])

    @routes.post("/shops/<int:shop_id>/keys/<int:key_id>/revoke")
    def revoke_key(shop_id: int, key_id: int) -> Response:
        forms.posted(Schema())
        acts.REVOKE.do(deps, shop(), asking().visitor, {"key_id": key_id})
        return redirect(url_for("admin.keys", shop_id=shop_id, note="key_revoked"), 303)


def _page(deps: Deps, *, text: str = "", problem: str = "") -> str:
    with transaction(deps.engine) as connection:
        found = stored.listed(connection, shop().id)
    return render_template(
        "admin/keys.html",
        keys=sorted(found, key=lambda key: (key.revoked_at is not None, -key.id)),
        text=text,
        problem=problem,
        events=acts.EVENTS,
        roles=ROLES,
        about=ABOUT,
        address=deps.settings.public_url,
    )
