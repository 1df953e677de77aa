"""The schema from nothing, and the same schema as the tables that the code is written against."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from itertools import count

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Column, Connection, MetaData, Table, Text, create_engine, inspect, make_url, text
from sqlalchemy.pool import NullPool

import connector.models
from connector.db import partitions
from connector.db.migrate import configuration, upgrade
from connector.db.schema import metadata

assert connector.models

# What connector/db/partitions.py makes by date, besides the one for all other dates.
_PARTITION = re.compile(rf"({'|'.join(partitions.PARTITIONED)})_(other|\d{{4}}_\d{{2}})")
_numbers = count()


@pytest.fixture
def empty_database(postgres_url: str) -> Iterator[str]:
    """A database without anything in it."""
    url = make_url(postgres_url)
    # The worker of a parallel run is in the name: databases belong to the whole server.
    name = f"empty_{os.getpid()}_{next(_numbers)}"
    admin = create_engine(url, isolation_level="AUTOCOMMIT", poolclass=NullPool)
    with admin.connect() as connection:
        connection.execute(text(f"CREATE DATABASE {name} TEMPLATE template0"))
    yield url.set(database=name).render_as_string(hide_password=False)
    with admin.connect() as connection:
        connection.execute(text(f"DROP DATABASE {name} WITH (FORCE)"))


def revisions(url: str) -> tuple[str, ...]:
    engine = create_engine(url, poolclass=NullPool)
    with engine.connect() as connection:
        return MigrationContext.configure(connection).get_current_heads()


def heads() -> tuple[str, ...]:
    return tuple(ScriptDirectory.from_config(configuration("postgresql://")).get_heads())


def test_from_nothing_to_the_newest_and_once_more(empty_database: str) -> None:
    assert revisions(empty_database) == ()
    upgrade(empty_database)
    assert revisions(empty_database) == heads()
    tables = set(inspect(create_engine(empty_database, poolclass=NullPool)).get_table_names())
    assert set(metadata.tables) <= tables
    upgrade(empty_database)
    assert revisions(empty_database) == heads()


def test_two_at_once_migrate_once(empty_database: str) -> None:
    program = f"from connector.db.migrate import upgrade; upgrade({empty_database!r})"
    both = [subprocess.Popen([sys.executable, "-c", program], stderr=subprocess.PIPE, text=True) for _ in range(2)]
    said = [process.communicate(timeout=60)[1] for process in both]
    assert [process.returncode for process in both] == [0, 0], said
    assert revisions(empty_database) == heads()


def test_there_is_one_newest_revision() -> None:
    assert len(heads()) == 1


def drift(connection: Connection, tables: MetaData) -> list[object]:
    """What a migration would have to change for the database to be as these tables."""

    def is_ours(item: object, name: str | None, kind: str, reflected: bool, compared: object) -> bool:
        table = name if kind == "table" else getattr(getattr(item, "table", None), "name", "")
        return not (reflected and _PARTITION.fullmatch(table or ""))

    context = MigrationContext.configure(
        connection, opts={"compare_type": True, "compare_server_default": True, "include_object": is_ours}
    )
    return list(compare_metadata(context, tables))


def test_the_tables_of_the_code_are_the_migrated_ones(connection: Connection) -> None:
    assert drift(connection, metadata) == []


def test_a_table_that_differs_is_found(connection: Connection) -> None:
    connection.execute(text("ALTER TABLE runs DROP COLUMN outcome"))
    connection.execute(text("DROP INDEX uq_runs_live"))
    found = repr(drift(connection, metadata))
    assert "add_column" in found and "outcome" in found and "uq_runs_live" in found
    more = MetaData()
    Table("later", more, Column("name", Text, primary_key=True))
    assert any(change[0] == "add_table" for change in drift(connection, more) if isinstance(change, tuple))


def partial_keys(connection: Connection) -> dict[str, str]:
    """Name -> condition of the indexes that hold for some rows only: what Alembic does not compare."""
    rows = connection.execute(
        text(
            "SELECT indexrelid::regclass::text AS name, pg_get_expr(indpred, indrelid) AS condition"
            " FROM pg_index JOIN pg_class ON pg_class.oid = indrelid"
            " WHERE indpred IS NOT NULL AND relnamespace = current_schema()::regnamespace"
        )
    )
    return {row.name: row.condition for row in rows if not _PARTITION.match(row.name)}


def test_conditions_of_indexes_are_the_migrated_ones(connection: Connection) -> None:
    migrated = partial_keys(connection)
    assert "uq_runs_live" in migrated
    # The same tables once more, made by SQLAlchemy instead of the migration.
    connection.execute(text("CREATE SCHEMA made"))
    connection.execute(text("SET LOCAL search_path TO made"))
    metadata.create_all(connection, checkfirst=False)
    made = {name.removeprefix("made."): condition for name, condition in partial_keys(connection).items()}
    assert made == migrated
