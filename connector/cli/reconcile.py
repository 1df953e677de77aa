"""``connector sync reconcile``: find what no delivery told, close it, and say what it came to."""

from __future__ import annotations

import json
import sys

import click

from connector.audit import CLI
from connector.cli.connected import connected
from connector.clock import pause
from connector.db.session import autocommitted
from connector.deps import Deps
from connector.settings import Settings
from connector.shops import Shop
from sync import reconcile as reconciliation
from sync.reconcile import Report

# Machine seconds between two looks at the report.
_LOOK = 0.5
# Exit code besides 0: something could not be looked at or not be repaired; click's own for a wrong call is 2.
_INCOMPLETE = 1


@click.command()
@click.option("--shop", "domain", required=True, help="The shop (name.myshopify.com).")
@click.option("--json", "as_json", is_flag=True, help="Say it as JSON.")
@click.option("--no-wait", is_flag=True, help="Do not wait for the end: `--last` tells it.")
@click.option("--last", is_flag=True, help="Ask for nothing, and say what the newest report came to.")
@click.pass_obj
def reconcile(settings: Settings, /, domain: str, as_json: bool, no_wait: bool, last: bool) -> None:
    """Have the workers compare everything with the store, bring in what is missing, and say what was missed.

    What happened lately goes through the same flows as always, with its own deadlines; what happened before the shop
    was connected starts nothing. Ctrl-C ends the waiting, not the work.
    """
    with connected(settings, domain) as (deps, shop):
        if last:
            report = _last(deps, shop)
        else:
            with deps.open(shop) as scope:
                report_id = reconciliation.ask(scope, by=CLI)
            report = _read(deps, shop, report_id)
            while report.state == "open" and not no_wait:
                pause(_LOOK)
                report = _read(deps, shop, report_id)
        with autocommitted(deps.engine) as connection:
            before = reconciliation.earlier(connection, shop.id, report)
    _say(report, before, shop, as_json=as_json)
    if report.state == "failed":
        sys.exit(_INCOMPLETE)


def _read(deps: Deps, shop: Shop, report_id: int) -> Report:
    with autocommitted(deps.engine) as connection:
        return reconciliation.read(connection, shop.id, report_id)


def _last(deps: Deps, shop: Shop) -> Report:
    with autocommitted(deps.engine) as connection:
        found = reconciliation.history(connection, shop.id, 1)
    if not found:
        raise click.ClickException(f"Nothing was missed at {shop.domain} yet, and nobody has asked.")
    return found[0]


def _say(report: Report, before: list[Report], shop: Shop, *, as_json: bool) -> None:
    if as_json:
        said = report.to_json(shop.timezone) | {"earlier": [one.to_json(shop.timezone) for one in before]}
        click.echo(json.dumps(said, indent=2, ensure_ascii=False))
        return
    for one in (report, *before):
        click.echo(f"Report {one.id}  {one.state}  {one.began_at:%Y-%m-%d %H:%M}  {one.by}")
        for sentence in one.words(shop.timezone):
            click.echo(f"  {sentence}")
