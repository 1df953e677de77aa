"""``connector keys``: the keys that credentials are sealed with."""

from __future__ import annotations

import click
from sqlalchemy import Engine

from connector import audit, resealing
from connector.clock import Clock
from connector.db.session import create_engine, transaction
from connector.resealing import Progress
from connector.secrets import Secrets
from connector.settings import Settings


@click.group()
def keys() -> None:
    """The keys in CONNECTOR_SECRET_KEYS."""


@keys.command()
@click.pass_obj
def rotate(settings: Settings) -> None:
    """Seal every token and key again with the newest key, the first in CONNECTOR_SECRET_KEYS.

    Put the new key in front, restart all processes, then run this. It may be interrupted and run again. Afterwards the
    old key is needed for nothing but the unsubscribe links of mails that were sent before.
    """
    engine = create_engine(settings.database_url, 1)
    try:
        done = resealing.reseal(engine, Secrets(settings.secret_keys), _tell)
        _note(engine, settings.clock, done)
    finally:
        engine.dispose()
    for one in done.unreadable:
        click.echo(f"No key opens {one}: connect that shop again, or add the key that it was sealed with.", err=True)
    if done.unreadable:
        raise click.ClickException("Not everything could be sealed again: keep the old keys.")
    click.echo(f"Done: {done.sealed} sealed again, {done.already} were sealed with the newest key already.")


def _tell(progress: Progress) -> None:
    click.echo(f"{progress.sealed + progress.already} looked at, {progress.sealed} sealed again.")


def _note(engine: Engine, clock: Clock, done: Progress) -> None:
    with transaction(engine) as connection:
        audit.record(
            connection,
            actor=audit.CLI,
            act="keys.rotate",
            object_kind="installation",
            object_id="keys",
            detail={"sealed": done.sealed, "already": done.already, "unreadable": len(done.unreadable)},
            now=clock.now(),
        )
