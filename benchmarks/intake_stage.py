"""What the benchmarks of the intake run on: servers of their own with one connected shop, and web processes."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import psycopg
from cryptography.fernet import Fernet

from benchmarks.orders import DOMAIN, SECRET
from connector.clock import monotonic, pause
from connector.db.migrate import upgrade
from connector.runtime import postgres, redis
from connector.runtime.child import end, spawn

START_SECONDS = 30.0
_SHOP = """
INSERT INTO shops (
    domain, name, state, sender_email, sender_name, timezone, currency, salt, settings, brevo_webhook_digest, created_at
) VALUES (
    %s, 'Benchmark', 'active', 'shop@example.com', 'Shop', 'UTC', 'EUR', 'salt', '{}', '', '2026-01-01T00:00:00Z'
)
"""


@dataclass(frozen=True)
class Servers:
    """``env``: what processes of the product need in order to work on these servers."""

    postgres: postgres.PostgresServer
    env: Mapping[str, str]
    folder: Path

    def count(self, table: str) -> int:
        with psycopg.connect(self.postgres.dsn) as connection:
            found = connection.execute(f"SELECT count(*) FROM {table}").fetchone()
        return int(found[0]) if found else 0


@contextlib.contextmanager
def servers() -> Iterator[Servers]:
    """PostgreSQL and Redis as ``connector up`` starts them, with the newest schema and a shop."""
    folder = Path(tempfile.mkdtemp(prefix="connector-bench-"))
    # Passable, not readable: as root PostgreSQL runs under another account and keeps its data in here.
    folder.chmod(0o711)
    with contextlib.ExitStack() as running:
        running.callback(shutil.rmtree, folder, ignore_errors=True)
        database = postgres.start(folder)
        running.callback(database.stop)
        bells = redis.start(folder)
        running.callback(bells.stop)
        upgrade(database.url)
        with psycopg.connect(database.dsn) as connection:
            connection.execute(_SHOP, [DOMAIN])
        env = {
            "PATH": os.environ.get("PATH", ""),
            "CONNECTOR_ENV": "development",
            "DATABASE_URL": database.url,
            "REDIS_URL": bells.url,
            "SHOPIFY_API_SECRET": SECRET,
            "CONNECTOR_SECRET_KEYS": Fernet.generate_key().decode(),
        }
        yield Servers(database, env, folder)


@contextlib.contextmanager
def running(command: Sequence[str], env: Mapping[str, str], log: Path) -> Iterator[subprocess.Popen[bytes]]:
    """A process until the end of the block; what it says goes into ``log``."""
    with log.open("ab") as output:
        process = spawn(command, on_parent_death=signal.SIGTERM, env=env, stdout=output)
    try:
        yield process
    finally:
        end(process, (signal.SIGTERM, 5.0))


def wait_until_it_listens(port: int, process: subprocess.Popen[bytes]) -> None:
    """Raises RuntimeError when nothing does within START_SECONDS."""
    deadline = monotonic() + START_SECONDS
    while monotonic() < deadline and process.poll() is None:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
            return
        pause(0.05)
    raise RuntimeError(f"nothing listens on port {port}: {process.args!r}")
