"""Connecting a shop's Brevo account, after the store was connected from its own side."""

from __future__ import annotations

from flask import Blueprint, abort, render_template
from marshmallow import Schema, fields, validate

from connector import audit
from connector.admin import forms, shown
from connector.admin.frame import asking, shop
from connector.db.session import transaction
from connector.deps import Deps
from connector.errors import ActionNeeded, InvalidInput
from connector.install.account import choose_sender, connect_brevo


class _Account(Schema):
    key = fields.String(
        required=True,
        validate=validate.Regexp(r"[\x21-\x7e]{10,300}\Z", error="This does not look like an API key of Brevo."),
    )
    sender = fields.Email(load_default=None, error_messages={"invalid": "This is no email address."})


def add_routes(routes: Blueprint, deps: Deps) -> None:
    @routes.get("/shops/<int:shop_id>/brevo", endpoint="brevo")
    def form(shop_id: int) -> str:
        return _page()

    @routes.post("/shops/<int:shop_id>/brevo", endpoint="connect_brevo")
    def connect(shop_id: int) -> str | tuple[str, int]:
        if shop().state == "uninstalled":
            abort(404)
        said: list[str] = []
        try:
            given = forms.posted(_Account())
            # Tells whether the key is right, and changes nothing.
            sender = choose_sender(deps, given["key"], given["sender"], said.append)
        except InvalidInput as error:
            return _page(problem=str(error)), 422
        except ActionNeeded as error:
            return _page(problem=f"Brevo does not accept this key: {shown.masked_text(error.detail)}"), 422
        with transaction(deps.engine) as connection:
            audit.record(
                connection,
                shop_id=shop_id,
                actor=asking().visitor.actor,
                act="brevo.connect",
                object_kind="shop",
                object_id=shop_id,
                detail={"state before": shop().state},
                now=deps.clock.now(),
            )
        connect_brevo(deps, shop(), given["key"], sender, say=said.append)
        return _page(said=said)


def _page(problem: str = "", said: list[str] | None = None) -> str:
    return render_template("admin/brevo.html", problem=problem, said=said)
