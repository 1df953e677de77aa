"""Putting the admin together: the frame, who may come in, and all pages."""

from __future__ import annotations

from flask import Flask

from connector.admin import frame, signin
from connector.admin.pages import (
    arming,
    audit,
    backfills,
    brevo,
    checklist,
    deliveries,
    gaps,
    mapping,
    people,
    shops,
    standing,
    syncs,
    webhooks,
)
from connector.admin.throttle import Throttle
from connector.deps import Deps

PAGES = (
    shops, people, syncs, backfills, arming, deliveries, webhooks, standing, mapping, audit, checklist, gaps, brevo,
)  # fmt: skip


def mount(app: Flask, deps: Deps) -> None:
    """Serve the admin at ``/admin``.."""
    csrf = frame.install(app, deps.settings)
    routes = frame.blueprint(deps, csrf)
    signin.add_routes(routes, deps, Throttle(app, deps.settings, deps.redis))
    for page in PAGES:
        page.add_routes(routes, deps)
    app.register_blueprint(routes)
