"""Deliveries that could not be applied, with their payload masked, and giving them another go."""

from __future__ import annotations

import re
from typing import Any

import orjson
from flask import Blueprint, abort, redirect, render_template, url_for
from marshmallow import Schema, fields, validate
from werkzeug.wrappers import Response

from connector import audit
from connector.admin import forms
from connector.admin.frame import asking
from connector.db.session import transaction
from connector.deps import Deps
from webhooks import stored
from webhooks.masking import masked

SHOWN = (*stored.STOPPED, "retry")
_MOST = 50
_ADDRESS = re.compile(r"\S+@\S+")
# Of the headers only these say nothing of a person.
_HEADERS = ("triggered_at", "api_version", "event_id", "webhook_id")


class _Which(Schema):
    state = fields.String(load_default="", validate=validate.OneOf(["", *SHOWN]))
    topic = fields.String(load_default="", validate=validate.Length(max=100))


class _Nothing(Schema):
    """A button: no fields."""


class _All(Schema):
    state = fields.String(required=True, validate=validate.OneOf(stored.STOPPED))
    topic = fields.String(load_default="", validate=validate.Length(max=100))


def add_routes(routes: Blueprint, deps: Deps) -> None:
    @routes.get("/shops/<int:shop_id>/deliveries")
    def deliveries(shop_id: int) -> str:
        chosen = forms.asked(_Which())
        which = stored.Which((chosen["state"],) if chosen["state"] else SHOWN, chosen["topic"], shop_id)
        with transaction(deps.engine) as connection:
            found = stored.listed(connection, which, _MOST)
            counts = stored.counted(connection, stored.Which(SHOWN, "", shop_id))
        return render_template(
            "admin/deliveries.html",
            found=found,
            counts=sorted(counts.items()),
            chosen=chosen,
            states=SHOWN,
            reason=_reason,
            machine=deps.clock.machine(),
            most=_MOST,
        )

    @routes.get("/shops/<int:shop_id>/deliveries/<int:delivery_id>")
    def delivery(shop_id: int, delivery_id: int) -> str:
        one = _one(deps, shop_id, delivery_id)
        headers = {name: value for name, value in one.headers.items() if name in _HEADERS}
        return render_template(
            "admin/delivery.html",
            one=one,
            headers=headers,
            body=_body(one),
            reason=_reason(one),
            stopped=one.state in SHOWN,
            machine=deps.clock.machine(),
        )

    @routes.post("/shops/<int:shop_id>/deliveries/<int:delivery_id>/replay")
    def replay_delivery(shop_id: int, delivery_id: int) -> Response:
        forms.posted(_Nothing())
        one = _one(deps, shop_id, delivery_id)
        _note(deps, shop_id, delivery_id, {"topic": one.topic, "state": one.state})
        done = stored.replay(deps, stored.Which(SHOWN, "", shop_id, (delivery_id,)))
        note = "replayed" if done else "left_alone"
        return redirect(url_for("admin.delivery", shop_id=shop_id, delivery_id=delivery_id, note=note), 303)

    @routes.post("/shops/<int:shop_id>/deliveries/replay")
    def replay_deliveries(shop_id: int) -> Response:
        wanted = forms.posted(_All())
        _note(deps, shop_id, wanted["topic"] or "all", wanted)
        done = stored.replay(deps, stored.Which((wanted["state"],), wanted["topic"], shop_id))
        note = "all_replayed" if done else "left_alone"
        return redirect(url_for("admin.deliveries", shop_id=shop_id, note=note), 303)


def _note(deps: Deps, shop_id: int, object_id: object, detail: dict[str, Any]) -> None:
    """Before the act, which takes a transaction for each batch: an act that was cut short is noted too."""
    with transaction(deps.engine) as connection:
        audit.record(
            connection,
            shop_id=shop_id,
            actor=asking().visitor.actor,
            act="delivery.replay",
            object_kind="delivery",
            object_id=object_id,
            detail=detail,
            now=deps.clock.now(),
        )


def _one(deps: Deps, shop_id: int, delivery_id: int) -> stored.Delivery:
    with transaction(deps.engine) as connection:
        found = stored.listed(connection, stored.Which(shop_id=shop_id, ids=(delivery_id,)), 1)
    if not found:
        abort(404)
    return found[0]


def _reason(one: stored.Delivery) -> str:
    """One line without addresses: the text of an unforeseen error may quote what it stumbled over."""
    return _ADDRESS.sub("[an address]", (one.reason or "").partition("\n")[0])


def _body(one: stored.Delivery) -> str | None:
    """The payload with everything masked that may be personal; None when it is no JSON."""
    try:
        body = orjson.loads(one.raw)
    except orjson.JSONDecodeError:
        return None
    return orjson.dumps(masked(body), option=orjson.OPT_INDENT_2).decode()
