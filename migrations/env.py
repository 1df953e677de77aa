"""Alembic's entry: one connection, one transaction, one migrator at a time."""

from __future__ import annotations

from alembic import context
from sqlalchemy import create_engine, pool, text

import connector.models  # noqa: F401  registers every table
from connector.db.schema import metadata

# Any number that no other lock of the product uses (connector/locks.py).
MIGRATION_LOCK = 7_310_001


def run() -> None:
    """Connect, wait for a concurrent migrator, migrate."""
    url = context.config.get_main_option("sqlalchemy.url")
    assert url, "migrations are started through connector.db.migrate"
    engine = create_engine(url, poolclass=pool.NullPool)
    with engine.connect() as connection:
        context.configure(connection=connection, target_metadata=metadata, compare_type=True)
        with context.begin_transaction():
            connection.execute(text("SET LOCAL lock_timeout = '30s'"))
            connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": MIGRATION_LOCK})
            context.run_migrations()


run()
