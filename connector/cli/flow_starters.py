"""``connector flows starters``: which flows to begin with, in what order, and how far a shop is."""

from __future__ import annotations

from datetime import timedelta

import click

from connector.cli.connected import connected
from connector.cli.environment import settings_here
from connector.db.session import autocommitted
from connector.settings import Settings
from connector.shopify.domain import shop_domain
from flows.core import durations
from flows.core.model import FlowVersion
from flows.definition_files import read_folder
from flows.engine import lifecycle
from flows.starters import STARTERS, Starter, folder, measured

_DAY = timedelta(days=1)


@click.command()
@click.option("--shop", "domain", metavar="SHOP", help="Say which of them this shop has.")
@click.pass_obj
def starters(settings: Settings | None, domain: str | None) -> None:
    """The flows to begin with, in the recommended order.

    Begin with one or two, see for some weeks what they bring, then take the next. Nothing is published here.
    """
    known = _states(settings or settings_here(), shop_domain(domain)) if domain else {}
    click.echo("Begin with one or two, see for some weeks what they bring, then take the next.")
    for number, starter in enumerate(STARTERS, start=1):
        flow = read_folder(folder(starter.flow)).flow
        state = f" [{known.get(starter.flow, 'not published')}]" if domain else ""
        begin = " (one to begin with)" if starter.begin else ""
        click.echo(f"{number}. {flow.name}: {starter.flow}{begin}{state}")
        click.echo(f"   {starter.why}")
        click.echo(f"   {_length(flow)}{_guide(starter)}")
        if starter.flow not in known:
            click.echo(f"   connector flows publish {folder(starter.flow)} --shop {domain or 'SHOP'}")


def _states(settings: Settings, domain: str) -> dict[str, str]:
    with connected(settings, domain) as (deps, shop), autocommitted(deps.engine) as connection:
        return {one.flow: one.status for one in lifecycle.flows_of(connection, shop.id)}


def _length(flow: FlowVersion) -> str:
    its = measured(flow)
    first = "at once" if not its.first else f"after {durations.say(its.first)}"
    over = f" over {(its.span - its.first) / _DAY:.0f} days" if its.emails > 1 else ""
    return f"{its.emails} emails{over}, the first {first}."


def _guide(starter: Starter) -> str:
    guide = starter.guide
    if guide is None:
        return ""
    return f" Recommended are {guide.emails[0]} to {guide.emails[1]} over {guide.days[0]} to {guide.days[1]} days."
