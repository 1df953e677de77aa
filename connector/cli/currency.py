"""``connector currency``: what the shop's currencies are worth in the one in which Brevo shows amounts."""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal, InvalidOperation
from pathlib import Path

import click

from connector.audit import CLI
from connector.cli.connected import connected
from connector.db.session import autocommitted
from connector.settings import Settings
from sync import currency as rates
from sync.currency import ALWAYS, Rate

_of_shop = click.option("--shop", "domain", required=True, help="The shop (name.myshopify.com).")


@click.group()
def currency() -> None:
    """Rates by which orders and prices are converted into the currency of the Brevo account."""


@currency.command()
@_of_shop
@click.pass_obj
def show(settings: Settings, domain: str) -> None:
    """Print the shop's rates, the newest of a pair first."""
    with connected(settings, domain) as (deps, shop), autocommitted(deps.engine) as connection:
        for one in rates.listed(connection, shop.id):
            since = "always" if one.since == ALWAYS else f"since {one.since:%Y-%m-%d}"
            click.echo(f"1 {one.currency} = {one.rate.normalize():f} {one.counted_in}  {since}")


@currency.command("set")
@_of_shop
@click.argument("of")
@click.argument("counted_in")
@click.argument("rate")
@click.option("--since", type=click.DateTime(["%Y-%m-%d"]), help="The first day of this rate; without it, always.")
@click.pass_obj
def set_(settings: Settings, domain: str, of: str, counted_in: str, rate: str, since: datetime | None) -> None:
    """One unit of OF is RATE units of COUNTED_IN, for example: EUR USD 1.08. It serves both ways."""
    try:
        worth = Decimal(rate)
    except InvalidOperation as error:
        raise click.BadParameter(f"{rate} is no number.") from error
    day: date = since.date() if since else ALWAYS
    with connected(settings, domain) as (deps, shop):
        _say(1, rates.keep(deps, shop, [Rate(of.upper(), counted_in.upper(), day, worth)], by=CLI))


@currency.command("import")
@_of_shop
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--into", required=True, help="The currency in which the rates count, for example EUR.")
@click.pass_obj
def import_(settings: Settings, domain: str, file: Path, into: str) -> None:
    """Take the rates of FILE, with the columns date,currency,rate: what one unit is from that day on."""
    with connected(settings, domain) as (deps, shop):
        found = rates.parsed(file.read_text(encoding="utf-8").splitlines(), into.upper())
        _say(len(found), rates.keep(deps, shop, found, by=CLI) if found else 0)


def _say(count: int, woken: int) -> None:
    click.echo(f"{count} rates are kept." if count != 1 else "The rate is kept.")
    if woken:
        click.echo(f"{woken} records that waited for a rate are told now.")
