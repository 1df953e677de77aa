"""``connector loyalty``: where loyalty data come from, and bringing them in from a file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from connector.audit import CLI
from connector.cli.connected import connected
from connector.cli.given import take
from connector.settings import Settings
from sync.loyalty import choosing, importing

_of_shop = click.option("--shop", "domain", required=True, help="The shop (name.myshopify.com).")


@click.group()
def loyalty() -> None:
    """Points, tiers and rewards of customers."""


@loyalty.command("set")
@_of_shop
@click.argument("file", type=click.File("rb"))
@click.pass_obj
def set_(settings: Settings, domain: str, file: Any) -> None:
    """Take the source of loyalty data that FILE names (- reads the input), as JSON; null ends it.

    For example {"source": "metafields", "tiers": [{"name": "Silver", "points": 0}, {"name": "Gold", "points": 500}]}.
    """
    take(settings, domain, file, choosing.choose)


@loyalty.command("import")
@_of_shop
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--news", is_flag=True, help="What changes starts flows; without it, nothing is started.")
@click.pass_obj
def import_(settings: Settings, domain: str, file: Path, news: bool) -> None:
    """Take where people stand from FILE, a CSV whose first line names its columns.

    One or more of customer_id, external_id, email, phone; one or more of points, tier, reward, expires_at; and at, when
    it was so. An empty cell says nothing. Lines that cannot be taken are told by number, and the others are taken.
    """
    taken = left = 0
    with connected(settings, domain) as (deps, shop), file.open("rb") as table:
        for one in importing.bring(deps, shop, table, by=CLI, news=news):
            if isinstance(one, int):
                taken += one
            else:
                left += 1
                click.echo(f"line {one.line}: {one.why}", err=True)
    click.echo(f"{taken} lines are taken, {left} are not.")
    if left:
        raise click.exceptions.Exit(1)
