"""Who works for the shop; and the page of an invitation, which whoever has its link may ask."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, redirect, render_template, request, url_for
from marshmallow import Schema
from werkzeug.wrappers import Response

from connector.admin import forms, staffing
from connector.admin.access import ABOUT, ROLES
from connector.admin.acts import staff as acts
from connector.admin.frame import asking, shop
from connector.admin.revision import Outdated
from connector.db.session import transaction
from connector.deps import Deps
from connector.errors import InvalidInput

_NOTHING = Schema()


def add_routes(routes: Blueprint, deps: Deps) -> None:
    @routes.get("/shops/<int:shop_id>/staff", endpoint="staff")
    def show(shop_id: int) -> str:
        return _page(deps)

    @routes.post("/shops/<int:shop_id>/staff")
    def invite(shop_id: int) -> str | tuple[str, int]:
        try:
            given = _given(acts.INVITE_FIELDS)
            made = acts.INVITE.do(deps, shop(), asking().visitor, given)
        except InvalidInput as error:
            return _page(deps, problem=str(error)), 422
        return _page(deps, link=_link(deps, made["token"]), email=made["email"])

    @routes.post("/shops/<int:shop_id>/staff/<int:staff_id>/password")
    def new_password(shop_id: int, staff_id: int) -> str:
        forms.posted(_NOTHING)
        made = acts.NEW_PASSWORD.do(deps, shop(), asking().visitor, {"staff_id": staff_id})
        return _page(deps, link=_link(deps, made["token"]), email=made["email"])

    @routes.post("/shops/<int:shop_id>/staff/<int:staff_id>")
    def change_staff(shop_id: int, staff_id: int) -> Response | tuple[str, int]:
        try:
            given = _given(acts.CHANGE_FIELDS)
            acts.CHANGE.do(deps, shop(), asking().visitor, {**given, "staff_id": staff_id})
        except Outdated as error:
            return _page(deps, problem=str(error)), 409
        except InvalidInput as error:
            return _page(deps, problem=str(error)), 422
        return _back(shop_id, "staff_changed")

    @routes.post("/shops/<int:shop_id>/staff/<int:staff_id>/remove")
    def remove_staff(shop_id: int, staff_id: int) -> Response | tuple[str, int]:
        forms.posted(_NOTHING)
        try:
            acts.REMOVE.do(deps, shop(), asking().visitor, {"staff_id": staff_id})
        except InvalidInput as error:
            return _page(deps, problem=str(error)), 422
        return _back(shop_id, "staff_removed")

    @routes.post("/shops/<int:shop_id>/staff/<int:staff_id>/sessions")
    def end_sessions(shop_id: int, staff_id: int) -> Response:
        forms.posted(_NOTHING)
        acts.END_SESSIONS.do(deps, shop(), asking().visitor, {"staff_id": staff_id})
        return _back(shop_id, "sessions_ended")

    @routes.get("/invitation/<token>")
    def invitation(token: str) -> tuple[str, int]:
        with transaction(deps.engine) as connection:
            found = staffing.invited(connection, token, deps.clock.machine())
        return _welcome(found), 200 if found else 404

    @routes.post("/invitation/<token>")
    def accept_invitation(token: str) -> Response | tuple[str, int]:
        password = request.form.get("password", "")
        machine = deps.clock.machine()
        try:
            if password != request.form.get("again", ""):
                raise InvalidInput("The two passwords are not the same.")
            with transaction(deps.engine) as connection:
                made = staffing.accept(connection, token, password, machine=machine, now=deps.clock.now())
        except InvalidInput as error:
            with transaction(deps.engine) as connection:
                found = staffing.invited(connection, token, machine)
            return _welcome(found, str(error)), 422 if found else 404
        if made is None:
            return _welcome(None), 404
        return redirect(url_for("admin.sign_in", note="welcome"), 303)


def _given(schema: Schema) -> dict[str, Any]:
    """What the form says, in which several shops may be ticked. Raises InvalidInput."""
    form = request.form
    texts = {name: form[name].strip() for name in form if name not in ("csrf_token", "shops", "shop_ids")}
    given: dict[str, Any] = {name: text for name, text in texts.items() if text}
    places = form.getlist("shops")
    if places:
        given["shops"] = acts.EVERYWHERE if acts.EVERYWHERE in places else places[0]
    if "shop_ids" in form:
        given["shop_ids"] = form.getlist("shop_ids")
    return forms.checked(schema, given)


def _link(deps: Deps, token: str) -> str:
    return f"{deps.settings.public_url}{url_for('admin.invitation', token=token)}"


def _back(shop_id: int, note: str) -> Response:
    # Who has taken the shop away from themselves cannot look at its page any more; the frame says so.
    return redirect(url_for("admin.staff", shop_id=shop_id, note=note), 303)


def _welcome(found: staffing.Invitation | None, problem: str = "") -> str:
    about = ABOUT[found.role] if found else ""
    return render_template("admin/invitation.html", found=found, problem=problem, about=about)


def _page(deps: Deps, *, link: str = "", email: str = "", problem: str = "") -> str:
    visitor, machine = asking().visitor, deps.clock.machine()
    with transaction(deps.engine) as connection:
        people = staffing.of_shop(connection, shop().id)
        sessions = staffing.sessions_of(connection, people, machine)
        invitations = staffing.open_ones(connection, shop().id, machine)
        names = staffing.names_of_shops(connection, visitor)
    return render_template(
        "admin/staff.html",
        people=people,
        managed={one.id for one in people if staffing.manages(visitor, one)},
        sessions=sessions,
        invitations=invitations,
        roles=ROLES,
        about=ABOUT,
        link=link,
        email=email,
        problem=problem,
        everywhere=visitor.shop_ids is None,
        names=names,
        seen_of=acts.seen_of,
    )
