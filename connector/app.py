"""The Flask application: everything of the web but the intake, which stands in front of it."""

from __future__ import annotations

from collections.abc import Callable

from flask import Flask
from redis import Redis
from sqlalchemy import Engine
from werkzeug.middleware.proxy_fix import ProxyFix

from connector.admin.api import serving as admin_api
from connector.admin.mount import mount as mount_admin
from connector.api import events as events_api
from connector.api.reception import Store
from connector.brevo.client import BrevoAccount
from connector.deps import Deps
from connector.errors import ConfigurationError
from connector.metrics import Metrics
from connector.queue import bells
from connector.settings import Settings
from connector.shops import Shop
from connector.web import (
    brevo_callback,
    confirmed,
    install,
    operations,
    preferences,
    responses,
    short_link,
    stepping,
    unsubscribe,
)
from connector.web.health import Health

LARGEST_BODY = 2 * 1024 * 1024
LARGEST_FORM = 500_000
MOST_FORM_PARTS = 1000


def create_app(
    settings: Settings,
    engine: Engine,
    redis: Redis,
    *,
    metrics: Metrics | None = None,
    ring: Callable[[str, int], None] | None = None,
    account_of: Callable[[Shop], BrevoAccount] | None = None,
    store: Store | None = None,
    deps: Deps | None = None,
) -> Flask:
    """The application of one process.

    ``ring(kind, shop_id)``: how bells are rung; at once when not given. ``account_of``: a shop's Brevo account, asked
    for its limits only; without it nothing is said about how long calls will take. ``store``: where the events API puts
    what it is told; without it there is none. ``deps``: for the pages that talk to
    the platforms; without them there are none.
    """
    app = Flask("connector.web")
    app.config.update(
        MAX_CONTENT_LENGTH=LARGEST_BODY,
        MAX_FORM_MEMORY_SIZE=LARGEST_FORM,
        MAX_FORM_PARTS=MOST_FORM_PARTS,
    )
    responses.install(app, https=settings.public_url.startswith("https://"))
    metrics = metrics or Metrics()
    health = Health(engine, redis, settings.clock, account_of or _no_account)
    app.register_blueprint(operations.blueprint(health, metrics))
    app.register_blueprint(unsubscribe.blueprint(settings, engine, ring or _ring_at_once(redis)))
    app.register_blueprint(preferences.blueprint(settings, engine, ring or _ring_at_once(redis)))
    app.register_blueprint(short_link.blueprint(settings, engine, ring or _ring_at_once(redis)))
    app.register_blueprint(confirmed.blueprint(settings, engine, ring or _ring_at_once(redis)))
    if store is not None:
        app.register_blueprint(
            events_api.blueprint(settings, engine, redis, metrics, store=store, ring=ring or _ring_at_once(redis))
        )
    if deps is not None:
        app.register_blueprint(install.blueprint(deps))
        app.register_blueprint(brevo_callback.blueprint(deps))
        mount_admin(app, deps)
        admin_api.mount(app, deps)
    if settings.trusted_proxies:
        # So many proxies of ours add an address each; what stands before them anybody may have written.
        app.wsgi_app = ProxyFix(app.wsgi_app, x_for=settings.trusted_proxies, x_proto=0)  # type: ignore[method-assign]
    if settings.development:
        app.register_blueprint(stepping.blueprint(engine, settings.clock))
    return app


def _no_account(shop: Shop) -> BrevoAccount:
    raise ConfigurationError(f"Nobody opens the Brevo account of shop {shop.id} here.")


def _ring_at_once(redis: Redis) -> Callable[[str, int], None]:
    def ring(kind: str, shop_id: int) -> None:
        bells.ring(redis, kind, shop_id)

    return ring
