"""``connector flows arms``: how the arms of a flow's splits, and of the test that it is part of, stand."""

from __future__ import annotations

import click

from connector.cli.connected import connected
from connector.db.session import autocommitted
from connector.settings import Settings
from connector.shopify.domain import shop_domain
from flows.core.experiments import HOLD_OUT
from flows.engine import experiments
from flows.engine.book import Book
from flows.engine.experiments import Comparison
from flows.engine.lifecycle import flows_of


@click.command()
@click.argument("name", metavar="FLOW")
@click.option("--shop", "domain", required=True, metavar="SHOP", callback=lambda _c, _p, value: shop_domain(value))
@click.pass_obj
def arms(settings: Settings, name: str, domain: str) -> None:
    """Compare the arms of FLOW's splits, and the flows of its test: people written to, and those who reached the goal.

    No winner is shown while an arm has fewer than 1,000 people or chance may have made the difference.
    """
    with connected(settings, domain) as (deps, shop), autocommitted(deps.engine) as connection:
        version = {one.flow: one.version for one in flows_of(connection, shop.id)}.get(name)
        if version is None:
            raise click.ClickException(f"There is no flow {name} here.")
        flow = Book(connection, shop.id).published(name, version).flow
        found = experiments.of_splits(connection, shop.id, flow)
        if flow.test is not None:
            found.append(experiments.of_test(connection, shop.id, flow.test))
    if not found:
        click.echo(f"{name} compares nothing: it has no split and is part of no test.")
    for comparison in found:
        _tell(comparison)


def _tell(comparison: Comparison) -> None:
    click.echo(f"{comparison.name}:")
    for arm, one in comparison.standings.items():
        of = "" if arm == HOLD_OUT else f", {one.rate:.1%}"
        click.echo(f"  {arm}: {one.recipients:,} people, {one.reached:,} reached the goal{of}")
    click.echo(f"  {comparison.outcome.why}")
