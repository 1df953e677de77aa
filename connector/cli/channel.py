"""``connector channel``: channels at Brevo that stand still, and starting them again."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import click
from sqlalchemy import Connection

from connector import audit, pauses, shops
from connector.db.session import create_engine, transaction
from connector.settings import Settings


@click.group()
def channel() -> None:
    """Channels at Brevo that stand still: no credits left, a key that is refused."""


@channel.command("list")
@click.argument("shop_domain", metavar="SHOP")
@click.pass_obj
def list_pauses(settings: Settings, shop_domain: str) -> None:
    """Show what stands still at SHOP, since when and why."""
    with _shop(settings, shop_domain) as (connection, shop_id):
        standing = pauses.pauses(connection, shop_id)
    for pause in standing:
        click.echo(f"{pause.channel}: paused since {pause.since:%Y-%m-%d %H:%M}. {pause.sentence} ({pause.detail})")
    if not standing:
        click.echo("Nothing is paused.")


@channel.command("resume")
@click.argument("shop_domain", metavar="SHOP")
@click.argument("name", metavar="CHANNEL")
@click.pass_obj
def resume(settings: Settings, shop_domain: str, name: str) -> None:
    """Let CHANNEL of SHOP go on now: email, or account for all that is told to Brevo."""
    with _shop(settings, shop_domain) as (connection, shop_id):
        lifted = pauses.lift(connection, shop_id, (name,))
        if lifted:
            audit.record(
                connection,
                shop_id=shop_id,
                actor=audit.CLI,
                act="channel.resume",
                object_kind="channel",
                object_id=name,
                now=settings.clock.now(),
            )
    if not lifted:
        raise click.ClickException(f"{name} of {shop_domain} is not paused: see `connector channel list`.")
    click.echo(f"{name} of {shop_domain} goes on. If Brevo still refuses, it is paused again.")


@contextmanager
def _shop(settings: Settings, domain: str) -> Iterator[tuple[Connection, int]]:
    engine = create_engine(settings.database_url, 1)
    try:
        with transaction(engine) as connection:
            shop = shops.by_domain(connection, domain)
            if shop is None:
                raise click.ClickException(f"{domain} is not connected: see `connector shop add`.")
            yield connection, shop.id
    finally:
        engine.dispose()
