"""The web process: ``granian --interface wsgi connector.wsgi:app``.

The only module of the web that acts when it is imported: settings are read, so that a wrong one is reported
at the start. Threads and connections are made by the first request of each process, after any fork.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable

from connector import logging
from connector.app import create_app
from connector.deps import Deps
from connector.errors import ConfigurationError
from connector.metrics import Metrics
from connector.queue import bells
from connector.settings import Settings
from webhooks import intake
from webhooks.ringer import Ringer
from webhooks.topics import TOPICS
from webhooks.writer import Writer


def build(settings: Settings) -> intake.Intake:
    """Everything that one web process consists of, its threads running."""
    deps = Deps.build(settings, ask_first=True)
    metrics = Metrics()
    ringer = Ringer(lambda kind, shop_id: bells.ring(deps.redis, kind, shop_id), metrics)
    ringer.start()
    writer = Writer(settings.database_url, settings.intake_timeout_seconds, metrics)
    writer.start()
    app = create_app(
        settings,
        deps.engine,
        deps.redis,
        metrics=metrics,
        ring=ringer.hand_off,
        account_of=deps.brevo,
        store=writer.store_all,
        deps=deps,
    )
    return intake.build(
        settings,
        topics=TOPICS,
        decrypt=lambda shop_id, token: deps.secrets.decrypt(shop_id, "shopify_secret", token),
        writer=writer,
        ringer=ringer,
        counts=metrics,
        rest=app.wsgi_app,
    )


class Process:
    """A WSGI callable that builds itself at the first request."""

    def __init__(self, settings: Settings) -> None:
        missing = [
            name
            for name, value in (
                ("DATABASE_URL", settings.database_url),
                ("REDIS_URL", settings.redis_url),
                ("CONNECTOR_SECRET_KEYS", settings.secret_keys),
            )
            if not value
        ]
        if missing:
            raise ConfigurationError(f"{' and '.join(missing)}: must be set for a web process (`connector up` does)")
        self._settings = settings
        self._lock = threading.Lock()
        self._intake: intake.Intake | None = None

    def __call__(self, environ: intake.Environ, start_response: intake.StartResponse) -> Iterable[bytes]:
        if self._intake is None:
            with self._lock:
                if self._intake is None:
                    self._intake = build(self._settings)
        return self._intake(environ, start_response)


_settings = Settings.from_env()
logging.setup(_settings)
app = Process(_settings)
