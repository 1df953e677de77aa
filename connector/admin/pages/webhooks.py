"""The merchant's endpoints, what became of telling them, and telling them once more what has failed."""

from __future__ import annotations

from flask import Blueprint, redirect, render_template, url_for
from werkzeug.wrappers import Response

from connector.admin import forms
from connector.admin.acts import webhooks as acts
from connector.admin.frame import asking, shop
from connector.db.session import transaction
from connector.deps import Deps
from sync.outgoing import endpoints

_TONES = {"due": "attention", "delivered": "good", "failed": "critical", "active": "good", "disabled": "critical"}


def add_routes(routes: Blueprint, deps: Deps) -> None:
    @routes.get("/shops/<int:shop_id>/webhooks", endpoint="webhooks")
    def listed(shop_id: int) -> str:
        with transaction(deps.engine) as connection:
            found = endpoints.listed(connection, shop_id)
        return render_template("admin/webhooks.html", found=found, tones=_TONES)

    @routes.get("/shops/<int:shop_id>/webhooks/<int:endpoint_id>", endpoint="webhook")
    def one(shop_id: int, endpoint_id: int) -> str:
        chosen = forms.asked(acts.Choosing())
        endpoint, found = acts.read(deps, shop(), endpoint_id, chosen)
        return render_template(
            "admin/webhook.html",
            one=endpoint,
            found=found,
            chosen=chosen,
            states=acts.STATES,
            tones=_TONES,
        )

    @routes.post("/shops/<int:shop_id>/webhooks/<int:endpoint_id>/resend", endpoint="resend_webhook")
    def resend(shop_id: int, endpoint_id: int) -> Response:
        given = {**forms.posted(acts.Resending()), "endpoint_id": endpoint_id}
        again = acts.RESEND.do(deps, shop(), asking().visitor, given)["resent"]
        note = "resent" if again else "nothing_resent"
        return redirect(url_for("admin.webhook", shop_id=shop_id, endpoint_id=endpoint_id, note=note), 303)
