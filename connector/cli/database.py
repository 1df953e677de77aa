"""``connector db``: the schema."""

from __future__ import annotations

import click

from connector.db.migrate import upgrade as migrate
from connector.settings import Settings


@click.group()
def db() -> None:
    """The database's schema."""


@db.command()
def upgrade() -> None:
    """Bring the schema to the newest revision (the release phase runs this)."""
    migrate(Settings.from_env().database_url)
    click.echo("schema is at the newest revision")
