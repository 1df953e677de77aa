"""What stands still: paused channels, and work that has stopped until somebody looks."""

from __future__ import annotations

from flask import Blueprint, redirect, render_template, url_for
from werkzeug.wrappers import Response

from connector import pauses
from connector.admin import forms, standings
from connector.admin.acts import alerts
from connector.admin.frame import asking, shop
from connector.db.session import transaction
from connector.deps import Deps

_EXAMPLES = 20


def add_routes(routes: Blueprint, deps: Deps) -> None:
    @routes.get("/shops/<int:shop_id>/standing")
    def standing(shop_id: int) -> str:
        now = deps.clock.now()
        with transaction(deps.engine) as connection:
            paused = pauses.pauses(connection, shop_id)
            stuck = [
                (kind, standings.newest(connection, shop_id, kind, now, _EXAMPLES)) for kind in standings.KINDS.values()
            ]
            found = standings.read(connection, deps.clock, shop())
        return render_template(
            "admin/standing.html",
            paused=paused,
            stuck=stuck,
            most=_EXAMPLES,
            standing=found,
            waiting=standings.WAITING,
            stopped=standings.STOPPED,
            in_inbox=standings.IN_INBOX,
            counted=standings.counted,
        )

    @routes.post("/shops/<int:shop_id>/channels/<channel>/resume")
    def resume_channel(shop_id: int, channel: str) -> Response:
        given = forms.posted(alerts.Resume())
        alerts.RESUME_CHANNEL.do(deps, shop(), asking().visitor, {**given, "channel": channel})
        return redirect(url_for("admin.standing", shop_id=shop_id, note="resumed"), 303)
