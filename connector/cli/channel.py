"""``connector channel``: channels at Brevo that stand still, starting them again, and what Brevo did not report."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import click
from marshmallow import ValidationError
from sqlalchemy import Connection

from connector import audit, pauses, shops
from connector.db.session import create_engine, transaction
from connector.settings import Settings
from sync.reports import brake, passes


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
@click.option("--why", help="What was changed, so that fewer people complain: for email:marketing.")
@click.pass_obj
def resume(settings: Settings, shop_domain: str, name: str, why: str | None) -> None:
    """Let CHANNEL of SHOP go on now: email, account for all that is told to Brevo, or email:marketing, which too many
    complaints have stopped."""
    if name == brake.CHANNEL:
        try:
            brake.WHY(why or "")
        except ValidationError as error:
            raise click.ClickException(f"--why: {' '.join(map(str, error.messages))}") from error
    with _shop(settings, shop_domain) as (connection, shop_id):
        if name == brake.CHANNEL:
            lifted = brake.release(connection, shop_id, settings.clock.now())
        else:
            lifted = bool(pauses.lift(connection, shop_id, (name,)))
        if lifted:
            audit.record(
                connection,
                shop_id=shop_id,
                actor=audit.CLI,
                act="channel.resume",
                object_kind="channel",
                object_id=name,
                detail={"why": why} if why else None,
                now=settings.clock.now(),
            )
    if not lifted:
        raise click.ClickException(f"{name} of {shop_domain} is not paused: see `connector channel list`.")
    again = "new complaints pass the limit" if name == brake.CHANNEL else "Brevo still refuses"
    click.echo(f"{name} of {shop_domain} goes on. If {again}, it is paused again.")


@channel.command("reports")
@click.argument("shop_domain", metavar="SHOP")
@click.pass_obj
def reports(settings: Settings, shop_domain: str) -> None:
    """Show what Brevo's statistics told of SHOP's messages that no webhook had."""
    with _shop(settings, shop_domain) as (connection, shop_id):
        looks = passes.standing(connection, shop_id)
        counted = brake.rate(connection, shops.load(connection, shop_id), settings.clock.now())
    for one in looks:
        state = (
            f"{one['channel']}: last looked at {one['finished_at']:%Y-%m-%d %H:%M}"
            if one["finished_at"]
            else (f"{one['channel']}: is looked at")
        )
        found = ", ".join(f"{count} {event}" for event, count in sorted(one["found"].items()))
        click.echo(f"{state}; {one['rows_read']} rows, {f'missed: {found}' if found else 'nothing missed'}.")
        if one["reason"]:
            click.echo(f"  It could not be read: {one['reason']}")
    if not looks:
        click.echo("Nothing was looked at yet.")
    click.echo(
        f"Complaints since {counted.since:%Y-%m-%d %H:%M}: {counted.complaints} of {counted.delivered} delivered"
        f" marketing emails ({counted.percent:.2f} %)."
    )


@channel.command("reconcile")
@click.argument("shop_domain", metavar="SHOP")
@click.pass_obj
def reconcile(settings: Settings, shop_domain: str) -> None:
    """Look through Brevo's statistics of SHOP now, instead of within a day."""
    with _shop(settings, shop_domain) as (connection, shop_id):
        asked = passes.ask(connection, shop_id, settings.clock.now())
    if not asked:
        raise click.ClickException("It is being looked at, or will be for the first time within a second: try again.")
    click.echo(f"Asked for. `connector channel reports {shop_domain}` shows what is found.")


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
