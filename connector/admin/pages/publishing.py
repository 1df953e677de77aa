"""Publishing a draft, the versions of a flow with what is different between them, and going back to one of them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from flask import Blueprint, redirect, render_template, request, url_for
from marshmallow import Schema, fields, validate
from werkzeug.wrappers import Response

from connector.admin import accounts, flow_words, forms, publication
from connector.admin.acts import publishing as acts
from connector.admin.acts.act import Act, Paged
from connector.admin.frame import asking, shop
from connector.admin.pages.drafts import archive, is_gone
from connector.admin.revision import Outdated
from connector.db.session import transaction
from connector.deps import Deps
from connector.errors import InvalidInput
from flows.engine import flow_drafts

_TO = "to "
"""Before the step of an earlier version, in the name of the field that says where those on it go on."""


class _Against(Schema):
    against = fields.Integer(load_default=None, validate=validate.Range(0, 2**31 - 1))


_NOTES = {"draft": "flow_stored", "paused": "flow_published_paused"}


def add_routes(routes: Blueprint, deps: Deps) -> None:
    @routes.get("/shops/<int:shop_id>/drafts/<flow>/publish")
    def publishing(shop_id: int, flow: str) -> str:
        return _dialog(deps, flow, None)

    @routes.post("/shops/<int:shop_id>/drafts/<flow>/publish")
    def publish_draft(shop_id: int, flow: str) -> Response | tuple[str, int]:
        return _decided(deps, acts.PUBLISH, flow, None)

    @routes.get("/shops/<int:shop_id>/flows/<flow>/versions")
    def versions(shop_id: int, flow: str) -> str:
        asked = forms.asked(Paged())
        with transaction(deps.engine) as connection:
            found = acts.listed(connection, shop_id, flow, asked["after"])
            current, status = publication.standing(connection, shop_id, flow)
            names = accounts.names(connection)
        return render_template(
            "admin/versions.html", flow=flow, page=found, current=current, status=_said(status), names=names,
            first=asked["after"],
        )  # fmt: skip

    @routes.get("/shops/<int:shop_id>/flows/<flow>/versions/<int(max=2147483647):version>")
    def version(shop_id: int, flow: str, version: int) -> str:
        """A version, and what is different in it from another one: the one before, when none is named."""
        asked = forms.asked(_Against())
        against = version - 1 if asked["against"] is None else asked["against"]
        with transaction(deps.engine) as connection:
            files = flow_drafts.from_version(connection, shop_id, flow, version)
            before = flow_drafts.from_version(connection, shop_id, flow, against) if against else {}
            current, status = publication.standing(connection, shop_id, flow)
        return render_template(
            "admin/version.html", flow=flow, version=version, against=against, files=files, current=current,
            status=_said(status), differences=publication.compared(before, files) if against else (),
        )  # fmt: skip

    @routes.get("/shops/<int:shop_id>/flows/<flow>/versions/<int(max=2147483647):version>/download")
    def download_version(shop_id: int, flow: str, version: int) -> Response:
        with transaction(deps.engine) as connection:
            files = flow_drafts.from_version(connection, shop_id, flow, version)
        return archive(flow, files, f"{flow}-version-{version}")

    @routes.get("/shops/<int:shop_id>/flows/<flow>/versions/<int(max=2147483647):version>/roll-back")
    def rolling_back(shop_id: int, flow: str, version: int) -> str:
        return _dialog(deps, flow, version)

    @routes.post("/shops/<int:shop_id>/flows/<flow>/versions/<int(max=2147483647):version>/roll-back")
    def roll_back(shop_id: int, flow: str, version: int) -> Response | tuple[str, int]:
        return _decided(deps, acts.ROLL_BACK, flow, version)


def _dialog(
    deps: Deps, flow: str, version: int | None, given: Mapping[str, Any] | None = None, problem: str = ""
) -> str:
    found = acts.meant(deps, shop(), flow, version)
    return render_template(
        "admin/publishing.html", one=found, version=version, given=given or {"inside": "finish", "status": "active"},
        chosen=(given or {}).get("steps", {}), problem=problem, inside=acts.INSIDE, as_what=acts.AS, to=_TO,
        status=_said(found.status),
    )  # fmt: skip


def _decided(deps: Deps, act: Act, flow: str, version: int | None) -> Response | tuple[str, int]:
    assert act.fields is not None, "it is a form"
    given = _posted(act.fields)
    path = {"flow": flow} if version is None else {"flow": flow, "version": version}
    try:
        done = act.do(deps, shop(), asking().visitor, {**given, **path})
    except Outdated as error:
        if version is None and is_gone(deps, flow):
            raise
        return _dialog(deps, flow, version, given, str(error)), 409
    except InvalidInput as error:
        return _dialog(deps, flow, version, given, str(error)), 422
    note = _NOTES.get(done["status"], "flow_published") if version is None else "rolled_back"
    return redirect(url_for("admin.version", shop_id=shop().id, flow=flow, version=done["version"], note=note), 303)


def _posted(schema: Schema) -> dict[str, Any]:
    """The form with its field for each step that needs a new place. Raises InvalidInput."""
    asked = [name for name in request.form if name.startswith(_TO)]
    named = {name: fields.String(validate=validate.Length(max=200)) for name in asked}
    plain = {name: field for name, field in schema.fields.items() if name != "steps"}
    given = forms.posted(Schema.from_dict({**plain, **named})())
    chosen = {name.removeprefix(_TO): given.pop(name) for name in asked if name in given}
    return forms.checked(schema, {**given, "steps": chosen})


def _said(status: str | None) -> tuple[str, str] | None:
    return flow_words.STATUS.get(status) if status else None
