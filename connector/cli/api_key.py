"""``connector api-key``: keys by which a merchant's other systems tell of events (docs/api.md) or use the admin
(docs/admin-api.md)."""

from __future__ import annotations

import click

from connector import audit
from connector.admin.access import ROLES
from connector.api import keys
from connector.cli.connected import connected
from connector.db.session import transaction
from connector.settings import Settings


@click.group()
def api_key() -> None:
    """Keys of one shop: of the events API, which tell and read nothing, and of the API of the admin."""


@api_key.command()
@click.argument("shop_domain", metavar="SHOP")
@click.argument("name")
@click.option("--role", type=click.Choice(ROLES), help="Make one of the admin's API, which may do what this role may.")
@click.pass_obj
def create(settings: Settings, shop_domain: str, name: str, role: str | None) -> None:
    """Make a key of SHOP for the system called NAME. It is shown this once."""
    with connected(settings, shop_domain) as (deps, shop), transaction(deps.engine) as connection:
        key, text = keys.create(connection, shop.id, name, role=role, actor=audit.CLI, now=settings.clock.now())
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
        what = f"admin as {key.role}" if key.role else "events"
        click.echo(f"{key.id}  {key.name}  {what}  made {key.created_at:%Y-%m-%d %H:%M}, {used}{ended}")
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
