"""The shops with their state and what lags at them, one shop, and the installation as a whole."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from flask import Blueprint, abort, redirect, render_template, request, url_for
from sqlalchemy import Connection
from werkzeug.wrappers import Response

from connector import audit, pauses, shops
from connector.admin import accounts
from connector.admin.frame import asking, shop
from connector.db.session import transaction
from connector.deps import Deps
from connector.install import checklist
from connector.shops import Shop
from connector.web import backlog

# What the Shopify admin adds to an address that it opens.
_OF_THE_PLATFORM = ("id_token", "shop", "host", "embedded", "locale")

STATES: Mapping[str, tuple[str, str]] = {
    "active": ("good", "Active"),
    "paused": ("warning", "Paused"),
    "installed": ("attention", "Brevo is not connected"),
    "uninstalled": ("critical", "Uninstalled"),
}
"""State of a shop -> the tone in which it is told, and how."""

WAITING: Mapping[str, str] = {
    "inbox": "Deliveries to be applied",
    "fetches": "Objects to be read from the store",
    "persons": "People whose flows are to be decided",
    "timers": "Timers that are due",
    "outbox": "Messages that are due",
    "outbox_unknown": "Messages whose outcome is unknown",
    "contacts": "Contacts to be told to Brevo",
    "commerce": "Orders, products and categories to be told to Brevo",
    "feed": "Events to be told to Brevo",
}
STOPPED: Mapping[str, str] = {
    "quarantined": "Deliveries of another shape than their topic declares",
    "poison": "Deliveries that are unreadable or failed too often",
    "messages_failed": "Messages of the last week that Brevo refused",
    "fetches_failed": "Objects that could not be read from the store",
    "records_refused": "Contacts, orders or products that Brevo refuses",
    "events_refused": "Events that Brevo refused",
}


@dataclass(frozen=True)
class Reading:
    """How one shop stands. ``lag``: seconds that its oldest waiting work has waited."""

    shop: Shop
    waiting: Mapping[str, backlog.Waiting]
    lagging: frozenset[str]
    stopped: Mapping[str, int]
    pauses: tuple[pauses.Pause, ...]

    @property
    def lag(self) -> float:
        return max((one.age for one in self.waiting.values()), default=0.0)

    @property
    def all_stopped(self) -> int:
        return sum(self.stopped.values())

    @property
    def tone(self) -> str:
        return STATES.get(self.shop.state, ("attention", ""))[0]

    @property
    def state(self) -> str:
        return STATES.get(self.shop.state, ("", self.shop.state))[1]


def reading(connection: Connection, deps: Deps, one: Shop) -> Reading:
    now, machine = deps.clock.now(), deps.clock.machine()
    waiting = backlog.read(connection, now, machine, one.id)
    return Reading(
        one,
        waiting,
        frozenset(backlog.lagging(waiting, deps.clock.rate)),
        {kind: count for kind, count in backlog.stopped(connection, now, one.id).items() if count},
        tuple(pauses.pauses(connection, one.id)),
    )


def add_routes(routes: Blueprint, deps: Deps) -> None:
    @routes.get("/")
    def home() -> str | Response:
        visitor = asking().visitor
        with transaction(deps.engine) as connection:
            mine = [one for one in shops.connected(connection) if visitor.sees(one.id)]
            if visitor.embedded:
                # With the session token along: the page behind proves it anew.
                kept: dict[str, Any] = {name: request.args[name] for name in _OF_THE_PLATFORM if name in request.args}
                return redirect(url_for("admin.overview", shop_id=mine[0].id, **kept), 303)
            readings = [reading(connection, deps, one) for one in mine]
        return render_template("admin/home.html", readings=readings)

    @routes.get("/installation")
    def installation() -> str:
        """Staff, and what was done to the installation. Only for an owner of every shop."""
        if asking().visitor.shop_ids is not None:
            abort(404)
        with transaction(deps.engine) as connection:
            staff = accounts.listed(connection)
            lines = audit.lines(connection, audit.INSTALLATION)
            names = {one.id: one.name for one in shops.connected(connection)}
        actors = {one.actor: one.email for one in staff}
        return render_template("admin/installation.html", staff=staff, lines=lines, actors=actors, shop_names=names)

    @routes.get("/shops/<int:shop_id>/")
    def overview(shop_id: int) -> str:
        with transaction(deps.engine) as connection:
            found = reading(connection, deps, shop())
            left = checklist.open_items(checklist.items(connection, shop_id)) if shop().active else []
        return render_template("admin/shop.html", reading=found, waiting=WAITING, stopped=STOPPED, open_items=len(left))
