"""The real PostgreSQL and Redis that the suite runs on: one of each per test run.

The process that leads the run starts them, at once when there are workers to share them with, otherwise
when a test first asks. They end with that process, however it ends. Every worker has its own databases: one in
PostgreSQL, copied from a migrated template and emptied for each test (``tests/databases.py``), and one number in
Redis. ``FLUSHALL``, ``kill`` and the like belong into a test with servers of its own:
``connector.runtime.postgres.start(folder)``.

``CONNECTOR_RUNTIME=embedded`` takes the programs of the wheels even where the machine has its own.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from redis import Redis

from connector.runtime import postgres, redis
from tests.databases import Recycled, copied, run

TEMPLATE = "connector_template"
# Any number: it is the name of the advisory lock under which one worker makes the template.
_TEMPLATE_LOCK = 20261121
_REDIS_DATABASES = 64


class Services:
    """Both servers, in a folder that goes with them."""

    def __init__(self) -> None:
        self._folder = Path(tempfile.mkdtemp(prefix="connector-tests-"))
        # Passable, not readable: as root PostgreSQL runs under another account and keeps its data in here.
        self._folder.chmod(0o711)
        embedded = os.environ.get("CONNECTOR_RUNTIME") == "embedded"
        with contextlib.ExitStack() as running:
            running.callback(shutil.rmtree, self._folder, ignore_errors=True)
            self.postgres = postgres.start(self._folder, embedded=embedded)
            running.callback(self.postgres.stop)
            # Cleaning up behind the tests is done by tests/databases.py.
            hurry(self.postgres, autovacuum="off")
            self.redis = redis.start(self._folder, embedded=embedded, databases=_REDIS_DATABASES)
            running.callback(self.redis.stop)
            self._running = running.pop_all()

    def stop(self) -> None:
        self._running.close()


def hurry(server: postgres.PostgresServer, **more: str) -> None:
    """Let the disk write when it likes: a flush with every commit is most of what a small transaction takes, and
    copying a database flushes everything. What dies in a test is a process, never the machine, so nothing is lost.

    ``more``: other settings of the server.
    """
    with psycopg.connect(server.dsn, autocommit=True) as admin:
        for name, value in {"fsync": "off", **more}.items():
            run(admin, f"ALTER SYSTEM SET {{}} = '{value}'", name)
        admin.execute("SELECT pg_reload_conf()")


_services = pytest.StashKey[Services]()


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: object) -> None:
    """xdist is about to start a worker: tell it where the servers are."""
    config: pytest.Config = node.config  # type: ignore[attr-defined]
    services = _started(config)
    node.workerinput["postgres_dsn"] = services.postgres.dsn  # type: ignore[attr-defined]
    node.workerinput["redis_url"] = services.redis.url  # type: ignore[attr-defined]


def pytest_unconfigure(config: pytest.Config) -> None:
    services = config.stash.get(_services, None)
    if services is not None:
        services.stop()


def _started(config: pytest.Config) -> Services:
    if _services not in config.stash:
        config.stash[_services] = Services()
    return config.stash[_services]


@pytest.fixture(scope="session")
def _postgres_dsn(pytestconfig: pytest.Config) -> str:
    given = getattr(pytestconfig, "workerinput", None)
    return given["postgres_dsn"] if given else _started(pytestconfig).postgres.dsn


@pytest.fixture(scope="session")
def postgres_url(_postgres_dsn: str) -> str:
    """SQLAlchemy URL of the server's own database: for making databases, not for tables."""
    return _sqlalchemy(_postgres_dsn)


@pytest.fixture(scope="session")
def _template(_postgres_dsn: str) -> str:
    """The name of a database with the newest schema, made once per run by whoever comes first."""
    from connector.db.migrate import upgrade

    with psycopg.connect(_postgres_dsn, autocommit=True) as admin:
        admin.execute("SELECT pg_advisory_lock(%s)", [_TEMPLATE_LOCK])
        try:
            made = admin.execute("SELECT 1 FROM pg_database WHERE datname = %s", [TEMPLATE]).fetchone()
            if not made:
                unfinished = f"{TEMPLATE}_unfinished"
                run(admin, "DROP DATABASE IF EXISTS {} WITH (FORCE)", unfinished)
                run(admin, "CREATE DATABASE {}", unfinished)
                upgrade(_sqlalchemy(_dsn_of(_postgres_dsn, unfinished)))
                # A template that somebody is connected to cannot be copied.
                run(admin, "ALTER DATABASE {} WITH ALLOW_CONNECTIONS false", unfinished)
                run(admin, "ALTER DATABASE {} RENAME TO {}", unfinished, TEMPLATE)
        finally:
            admin.execute("SELECT pg_advisory_unlock(%s)", [_TEMPLATE_LOCK])
    return TEMPLATE


@pytest.fixture(scope="session")
def _worker(pytestconfig: pytest.Config) -> int:
    """0 in the leading process, n + 1 in xdist's worker ``gw<n>``."""
    given = getattr(pytestconfig, "workerinput", None)
    return int(given["workerid"].removeprefix("gw")) + 1 if given else 0


@pytest.fixture(scope="session")
def _recycled(_postgres_dsn: str, _template: str, _worker: int) -> Iterator[Recycled]:
    name = f"test_{_worker}"
    recycled = Recycled(_postgres_dsn, _template, name, _dsn_of(_postgres_dsn, name))
    yield recycled
    recycled.close()


@pytest.fixture
def database_url(_recycled: Recycled) -> str:
    """SQLAlchemy URL of an empty database with the newest schema, for this test alone. Monthly partitions of tests
    before it may be there."""
    return _sqlalchemy(_recycled.empty())


@pytest.fixture
def fresh_database(_postgres_dsn: str, _template: str, _worker: int) -> Iterator[str]:
    """The same, as the migrations leave it."""
    name = f"fresh_{_worker}"
    with copied(_postgres_dsn, _template, name):
        yield _sqlalchemy(_dsn_of(_postgres_dsn, name))


@pytest.fixture
def redis_url(pytestconfig: pytest.Config, _worker: int) -> str:
    """URL of an empty Redis database that no other worker uses."""
    given = getattr(pytestconfig, "workerinput", None)
    server = given["redis_url"] if given else _started(pytestconfig).redis.url
    url = server.replace("?db=0", f"?db={_worker}")
    with contextlib.closing(Redis.from_url(url)) as client:
        client.flushdb()
    return url


def _dsn_of(dsn: str, database: str) -> str:
    return dsn.replace(f"/{postgres.DATABASE}?", f"/{database}?")


def _sqlalchemy(dsn: str) -> str:
    return dsn.replace("postgresql://", "postgresql+psycopg://", 1)
