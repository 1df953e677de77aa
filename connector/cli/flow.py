"""``connector flow``: the flows of a shop, and who runs each: the connector, or an automation at Brevo."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import click
from sqlalchemy import Connection, select, update

from connector import shops
from connector.db.session import create_engine, transaction
from connector.models.flow import flows
from connector.settings import Settings
from connector.shopify.domain import shop_domain


@click.group()
def flow() -> None:
    """Look at the flows of a shop and say who runs them."""


@flow.command("list")
@click.argument("domain", metavar="SHOP")
@click.pass_obj
def show(settings: Settings, domain: str) -> None:
    """The flows of SHOP: name, status, mode, version."""
    with _shop(settings, domain) as (connection, shop_id):
        for row in connection.execute(select(flows).where(flows.c.shop_id == shop_id).order_by(flows.c.flow)):
            click.echo(f"{row.flow}: {row.status}, {row.mode}, version {row.version}")


@flow.command()
@click.argument("domain", metavar="SHOP")
@click.argument("name", metavar="FLOW")
@click.argument("choice", metavar="native|brevo", type=click.Choice(["native", "brevo"]))
@click.pass_obj
def mode(settings: Settings, domain: str, name: str, choice: str) -> None:
    """Who runs FLOW of SHOP.

    native: the connector enrols people and sends. brevo: an automation that you have drawn at Brevo does; the
    connector feeds it events and sends nothing of this flow, not to those who are inside it either.
    """
    with _shop(settings, domain) as (connection, shop_id):
        mine = (flows.c.shop_id == shop_id) & (flows.c.flow == name)
        if connection.execute(update(flows).where(mine).values(mode=choice)).rowcount == 0:
            raise click.ClickException(f"{domain} has no flow {name}: see `connector flow list {domain}`.")
    click.echo(f"{name} of {domain} is run by {'Brevo' if choice == 'brevo' else 'the connector'} from now on.")


@contextmanager
def _shop(settings: Settings, domain: str) -> Iterator[tuple[Connection, int]]:
    engine = create_engine(settings.database_url, 1)
    try:
        with transaction(engine) as connection:
            found = shops.by_domain(connection, shop_domain(domain))
            if found is None:
                raise click.ClickException(f"{domain} is not connected: see `connector shop add`.")
            yield connection, found.id
    finally:
        engine.dispose()
