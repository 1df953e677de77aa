"""The merchant's endpoints: adding and changing them, what became of telling them, and telling them once more."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from flask import Blueprint, redirect, render_template, request, url_for
from marshmallow import Schema
from werkzeug.wrappers import Response

from connector.admin import flow_words, forms, revision
from connector.admin.acts import endpoints as acts
from connector.admin.acts import webhooks as telling
from connector.admin.acts.act import Act, Given
from connector.admin.frame import asking, shop
from connector.db.session import transaction
from connector.deps import Deps
from connector.errors import InvalidInput
from flows.core.vocabulary import CUSTOM, EVENTS
from sync.outgoing import endpoints

_TONES = {"due": "attention", "delivered": "good", "failed": "critical", "active": "good", "disabled": "critical"}
STATES = {"due": "still to be told", "delivered": "arrived", "failed": "did not arrive"}
"""What became of a delivery, for its reader."""


def add_routes(routes: Blueprint, deps: Deps) -> None:
    of_one = "/shops/<int:shop_id>/webhooks/<int:endpoint_id>"

    @routes.get("/shops/<int:shop_id>/webhooks", endpoint="webhooks")
    def listed(shop_id: int) -> str:
        return _list(deps)

    @routes.post("/shops/<int:shop_id>/webhooks", endpoint="add_webhook")
    def add(shop_id: int) -> str | tuple[str, int]:
        try:
            made = acts.ADD.do(deps, shop(), asking().visitor, forms.checked(acts.ADD_FIELDS, _entered()))
        except InvalidInput as error:
            return _list(deps, problem=str(error), entered=request.form), 422
        return _one(deps, made["endpoint"], forms.checked(telling.Choosing(), {}), secret=made["secret"])

    @routes.get(of_one, endpoint="webhook")
    def one(shop_id: int, endpoint_id: int) -> str:
        return _one(deps, endpoint_id, forms.asked(telling.Choosing()))

    @routes.post(f"{of_one}/resend", endpoint="resend_webhook")
    def resend(shop_id: int, endpoint_id: int) -> Response:
        given = {**forms.posted(telling.Resending()), "endpoint_id": endpoint_id}
        again = telling.RESEND.do(deps, shop(), asking().visitor, given)["resent"]
        return _back(endpoint_id, "resent" if again else "nothing_resent")

    @routes.post(f"{of_one}/name", endpoint="name_webhook")
    def name(shop_id: int, endpoint_id: int) -> Response | tuple[str, int]:
        try:
            _done(deps, acts.NAME, endpoint_id, acts.NAME_FIELDS)
        except revision.Outdated:
            raise
        except InvalidInput as error:
            return _one(deps, endpoint_id, forms.checked(telling.Choosing(), {}), problem=str(error)), 422
        return _back(endpoint_id, "webhook_named")

    @routes.post(f"{of_one}/secret", endpoint="renew_webhook_secret")
    def renew_secret(shop_id: int, endpoint_id: int) -> str:
        made = _done(deps, acts.RENEW_SECRET, endpoint_id)
        return _one(deps, endpoint_id, forms.checked(telling.Choosing(), {}), secret=made["secret"])

    @routes.post(f"{of_one}/test", endpoint="test_webhook")
    def try_out(shop_id: int, endpoint_id: int) -> str:
        outcome = _done(deps, acts.TEST, endpoint_id)
        return _one(deps, endpoint_id, forms.checked(telling.Choosing(), {}), outcome=outcome)

    @routes.post(f"{of_one}/enable", endpoint="enable_webhook")
    def enable(shop_id: int, endpoint_id: int) -> Response:
        _done(deps, acts.ENABLE, endpoint_id)
        return _back(endpoint_id, "webhook_on")

    @routes.post(f"{of_one}/disable", endpoint="disable_webhook")
    def disable(shop_id: int, endpoint_id: int) -> Response:
        _done(deps, acts.DISABLE, endpoint_id)
        return _back(endpoint_id, "webhook_off")

    @routes.post(f"{of_one}/remove", endpoint="remove_webhook")
    def remove(shop_id: int, endpoint_id: int) -> Response:
        _done(deps, acts.REMOVE, endpoint_id)
        return redirect(url_for("admin.webhooks", shop_id=shop_id, note="webhook_removed"), 303)


def _done(deps: Deps, act: Act, endpoint_id: int, fields: Schema | None = None) -> Mapping[str, Any]:
    given = forms.posted(fields or Schema())
    return act.do(deps, shop(), asking().visitor, {**given, "endpoint_id": endpoint_id})


def _back(endpoint_id: int, note: str) -> Response:
    return redirect(url_for("admin.webhook", shop_id=shop().id, endpoint_id=endpoint_id, note=note), 303)


def _entered() -> dict[str, Any]:
    """The form for a new address: what it is told of is chosen from a list, and events of one's own are written."""
    given = {name: text.strip() for name, text in request.form.items() if name != "csrf_token" and text.strip()}
    own = given.pop("own_events", "").replace(",", " ").split()
    written = [one if one.startswith(CUSTOM) else f"{CUSTOM}{one}" for one in own]
    given.pop("events", None)
    return {**given, "events": request.form.getlist("events") + written}


def _list(deps: Deps, *, problem: str = "", entered: Mapping[str, str] | None = None) -> str:
    with transaction(deps.engine) as connection:
        found = endpoints.listed(connection, shop().id)
    return render_template(
        "admin/webhooks.html",
        found=found,
        tones=_TONES,
        event=flow_words.event,
        events=sorted(EVENTS, key=flow_words.event),
        chosen=request.form.getlist("events") if entered else [],
        entered=entered or {},
        problem=problem,
        counted=endpoints.COUNTED,
        longest={"url": acts.LONGEST_URL, "description": acts.LONGEST_DESCRIPTION},
    )


def _one(
    deps: Deps,
    endpoint_id: int,
    chosen: Given,
    *,
    secret: str = "",
    outcome: Mapping[str, Any] | None = None,
    problem: str = "",
) -> str:
    """``secret``: shown this once; ``outcome``: what a test has just come to."""
    endpoint, found = telling.read(deps, shop(), endpoint_id, chosen)
    return render_template(
        "admin/webhook.html",
        one=endpoint,
        seen=telling.seen(endpoint),
        found=found,
        chosen=chosen,
        states=STATES,
        tones=_TONES,
        event=flow_words.event,
        secret=secret,
        outcome=outcome,
        problem=problem,
    )
