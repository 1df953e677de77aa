"""``connector person``: what is known of one person, why they did or did not get a message, and when they may."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from zoneinfo import ZoneInfo

import click
from sqlalchemy import Connection, RowMapping, select

from connector import quiet_hours, shops, whereabouts
from connector.db.session import create_engine, transaction
from connector.models.person import persons
from connector.scope import scoped
from connector.settings import Settings
from connector.shops import Shop
from flows.channels import CHANNELS
from flows.core.hours import next_open, open_until
from flows.engine import story
from sync import people


@click.command()
@click.argument("shop_domain", metavar="SHOP")
@click.argument("email")
@click.option("--hours", is_flag=True, help="Tell instead in which hours marketing may reach them, and why.")
@click.pass_obj
def person(settings: Settings, shop_domain: str, email: str, hours: bool) -> None:
    """Tell the story of EMAIL at SHOP: what came in, what was decided and why, what was sent."""
    engine = create_engine(settings.database_url, 1)
    try:
        with transaction(engine) as connection:
            for line in _told(connection, settings, shop_domain, email, hours):
                click.echo(line)
    finally:
        engine.dispose()


def _told(connection: Connection, settings: Settings, shop_domain: str, email: str, hours: bool) -> list[str]:
    shop = shops.by_domain(connection, shop_domain)
    if shop is None:
        raise click.ClickException(f"{shop_domain} is not connected: see `connector shop add`.")
    with scoped(connection, shop, settings.clock, settings) as scope:
        person_id = people.person_of(scope, "email", email.strip().lower())
    if person_id is None:
        raise click.ClickException(f"Nobody at {shop_domain} is known by that email.")
    if hours:
        query = select(persons).where(persons.c.shop_id == shop.id, persons.c.id == person_id)
        return list(_hours(connection.execute(query).mappings().one(), shop, settings.clock.now()))
    return [
        f"{line.at:%Y-%m-%d %H:%M}  {line.kind:<8}  {line.text}" for line in story.tell(connection, shop.id, person_id)
    ]


def _hours(row: RowMapping, shop: Shop, now: datetime) -> Iterator[str]:
    home = ZoneInfo(whereabouts.home(row, shop.timezone))
    for channel in CHANNELS:
        quiet = quiet_hours.of_person(row, channel, shop.settings, shop.timezone, now)
        if quiet is None:
            yield f"{channel:<9} at any hour"
            continue
        begins = next_open(now, quiet)
        if begins is None:
            yield f"{channel:<9} never: their zones share no hour"
        else:
            first, last = begins.astimezone(home), open_until(begins, quiet).astimezone(home)
            yield f"{channel:<9} from {first:%Y-%m-%d %H:%M} to {last:%Y-%m-%d %H:%M} ({home.key})"
        yield f"          in {quiet.why['zones']}, by {quiet.why['told_by']}"
        yield f"          {quiet.why['rules']}"
