"""``connector person``: what is known of one person, and why they did or did not get a message."""

from __future__ import annotations

import click

from connector import shops
from connector.db.session import create_engine, transaction
from connector.scope import scoped
from connector.settings import Settings
from flows.engine import story
from sync import people


@click.command()
@click.argument("shop_domain", metavar="SHOP")
@click.argument("email")
@click.pass_obj
def person(settings: Settings, shop_domain: str, email: str) -> None:
    """Tell the story of EMAIL at SHOP: what came in, what was decided and why, what was sent."""
    with transaction(create_engine(settings.database_url, 1)) as connection:
        shop = shops.by_domain(connection, shop_domain)
        if shop is None:
            raise click.ClickException(f"{shop_domain} is not connected: see `connector shop add`.")
        with scoped(connection, shop, settings.clock, settings) as scope:
            person_id = people.person_of(scope, "email", email.strip().lower())
        if person_id is None:
            raise click.ClickException(f"Nobody at {shop_domain} is known by that email.")
        for line in story.tell(connection, shop.id, person_id):
            click.echo(f"{line.at:%Y-%m-%d %H:%M}  {line.kind:<8}  {line.text}")
