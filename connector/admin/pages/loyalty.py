"""A file of loyalty data, brought in from the settings of loyalty."""

from __future__ import annotations

from flask import Blueprint, render_template
from marshmallow import Schema, fields

from connector.admin import forms
from connector.admin.acts import loyalty as acts
from connector.admin.frame import asking, shop
from connector.deps import Deps
from connector.errors import InvalidInput


class _Beside(Schema):
    """What comes along with the file."""

    news = fields.Boolean(load_default=False)


def add_routes(routes: Blueprint, deps: Deps) -> None:
    @routes.post("/shops/<int:shop_id>/loyalty/file")
    def import_loyalty(shop_id: int) -> str | tuple[str, int]:
        beside = forms.posted(_Beside())
        try:
            given = forms.checked(acts.IMPORT_FIELDS, {**beside, "text": forms.uploaded("file", acts.LONGEST_FILE)})
            done = acts.IMPORT.do(deps, shop(), asking().visitor, given)
        except InvalidInput as error:
            return render_template("admin/loyalty_file.html", problem=str(error), done=None, told=acts.TOLD), 422
        return render_template("admin/loyalty_file.html", problem="", done=done, told=acts.TOLD)
