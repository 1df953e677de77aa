"""Schema migrations: run in the release phase, by ``connector db upgrade`` and by the tests; never in ``web``."""

from __future__ import annotations

from functools import cache
from importlib.resources import files

from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory


def configuration(url: str) -> Config:
    """An Alembic configuration for the database at ``url``, without an ini file."""
    config = Config()
    config.set_main_option("script_location", str(files("migrations")))
    config.set_main_option("sqlalchemy.url", url.replace("%", "%%"))
    return config


@cache
def heads() -> frozenset[str]:
    """The revisions that the schema must be at."""
    # The address is not used: only the files are read.
    return frozenset(ScriptDirectory.from_config(configuration("postgresql://")).get_heads())


def upgrade(url: str, revision: str = "head") -> None:
    """Bring the database at ``url`` to ``revision``. Safe to run twice and by two processes at once."""
    command.upgrade(configuration(url), revision)
