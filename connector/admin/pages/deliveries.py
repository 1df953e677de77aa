"""Deliveries that could not be applied, with their payload masked, and giving them another go."""

from __future__ import annotations

import orjson
from flask import Blueprint, redirect, render_template, url_for
from werkzeug.wrappers import Response

from connector.admin import forms
from connector.admin.acts import deliveries as acts
from connector.admin.acts.act import Nothing
from connector.admin.frame import asking, shop
from connector.db.session import transaction
from connector.deps import Deps
from webhooks import stored


def add_routes(routes: Blueprint, deps: Deps) -> None:
    @routes.get("/shops/<int:shop_id>/deliveries")
    def deliveries(shop_id: int) -> str:
        chosen = forms.asked(acts.Choosing())
        with transaction(deps.engine) as connection:
            counts = stored.counted(connection, stored.Which(acts.SHOWN, "", shop_id))
        return render_template(
            "admin/deliveries.html",
            found=acts.listed(deps, shop(), chosen),
            counts=sorted(counts.items()),
            chosen=chosen,
            states=acts.STATES,
            reason=acts.reason,
            machine=deps.clock.machine(),
        )

    @routes.get("/shops/<int:shop_id>/deliveries/<int:delivery_id>")
    def delivery(shop_id: int, delivery_id: int) -> str:
        one = acts.one_of(deps, shop(), delivery_id)
        body = acts.body(one)
        return render_template(
            "admin/delivery.html",
            one=one,
            headers=acts.headers(one),
            body=None if body is None else orjson.dumps(body, option=orjson.OPT_INDENT_2).decode(),
            reason=acts.reason(one),
            stopped=one.state in acts.SHOWN,
            states=acts.STATES,
            sources=acts.SOURCES,
            machine=deps.clock.machine(),
        )

    @routes.post("/shops/<int:shop_id>/deliveries/<int:delivery_id>/replay")
    def replay_delivery(shop_id: int, delivery_id: int) -> Response:
        forms.posted(Nothing())
        done = acts.REPLAY.do(deps, shop(), asking().visitor, {"delivery_id": delivery_id})
        note = "replayed" if done["replayed"] else "left_alone"
        return redirect(url_for("admin.delivery", shop_id=shop_id, delivery_id=delivery_id, note=note), 303)

    @routes.post("/shops/<int:shop_id>/deliveries/replay")
    def replay_deliveries(shop_id: int) -> Response:
        done = acts.REPLAY_ALL.do(deps, shop(), asking().visitor, forms.posted(acts.Replaying()))
        note = "all_replayed" if done["replayed"] else "left_alone"
        return redirect(url_for("admin.deliveries", shop_id=shop_id, note=note), 303)
