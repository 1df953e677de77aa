"""``connector api-key``: keys by which a merchant's other systems tell of events (docs/api.md)."""

from __future__ import annotations

import click

from connector import audit
from connector.api import keys
from connector.cli.connected import connected
from connector.db.session import transaction
from connector.settings import Settings


@click.group()
def api_key() -> None:
    """Keys of the events API: each may tell of the people of one shop, and read nothing."""


@api_key.command()
@click.argument("shop_domain", metavar="SHOP")
@click.argument("name")
@click.pass_obj
def create(settings: Settings, shop_domain: str, name: str) -> None:
    """Make a key of SHOP for the system called NAME. It is shown this once."""
    with connected(settings, shop_domain) as (deps, shop), transaction(deps.engine) as connection:
        key, text = keys.create(connection, shop.id, name, actor=audit.CLI, now=settings.clock.now())
    click.echo(text)
    click.echo(f"Key {key.id} of {shop_domain} for {key.name}. It is not shown again.", err=True)


@api_key.command("list")
@click.argument("shop_domain", metavar="SHOP")
@click.pass_obj
def list_(settings: Settings, shop_domain: str) -> None:
    """Show the keys of SHOP."""
    with connected(settings, shop_domain) as (deps, shop), transaction(deps.engine) as connection:
        found = keys.listed(connection, shop.id)
    for key in found:
        used = f"last used {key.last_used_at:%Y-%m-%d %H:%M}" if key.last_used_at else "never used"
        ended = f", revoked {key.revoked_at:%Y-%m-%d %H:%M}" if key.revoked_at else ""
        click.echo(f"{key.id}  {key.name}  made {key.created_at:%Y-%m-%d %H:%M}, {used}{ended}")
    if not found:
        click.echo(f"{shop_domain} has no keys: see `connector api-key create`.")


@api_key.command()
@click.argument("shop_domain", metavar="SHOP")
@click.argument("key_id", metavar="KEY", type=int)
@click.pass_obj
def revoke(settings: Settings, shop_domain: str, key_id: int) -> None:
    """Let nobody in any more by the key with this number."""
    with connected(settings, shop_domain) as (deps, shop), transaction(deps.engine) as connection:
        key = keys.revoke(connection, shop.id, key_id, actor=audit.CLI, now=settings.clock.now())
    if key is None:
        raise click.ClickException(f"{shop_domain} has no key {key_id} in use: see `connector api-key list`.")
    click.echo(f"Key {key.id} for {key.name} lets nobody in any more.")
