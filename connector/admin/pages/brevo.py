"""Connecting a shop's Brevo account, after the store was connected from its own side: with an API key, or with what the
merchant agrees to at Brevo (OAuth).

The button leads to Brevo; its answer comes to ``connector.web.brevo_callback`` and from there to ``agreed``, where the
visitor who asked gives it its effect by a form.
"""

from __future__ import annotations

from collections.abc import Sequence

from flask import Blueprint, render_template

from connector import capabilities
from connector.admin import forms
from connector.admin.acts import brevo as acts
from connector.admin.acts.act import Act
from connector.admin.frame import asking, shop
from connector.brevo import oauth
from connector.db.session import transaction
from connector.deps import Deps
from connector.errors import InvalidInput


def add_routes(routes: Blueprint, deps: Deps) -> None:
    @routes.get("/shops/<int:shop_id>/brevo", endpoint="brevo")
    def form(shop_id: int) -> str:
        return _page(deps)

    @routes.post("/shops/<int:shop_id>/brevo", endpoint="connect_brevo")
    def connect(shop_id: int) -> str | tuple[str, int]:
        return _done(deps, acts.CONNECT)

    @routes.get("/shops/<int:shop_id>/brevo/agreed", endpoint="brevo_agreed")
    def agreed(shop_id: int) -> str:
        try:
            agreement = forms.asked(acts.Agreement())
            acts.question(deps, shop(), asking().visitor, agreement["state"])
        except InvalidInput as error:
            return _page(deps, problem=f"Start again: {error}.")
        return _page(deps, agreement=agreement)

    @routes.post("/shops/<int:shop_id>/brevo/agreed", endpoint="finish_brevo")
    def finish(shop_id: int) -> str | tuple[str, int]:
        return _done(deps, acts.FINISH)


def _done(deps: Deps, act: Act) -> str | tuple[str, int]:
    assert act.fields is not None, "it is a form"
    try:
        done = act.do(deps, shop(), asking().visitor, forms.posted(act.fields))
    except InvalidInput as error:
        return _page(deps, problem=str(error)), 422
    return _page(deps, said=done["said"])


def _page(
    deps: Deps, problem: str = "", said: Sequence[str] | None = None, agreement: dict[str, str] | None = None
) -> str:
    url = ""
    if deps.settings.brevo_app_client_id:
        url = oauth.authorize_url(deps.settings, deps.secrets, shop().id, asking().visitor.actor, acts.real(deps))
    with transaction(deps.engine) as connection:
        found = [one for one in capabilities.of(connection, shop()) if one.name in acts.OF_BREVO]
    return render_template(
        "admin/brevo.html", problem=problem, said=said, agreement=agreement, question=url, capabilities=found
    )
