"""A PostgreSQL and a Redis of a benchmark's own, as durable as a shop's, and processes of the product on them.

For what is measured without the platforms. Everything ends with the block.
"""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import tempfile
from collections.abc import Iterator, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

import psycopg
from cryptography.fernet import Fernet
from psycopg import sql
from sqlalchemy import Connection, Engine

from connector import shops
from connector.db import partitions
from connector.db.migrate import upgrade
from connector.db.session import create_engine
from connector.deps import Deps
from connector.runtime import postgres, redis
from connector.runtime.child import end, spawn
from connector.settings import Settings
from connector.shops import Shop

PROJECT = Path(__file__).parent.parent
# Port 9 of this machine: nobody listens there.
_NOBODY = "http://127.0.0.1:9"


class OwnServers:
    """Use as a context manager. ``start`` is the business time at which it begins (unix seconds); it passes as real
    time does. ``postgres_settings``: of the server, besides those of the product's own."""

    def __init__(self, start: float, postgres_settings: Mapping[str, str] | None = None) -> None:
        self.start, self._postgres_settings = start, postgres_settings

    def __enter__(self) -> OwnServers:
        with contextlib.ExitStack() as starting:
            self.folder = starting.enter_context(open_folder())
            server = postgres.start(self.folder, settings=self._postgres_settings)
            starting.callback(server.stop)
            upgrade(server.url)
            store = redis.start(self.folder)
            starting.callback(store.stop)
            self._server, self.postgres_pid = server, server.pid
            epoch = Settings().clock.machine().timestamp()
            self.offset = self.start - epoch
            self.environment = {
                "CONNECTOR_ENV": "development",
                "DATABASE_URL": server.url,
                "REDIS_URL": store.url,
                "CLOCK_START": repr(self.start),
                "CLOCK_EPOCH": repr(epoch),
                "CONNECTOR_SECRET_KEYS": Fernet.generate_key().decode(),
                "SHOPIFY_BASE_URL": f"{_NOBODY}/{{shop}}",
                "BREVO_BASE_URL": f"{_NOBODY}/v3",
            }
            self.deps = Deps.build(Settings.from_env(self.environment), pool_size=4)
            starting.callback(self.deps.close)
            self._running = starting.pop_all()
        return self

    def __exit__(self, *ignored: object) -> None:
        self._running.close()

    def another(self, name: str) -> str:
        """The address (for SQLAlchemy) of a migrated database more on the same server."""
        with psycopg.connect(self._server.dsn, autocommit=True) as connection:
            connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
        url = self._server.dsn_of(name).replace("postgresql://", "postgresql+psycopg://", 1)
        upgrade(url)
        return url

    @contextlib.contextmanager
    def process(self, name: str, *arguments: str, **environment: str) -> Iterator[int]:
        """A Python process for the length of the block; its process id."""
        env = {**os.environ, "PYTHONPATH": str(PROJECT), **self.environment, **environment}
        with (self.folder / f"{name}.log").open("ab") as log:
            process = spawn([sys.executable, *arguments], on_parent_death=signal.SIGTERM, env=env, stdout=log)
        try:
            yield process.pid
        finally:
            end(process, (signal.SIGTERM, 3.0))

    def log_of(self, name: str) -> str:
        """The last that a process said."""
        return (self.folder / f"{name}.log").read_text(errors="replace")[-2000:]


@contextlib.contextmanager
def own_database() -> Iterator[Engine]:
    """A migrated database alone."""
    with open_folder() as folder:
        server = postgres.start(folder)
        try:
            upgrade(server.url)
            engine = create_engine(server.url)
            try:
                yield engine
            finally:
                engine.dispose()
        finally:
            server.stop()


def add_shop(connection: Connection, now: datetime, domain: str = "bench.myshopify.com", **settings: Any) -> Shop:
    """A shop that is at work, with an address to write from."""
    partitions.ensure(connection, now)
    values = {
        "name": "Bench", "state": "active", "sender_email": "hello@teahouse.example", "sender_name": "Teahouse",
        "timezone": "UTC", "currency": "EUR", "salt": b"salt", "settings": {"country": "DE", **settings},
        "brevo_webhook_digest": "",
    }  # fmt: skip
    return shops.load(connection, shops.add(connection, domain, values, now))


@contextlib.contextmanager
def open_folder() -> Iterator[Path]:
    """A folder that every account can pass, as the database server's needs to when we are root."""
    with tempfile.TemporaryDirectory(prefix="connector-bench-") as name:
        folder = Path(name)
        folder.chmod(0o711)
        yield folder
