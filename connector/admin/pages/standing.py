"""What stands still: paused channels, and work that has stopped until somebody looks."""

from __future__ import annotations

from flask import Blueprint, redirect, render_template, url_for
from werkzeug.wrappers import Response

from connector import pauses
from connector.admin import forms, given_up, standings
from connector.admin.acts import alerts
from connector.admin.acts import standing as acts
from connector.admin.frame import asking, shop
from connector.db.session import transaction
from connector.deps import Deps
from connector.paging import Page

_EXAMPLES = 20


def add_routes(routes: Blueprint, deps: Deps) -> None:
    @routes.get("/shops/<int:shop_id>/standing")
    def standing(shop_id: int) -> str:
        """Some of each kind, or a page of one."""
        chosen = forms.asked(acts.Showing())
        if chosen["kind"]:
            stuck = {chosen["kind"]: acts.listed(deps, shop(), chosen)}
        else:
            stuck = _some(deps, shop_id)
        with transaction(deps.engine) as connection:
            paused = pauses.pauses(connection, shop_id)
            found = standings.read(connection, deps.clock, shop())
        return render_template(
            "admin/standing.html",
            paused=paused,
            named=pauses.named,
            stuck=stuck,
            chosen=chosen,
            kinds=given_up.KINDS,
            at_once=given_up.AT_ONCE,
            standing=found,
            waiting=standings.WAITING,
            stopped=standings.STOPPED,
            in_inbox=standings.IN_INBOX,
            counted=standings.counted,
        )

    @routes.post("/shops/<int:shop_id>/standing/again")
    def retry_standing(shop_id: int) -> Response:
        given = forms.posted(acts.Again())
        acts.AGAIN.do(deps, shop(), asking().visitor, given)
        return redirect(url_for("admin.standing", shop_id=shop_id, kind=given["kind"], note="tried_again"), 303)

    @routes.post("/shops/<int:shop_id>/channels/<channel>/resume")
    def resume_channel(shop_id: int, channel: str) -> Response:
        given = forms.posted(alerts.Resume())
        alerts.RESUME_CHANNEL.do(deps, shop(), asking().visitor, {**given, "channel": channel})
        return redirect(url_for("admin.standing", shop_id=shop_id, note="resumed"), 303)


def _some(deps: Deps, shop_id: int) -> dict[str, Page[given_up.Trouble]]:
    """The first of each kind; a page that says that it goes on where there are more."""
    now = deps.clock.now()
    with transaction(deps.engine) as connection:
        found = {
            name: given_up.newest(connection, shop_id, kind, now, _EXAMPLES + 1)
            for name, kind in given_up.KINDS.items()
        }
    return {name: Page(rows[:_EXAMPLES], "more" if len(rows) > _EXAMPLES else None) for name, rows in found.items()}
