"""``connector coupon``: discount codes that are kept ready for flows, and what became of them."""

from __future__ import annotations

from datetime import UTC, datetime

import click

from connector.cli.connected import connected
from connector.db.session import autocommitted
from connector.settings import Settings
from sync.coupons import pools

_of_shop = click.option("--shop", "domain", required=True, help="The shop (name.myshopify.com).")


@click.group()
def coupon() -> None:
    """Pools of discount codes that flows hand out."""


@coupon.command("pool")
@_of_shop
@click.option("--name", required=True, help="What flows call it: small letters, digits and dashes.")
@click.option("--percent", type=click.IntRange(1, 100), help="Per cent off an order.")
@click.option("--amount", help="Or so much off, in the shop's currency: 5.00.")
@click.option("--minimum", help="Only for orders of at least so much.")
@click.option("--once-per-customer", is_flag=True, help="A customer may use one code of the pool, ever.")
@click.option("--ends", type=click.DateTime(["%Y-%m-%d"]), help="The day (UTC) from which its codes are no good.")
@click.option("--prefix", default="", help="What its codes begin with, e.g. SUMMER.")
@click.option("--keep", "size", type=click.IntRange(1, pools.LARGEST), default=500, show_default=True)
@click.pass_obj
def pool(
    settings: Settings,
    domain: str,
    name: str,
    percent: int | None,
    amount: str | None,
    minimum: str | None,
    once_per_customer: bool,
    ends: datetime | None,
    prefix: str,
    size: int,
) -> None:
    """Keep so many codes ready in the store. Run again with another number, it keeps that many."""
    with connected(settings, domain) as (deps, shop):
        last = ends.replace(tzinfo=UTC) if ends else None
        with deps.open(shop) as scope:
            terms = pools.terms_of(percent, amount, minimum, once_per_customer)
            pools.keep(scope, name, terms=terms, size=size, prefix=prefix.upper(), ends_at=last)
    click.echo(f"The pool {name} is being filled: connector coupon list shows how far it is.")


@coupon.command("list")
@_of_shop
@click.pass_obj
def list_(settings: Settings, domain: str) -> None:
    """Print the shop's pools: how many codes were made, handed out, given to Brevo, and used."""
    with connected(settings, domain) as (deps, shop), autocommitted(deps.engine) as connection:
        for one in pools.listed(connection, shop.id):
            where = f"Brevo's collection {one.collection}" if one.collection else "flows"
            handed = one.told if one.collection else one.given
            click.echo(
                f"{one.name}: for {where}, {one.made} made, {handed} given out, {one.redeemed} used; {one.state}"
                f"{f' ({one.reason})' if one.reason else ''}"
            )
