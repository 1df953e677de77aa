"""``connector signals``: the thresholds of signals."""

from __future__ import annotations

from typing import Any

import click
import orjson

from connector.cli.connected import connected
from connector.cli.given import take
from connector.settings import Settings
from connector.signal_settings import SCHEMAS, chosen
from sync import signal_choice

_of_shop = click.option("--shop", "domain", required=True, help="The shop (name.myshopify.com).")


@click.group()
def signals() -> None:
    """Thresholds of signals: milestones, amounts, consumption cycles, birthdays."""


@signals.command("set")
@_of_shop
@click.argument("file", type=click.File("rb"))
@click.pass_obj
def set_(settings: Settings, domain: str, file: Any) -> None:
    """Take what FILE sets of signals (- reads the input), as JSON; whatever it leaves out has its default.

    For example {"milestone_order": {"orders": [5, 10, 20]}}.
    """
    take(settings, domain, file, signal_choice.choose)


@signals.command()
@_of_shop
@click.pass_obj
def show(settings: Settings, domain: str) -> None:
    """Print what holds for the shop, defaults and all, as JSON."""
    with connected(settings, domain) as (_, shop):
        held = {name: schema().dump(chosen(shop.settings, name)) for name, schema in SCHEMAS.items()}
        click.echo(orjson.dumps(held, option=orjson.OPT_INDENT_2 | orjson.OPT_SORT_KEYS, default=str).decode())
