"""Connecting a shop's Brevo account, after the store was connected from its own side: with an API key, or with what the
merchant agrees to at Brevo (OAuth).

The button leads to Brevo; its answer comes to ``connector.web.brevo_callback`` and from there to ``agreed``, where the
visitor who asked gives it its effect by a form.
"""

from __future__ import annotations

from flask import Blueprint, abort, render_template
from marshmallow import Schema, fields, validate

from connector import audit
from connector.admin import forms, shown
from connector.admin.frame import asking, shop
from connector.brevo import oauth
from connector.brevo.credentials import Access, ApiKey
from connector.db.session import transaction
from connector.deps import Deps
from connector.errors import ActionNeeded, InvalidInput, Refused
from connector.install import starting
from connector.install.account import choose_sender, connect_brevo

_SENDER = fields.Email(load_default=None, error_messages={"invalid": "This is no email address."})
_OPAQUE = validate.Regexp(r"[\x21-\x7e]{1,4000}\Z", error="This is not what Brevo answers.")


class _Account(Schema):
    key = fields.String(
        required=True,
        validate=validate.Regexp(r"[\x21-\x7e]{10,300}\Z", error="This does not look like an API key of Brevo."),
    )
    sender = _SENDER


class _Agreement(Schema):
    code = fields.String(required=True, validate=_OPAQUE)
    state = fields.String(required=True, validate=_OPAQUE)


class _Finish(_Agreement):
    sender = _SENDER


def add_routes(routes: Blueprint, deps: Deps) -> None:
    @routes.get("/shops/<int:shop_id>/brevo", endpoint="brevo")
    def form(shop_id: int) -> str:
        return _page(deps)

    @routes.post("/shops/<int:shop_id>/brevo", endpoint="connect_brevo")
    def connect(shop_id: int) -> str | tuple[str, int]:
        _installed()
        try:
            given = forms.posted(_Account())
        except InvalidInput as error:
            return _page(deps, problem=str(error)), 422
        return _connect(deps, ApiKey(given["key"]), given["sender"], "key")

    @routes.get("/shops/<int:shop_id>/brevo/agreed", endpoint="brevo_agreed")
    def agreed(shop_id: int) -> str:
        try:
            agreement = forms.asked(_Agreement())
            _question(deps, agreement["state"])
        except InvalidInput as error:
            return _page(deps, problem=f"Start again: {error}.")
        return _page(deps, agreement=agreement)

    @routes.post("/shops/<int:shop_id>/brevo/agreed", endpoint="finish_brevo")
    def finish(shop_id: int) -> str | tuple[str, int]:
        _installed()
        try:
            given = forms.posted(_Finish())
            question = _question(deps, given["state"])
            oauth.use_once(deps.redis, given["state"])
            desk = oauth.TokenDesk(deps.settings, deps.http, deps.clock)
            grant = desk.redeem(given["code"], question.verifier)
        except InvalidInput as error:
            return _page(deps, problem=f"Start again: {error}."), 422
        except (ActionNeeded, Refused) as error:
            return _page(deps, problem=f"Brevo gives no access, start again: {error.detail}."), 422
        return _connect(deps, Access(grant), given["sender"], "oauth")


def _installed() -> None:
    if shop().state == "uninstalled":
        abort(404)


def _question(deps: Deps, state: str) -> oauth.Question:
    """The question that this is the answer to, when it was this visitor's, about this shop. Raises InvalidInput."""
    asked = oauth.read_state(deps.secrets, state, _real(deps))
    if asked.shop_id != shop().id or asked.actor not in (asking().visitor.actor, oauth.COMMAND):
        raise oauth.NotOurs("somebody else asked for this, or for another shop")
    return asked


def _connect(deps: Deps, credential: ApiKey | Access, wanted: str | None, kind: str) -> str | tuple[str, int]:
    said: list[str] = []
    try:
        # Tells whether the credential is right, and changes nothing.
        sender = choose_sender(deps, credential, wanted, said.append)
    except InvalidInput as error:
        return _page(deps, problem=str(error)), 422
    except ActionNeeded as error:
        return _page(deps, problem=f"Brevo does not accept this {kind}: {shown.masked_text(error.detail)}"), 422
    with transaction(deps.engine) as connection:
        audit.record(
            connection,
            shop_id=shop().id,
            actor=asking().visitor.actor,
            act="brevo.connect",
            object_kind="shop",
            object_id=shop().id,
            detail={"state before": shop().state, "credential": kind},
            now=deps.clock.now(),
        )
    # Nothing is sent before the merchant says so: the first flows come as drafts.
    connected = connect_brevo(deps, shop(), credential, sender, with_flows=False, say=said.append)
    with deps.open(connected) as scope:
        if starting.put_in(scope, by=asking().visitor.actor):
            said.append("The first flows are there, as drafts: they send nothing before you activate them.")
    return _page(deps, said=said)


def _page(deps: Deps, problem: str = "", said: list[str] | None = None, agreement: dict[str, str] | None = None) -> str:
    url = ""
    if deps.settings.brevo_app_client_id:
        url = oauth.authorize_url(deps.settings, deps.secrets, shop().id, asking().visitor.actor, _real(deps))
    return render_template("admin/brevo.html", problem=problem, said=said, agreement=agreement, question=url)


def _real(deps: Deps) -> float:
    """Unix seconds: how long a merchant may take is a matter of real people."""
    return deps.clock.machine().timestamp()
