"""Putting the admin together: the frame, who may come in, and all pages."""

from __future__ import annotations

from flask import Flask

from connector.admin import frame, shown_messages, signin
from connector.admin.pages import (
    account,
    alerts,
    arming,
    audit,
    backfills,
    brevo,
    checklist,
    coupon_pools,
    deliveries,
    drafts,
    dry_runs,
    flows,
    gaps,
    keys,
    loyalty,
    mapping,
    messages,
    onboarding,
    people,
    publishing,
    rates,
    reports,
    settings,
    shops,
    staff,
    standing,
    syncs,
    tasks,
    webhooks,
    whatsapp,
)
from connector.admin.throttle import Throttle
from connector.deps import Deps

PAGES = (
    shops, alerts, people, messages, syncs, backfills, arming, deliveries, webhooks, standing, mapping, audit,
    checklist, gaps, brevo, onboarding, flows, reports, drafts, dry_runs, publishing,
    tasks, settings, rates, coupon_pools, whatsapp, loyalty, keys, staff,
)  # fmt: skip


def mount(app: Flask, deps: Deps) -> None:
    """Serve the admin at ``/admin``.."""
    csrf = frame.install(app, deps.settings)
    routes = frame.blueprint(deps, csrf)
    throttle = Throttle(app, deps.settings, deps.redis)
    signin.add_routes(routes, deps, throttle)
    account.add_routes(routes, deps, throttle)
    routes.add_app_template_global(shown_messages.frame_args, "frame_args")
    for page in PAGES:
        page.add_routes(routes, deps)
    app.register_blueprint(routes)
