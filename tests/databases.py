"""A database per test, at the price of emptying the one before: a copy of the template is made once per worker.

Copying some hundred files costs more than most tests; deleting the few rows that were written costs a fraction of it.
TRUNCATE makes new files for a table and each of its indexes, some 10 ms a table: only large ones are worth it, so that
nobody's dead rows grow on the next test. What a test cannot leave behind: rows, sequences, open transactions. What it
may: monthly partitions, which only say where rows lie, and idle connections of ``engine_of``, because a new one has the
whole schema to learn again. A test that changed anything else in the schema gets the next one a new copy.
"""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Iterator

import psycopg
from psycopg import sql
from sqlalchemy import Engine

from connector.db.session import create_engine
from webhooks.line import Line
from webhooks.writer import QUICK_COMPRESSION, STORE, Writer

# All that a test can change in a schema, but for the partitions that connector/db/partitions.py makes by date.
_SHAPE = r"""
SELECT md5(concat_ws('|',
  (SELECT string_agg(version_num, ',' ORDER BY version_num) FROM alembic_version),
  (SELECT string_agg(concat_ws(',', c.relname, c.relkind, c.relnatts, c.reloptions,
     (SELECT string_agg(concat_ws(' ', attname, atttypid, attnotnull, attisdropped), ';' ORDER BY attnum)
      FROM pg_attribute WHERE attrelid = c.oid AND attnum > 0)), E'\n' ORDER BY c.relname)
   FROM pg_class c WHERE c.relnamespace = 'public'::regnamespace AND c.relname !~ '_\d{4}_\d{2}($|_)'),
  (SELECT string_agg(concat_ws(',', conname, conrelid::regclass, contype, convalidated), E'\n'
     ORDER BY conname, conrelid)
   FROM pg_constraint WHERE connamespace = 'public'::regnamespace
   AND conrelid::regclass::text !~ '_\d{4}_\d{2}$'),
  (SELECT string_agg(concat_ws(',', tgname, tgrelid::regclass, tgenabled), E'\n' ORDER BY tgname, tgrelid)
   FROM pg_trigger WHERE NOT tgisinternal),
  (SELECT string_agg(concat_ws(',', proname, md5(prosrc)), E'\n' ORDER BY proname)
   FROM pg_proc WHERE pronamespace = 'public'::regnamespace)))
"""
# Bytes of a table up to which its rows are deleted.
_LARGE = 262_144
_WRITTEN = f"""
SELECT relname, pg_relation_size(oid) > {_LARGE} FROM pg_class
WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace AND pg_relation_size(oid) > 0
AND relname <> 'alembic_version'
"""
# ALTER SEQUENCE would make a new file for each.
_COUNT_ANEW = """
SELECT setval(format('%I.%I', schemaname, sequencename)::regclass, start_value, false) FROM pg_sequences
WHERE schemaname = 'public' AND last_value IS NOT NULL
"""
_OTHERS = """
SELECT pg_terminate_backend(pid) FROM pg_stat_activity
WHERE datname = current_database() AND pid <> pg_backend_pid() AND backend_type = 'client backend'
AND NOT (state = 'idle' AND application_name = %s)
"""

_engines: dict[tuple[str, int], Engine] = {}
_writers: dict[str, _Kept] = {}
# Seconds of machine time that a delivery may take to be stored.
_PATIENCE = 5.0


def engine_of(url: str, pool_size: int) -> Engine:
    """One engine for all tests on this database: the statements that it has compiled serve the next test too, and so do
    its connections.

    Whoever takes it gives all connections back, and leaves no listener on it.
    """
    if (url, pool_size) not in _engines:
        _engines[url, pool_size] = create_engine(url, pool_size)
    return _engines[url, pool_size]


class _Uncounted:
    def group(self, rows: int, seconds: float) -> None:
        """The writer's counts are of no interest here."""


class _Kept(Writer):
    """Its connection is this process's, as those of its engines are."""

    def __init__(self, url: str) -> None:
        super().__init__(url, _PATIENCE, _Uncounted())
        self._line = Line(url, _PATIENCE, f"connector {os.getpid()}", STORE, first=QUICK_COMPRESSION)

    @property
    def works(self) -> bool:
        return self._thread.is_alive() and self._trouble is None


def writer_of(url: str) -> Writer:
    """One writer of the inbox for all tests on this database, as ``engine_of``. Nobody who takes it stops it."""
    kept = _writers.get(url)
    if kept is None or not kept.works:
        kept = _writers[url] = _Kept(url)
        kept.start()
    return kept


def _let_go() -> None:
    """Of all connections: the server has ended some of them, or is about to."""
    while _writers:
        _writers.popitem()[1].stop()
    for engine in _engines.values():
        engine.dispose()


class Recycled:
    """The one database of a worker, as new for each test. ``server``: DSN of the server's own database."""

    def __init__(self, server: str, template: str, name: str, dsn: str) -> None:
        self._server = server
        self._template = template
        self._name = name
        self._dsn = dsn
        self._shape: str | None = None
        self._line: psycopg.Connection | None = None

    def empty(self) -> str:
        """The DSN of the database, with the newest schema and nothing in it."""
        if self._line is None or not self._cleaned(self._line):
            self._copy()
        return self._dsn

    def close(self) -> None:
        """Give up all connections."""
        _let_go()
        if self._line is not None:
            self._line.close()

    def _copy(self) -> None:
        self.close()
        copy(self._server, self._template, self._name)
        self._line = psycopg.connect(self._dsn, autocommit=True)
        self._shape = _one(self._line, _SHAPE)

    def _cleaned(self, line: psycopg.Connection) -> bool:
        try:
            while line.execute(_OTHERS, [f"connector {os.getpid()}"]).fetchall():
                _let_go()
                time.sleep(0.005)
            if _one(line, _SHAPE) != self._shape:
                return False
            _clean(line)
            return True
        except psycopg.Error:
            return False


def _clean(connection: psycopg.Connection) -> None:
    written = connection.execute(_WRITTEN).fetchall()
    if large := [sql.Identifier(name) for name, is_large in written if is_large]:
        connection.execute(sql.SQL("TRUNCATE {} CASCADE").format(sql.SQL(", ").join(large)))
    # In any order, and also what the product itself may never delete: no trigger and no foreign key is asked.
    connection.execute("SET session_replication_role = replica")
    small = [sql.SQL("DELETE FROM {}").format(sql.Identifier(name)) for name, is_large in written if not is_large]
    connection.execute(sql.SQL("; ").join(small))
    connection.execute(_COUNT_ANEW)


def _one(connection: psycopg.Connection, query: str) -> str:
    row = connection.execute(query).fetchone()
    assert row is not None
    return str(row[0])


def copy(server: str, template: str, name: str) -> None:
    """Make the database ``name`` anew as a copy of the template."""
    with psycopg.connect(server, autocommit=True) as admin:
        run(admin, "DROP DATABASE IF EXISTS {} WITH (FORCE)", name)
        run(admin, "CREATE DATABASE {} TEMPLATE {}", name, template)


@contextlib.contextmanager
def copied(server: str, template: str, name: str) -> Iterator[None]:
    """A copy for the length of a block."""
    copy(server, template, name)
    try:
        yield
    finally:
        _let_go()
        with psycopg.connect(server, autocommit=True) as admin:
            run(admin, "DROP DATABASE {} WITH (FORCE)", name)


def run(admin: psycopg.Connection, statement: str, *names: str) -> None:
    """One statement with these identifiers in its places."""
    admin.execute(sql.SQL(statement).format(*(sql.Identifier(name) for name in names)))
