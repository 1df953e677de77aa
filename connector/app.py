"""The Flask application: everything of the web but the intake, which stands in front of it."""

from __future__ import annotations

from collections.abc import Callable

from flask import Flask
from redis import Redis
from sqlalchemy import Engine

from connector.metrics import Metrics
from connector.queue import bells
from connector.settings import Settings
from connector.web import operations, responses, stepping, unsubscribe
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
) -> Flask:
    """The application of one process. ``ring(kind, shop_id)``: how bells are rung; at once when not given."""
    app = Flask("connector.web")
    app.config.update(
        MAX_CONTENT_LENGTH=LARGEST_BODY,
        MAX_FORM_MEMORY_SIZE=LARGEST_FORM,
        MAX_FORM_PARTS=MOST_FORM_PARTS,
    )
    responses.install(app, https=settings.public_url.startswith("https://"))
    app.register_blueprint(operations.blueprint(Health(engine, redis, settings.clock), metrics or Metrics()))
    app.register_blueprint(unsubscribe.blueprint(settings, engine, ring or _ring_at_once(redis)))
    if settings.development:
        app.register_blueprint(stepping.blueprint(engine, settings.clock))
    return app


def _ring_at_once(redis: Redis) -> Callable[[str, int], None]:
    def ring(kind: str, shop_id: int) -> None:
        bells.ring(redis, kind, shop_id)

    return ring
