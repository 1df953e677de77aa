"""What staff have to do."""

from __future__ import annotations

from collections.abc import Mapping

from flask import Blueprint, redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from connector import staff_addresses
from connector.admin import accounts, forms
from connector.admin.acts import tasks
from connector.admin.frame import asking, shop
from connector.db.session import transaction
from connector.deps import Deps

LINKS: Mapping[str, tuple[tuple[str, str], ...]] = {
    "monthly": (("admin.flows", "Figures of the flows"), ("admin.alerts", "Alerts"), ("admin.messages", "Messages")),
    "quarterly": (("admin.flows", "Flows and their messages"), ("admin.mapping", "Mapping")),
    "annual": (("admin.flows", "Flows"), ("admin.settings", "Settings"), ("admin.checklist", "Checklist")),
}
"""Where a review is done: the pages that its task leads to."""


def add_routes(routes: Blueprint, deps: Deps) -> None:
    @routes.get("/shops/<int:shop_id>/tasks", endpoint="tasks")
    def show(shop_id: int) -> str:
        given = forms.asked(tasks.ListSchema())
        found = tasks.listed(deps, shop(), asking().visitor, given)
        with transaction(deps.engine) as connection:
            staff = staff_addresses.of_shop(connection, shop())
            names = accounts.names(connection)
        return render_template(
            "admin/tasks.html",
            found=found,
            given=given,
            lists=tasks.SHOWN,
            staff=staff,
            names=names,
            mine=tasks.address(asking().visitor),
            links=LINKS,
            seen_of=tasks.seen_of,
        )

    @routes.post("/shops/<int:shop_id>/tasks/<int:task_id>/close")
    def close_task(shop_id: int, task_id: int) -> Response:
        given = forms.posted(tasks.CLOSE_FIELDS)
        tasks.CLOSE.do(deps, shop(), asking().visitor, {**given, "task_id": task_id})
        return _back(shop_id, f"task_{given['outcome']}")

    @routes.post("/shops/<int:shop_id>/tasks/<int:task_id>/reopen")
    def reopen_task(shop_id: int, task_id: int) -> Response:
        tasks.REOPEN.do(deps, shop(), asking().visitor, {"task_id": task_id})
        return _back(shop_id, "task_reopened")

    @routes.post("/shops/<int:shop_id>/tasks/<int:task_id>/assign")
    def assign_task(shop_id: int, task_id: int) -> Response:
        given = forms.posted(tasks.ASSIGN_FIELDS)
        tasks.ASSIGN.do(deps, shop(), asking().visitor, {**given, "task_id": task_id})
        return _back(shop_id, "task_assigned")


def _back(shop_id: int, note: str) -> Response:
    """To the list that the act was asked for in."""
    show = request.args.get("show")
    return redirect(url_for("admin.tasks", shop_id=shop_id, show=show if show in tasks.SHOWN else None, note=note), 303)
