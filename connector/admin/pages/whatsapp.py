"""The WhatsApp templates of the account at Brevo, which messages name."""

from __future__ import annotations

from flask import Blueprint, redirect, render_template, url_for
from marshmallow import Schema
from werkzeug.wrappers import Response

from connector.admin import forms
from connector.admin.acts import whatsapp as acts
from connector.admin.frame import asking, shop
from connector.deps import Deps


def add_routes(routes: Blueprint, deps: Deps) -> None:
    @routes.get("/shops/<int:shop_id>/whatsapp-templates", endpoint="whatsapp_templates")
    def listed(shop_id: int) -> str:
        return render_template("admin/whatsapp_templates.html", found=acts.read(deps, shop()))

    @routes.post("/shops/<int:shop_id>/whatsapp-templates", endpoint="read_whatsapp_templates")
    def read_now(shop_id: int) -> Response:
        forms.posted(Schema())
        acts.READ_NOW.do(deps, shop(), asking().visitor, {})
        return redirect(url_for("admin.whatsapp_templates", shop_id=shop_id, note="templates_read"), 303)
