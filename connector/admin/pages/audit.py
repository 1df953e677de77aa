"""What was done at a shop, by whom."""

from __future__ import annotations

from flask import Blueprint, render_template
from marshmallow import Schema, fields, validate

from connector import audit
from connector.admin import accounts, forms
from connector.db.session import transaction
from connector.deps import Deps

_PAGE = 50


class _From(Schema):
    before = fields.Integer(load_default=None, validate=validate.Range(min=1, max=2**62))


def add_routes(routes: Blueprint, deps: Deps) -> None:
    @routes.get("/shops/<int:shop_id>/audit", endpoint="audit")
    def log(shop_id: int) -> str:
        before = forms.asked(_From())["before"]
        with transaction(deps.engine) as connection:
            lines = audit.lines(connection, shop_id, before=before, limit=_PAGE)
            actors = {one.actor: one.email for one in accounts.listed(connection)}
        older = lines[-1].id if len(lines) == _PAGE else None
        return render_template("admin/audit.html", lines=lines, actors=actors, older=older, before=before)
