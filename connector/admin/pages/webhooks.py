"""The merchant's endpoints, what became of telling them, and telling them once more what has failed."""

from __future__ import annotations

from flask import Blueprint, abort, redirect, render_template, url_for
from marshmallow import Schema, fields, validate
from werkzeug.wrappers import Response

from connector import audit
from connector.admin import forms
from connector.admin.frame import asking, shop
from connector.db.session import transaction
from connector.deps import Deps
from sync.outgoing import deliveries, endpoints

_LISTED = 50
_STATES = ("due", "delivered", "failed")
_TONES = {"due": "attention", "delivered": "good", "failed": "critical", "active": "good", "disabled": "critical"}


class _Which(Schema):
    state = fields.String(load_default="", validate=validate.OneOf(["", *_STATES]))


class _Resend(Schema):
    # Without one all that have failed.
    delivery = fields.Integer(load_default=None, validate=validate.Range(min=1, max=2**62))


def add_routes(routes: Blueprint, deps: Deps) -> None:
    @routes.get("/shops/<int:shop_id>/webhooks", endpoint="webhooks")
    def listed(shop_id: int) -> str:
        with transaction(deps.engine) as connection:
            found = endpoints.listed(connection, shop_id)
        return render_template("admin/webhooks.html", found=found, tones=_TONES)

    @routes.get("/shops/<int:shop_id>/webhooks/<int:endpoint_id>", endpoint="webhook")
    def one(shop_id: int, endpoint_id: int) -> str:
        state = forms.asked(_Which())["state"]
        with transaction(deps.engine) as connection:
            endpoint = next((one for one in endpoints.listed(connection, shop_id) if one.id == endpoint_id), None)
            if endpoint is None:
                abort(404)
            found = deliveries.listed(connection, shop_id, endpoint_id, state=state, most=_LISTED)
        return render_template(
            "admin/webhook.html", one=endpoint, found=found, state=state, states=_STATES, tones=_TONES, most=_LISTED
        )

    @routes.post("/shops/<int:shop_id>/webhooks/<int:endpoint_id>/resend", endpoint="resend_webhook")
    def resend(shop_id: int, endpoint_id: int) -> Response:
        delivery = forms.posted(_Resend())["delivery"]
        with deps.open(shop()) as scope:
            again = deliveries.resend(scope, endpoint_id, None if delivery is None else (delivery,))
            if again:
                audit.record(
                    scope.connection,
                    shop_id=shop_id,
                    actor=asking().visitor.actor,
                    act="webhook.resend",
                    object_kind="webhook endpoint",
                    object_id=endpoint_id,
                    detail={"deliveries": again},
                    now=scope.now,
                )
            elif all(one.id != endpoint_id for one in endpoints.listed(scope.connection, shop_id)):
                abort(404)
        note = "resent" if again else "nothing_resent"
        return redirect(url_for("admin.webhook", shop_id=shop_id, endpoint_id=endpoint_id, note=note), 303)
