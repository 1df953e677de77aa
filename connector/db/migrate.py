"""Schema migrations: run in the release phase, by ``connector db upgrade`` and by the tests; never in ``web``.

Alembic is imported where it is asked for: a web process asks it once, for the revisions of this release.
"""

from __future__ import annotations

from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING

from sqlalchemy import Connection, text

if TYPE_CHECKING:
    from alembic.config import Config


def configuration(url: str) -> Config:
    """An Alembic configuration for the database at ``url``, without an ini file."""
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(files("migrations")))
    config.set_main_option("sqlalchemy.url", url.replace("%", "%%"))
    return config


@cache
def heads() -> frozenset[str]:
    """The revisions that the schema must be at."""
    from alembic.script import ScriptDirectory

    # The address is not used: only the files are read.
    return frozenset(ScriptDirectory.from_config(configuration("postgresql://")).get_heads())


def current(connection: Connection) -> frozenset[str]:
    """The revisions that the schema is at; none before the first. Raises SQLAlchemyError."""
    if connection.scalar(text("SELECT to_regclass('alembic_version')")) is None:
        return frozenset()
    return frozenset(connection.scalars(text("SELECT version_num FROM alembic_version")))


def upgrade(url: str, revision: str = "head") -> None:
    """Bring the database at ``url`` to ``revision``. Safe to run twice and by two processes at once."""
    from alembic import command

    command.upgrade(configuration(url), revision)
