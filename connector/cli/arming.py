"""``connector sync arm``: clocks of signals for people who were there before."""

from __future__ import annotations

import dataclasses
from typing import Any

import click
import orjson

from connector.audit import CLI
from connector.cli.connected import connected
from connector.db.session import autocommitted
from connector.settings import Settings
from flows.engine import arming
from flows.engine.arming import Arming, Choice, Preview

# Days that are listed one by one.
_DAYS = 14
_of_shop = click.option("--shop", "domain", required=True, help="The shop (name.myshopify.com).")
_as_json = click.option("--json", "as_json", is_flag=True, help="Print it as JSON.")


@click.command()
@_of_shop
@click.option("--signal", required=True, type=click.Choice(list(arming.ARMABLE)), help="What the clock tells.")
@click.option("--preview", "only_preview", is_flag=True, help="Count, by day, and write nothing.")
@click.option("--daily", type=int, help="Of those whose moment has passed so many a day; without it they are left out.")
@click.option("--longest", "longest_days", type=int, help="Leave out who is late by more than so many days.")
@_as_json
@click.pass_obj
def arm(
    settings: Settings,
    /,
    domain: str,
    signal: str,
    only_preview: bool,
    daily: int | None,
    longest_days: int | None,
    as_json: bool,
) -> None:
    """Arm the clocks of people who were there before a flow was activated. Doing it twice arms nobody twice.

    Who is due in the future is told at their own moment. Whose moment has passed is left out, or has a place in the
    daily ration from tomorrow on. The workers do it: `connector sync armings` tells how far they are.
    """
    choice = Choice(signal, daily, longest_days)
    with connected(settings, domain) as (deps, shop):
        with autocommitted(deps.engine) as connection:
            found = arming.preview(connection, shop, choice, deps.clock.now())
        number = None
        if not only_preview:
            with deps.open(shop) as scope:
                number = arming.start(scope, choice, by=CLI)
    if as_json:
        _print({"arming": number, "preview": found})
        return
    _show_preview(found)
    if number is not None:
        click.echo(f"Arming {number} is under way. `connector sync disarm --shop {domain} {number}` takes it back.")


@click.command()
@_of_shop
@click.option("--limit", default=20, show_default=True, type=click.IntRange(1, 1000), help="The newest so many.")
@_as_json
@click.pass_obj
def armings(settings: Settings, /, domain: str, limit: int, as_json: bool) -> None:
    """List what was armed for people who were there before, newest first."""
    with connected(settings, domain) as (deps, shop), autocommitted(deps.engine) as connection:
        found = arming.history(connection, shop.id, limit)
    if as_json:
        _print(found)
        return
    for one in found:
        _show(one)
    if not found:
        click.echo("Nothing was armed yet.")


@click.command()
@_of_shop
@click.argument("number", metavar="ARMING", type=int)
@click.pass_obj
def disarm(settings: Settings, /, domain: str, number: int) -> None:
    """Take back every clock of ARMING that has not rung. Who was told already stays in their flow."""
    with connected(settings, domain) as (deps, shop), deps.open(shop) as scope:
        try:
            arming.progress(scope.connection, shop.id, number)
        except LookupError:
            raise click.ClickException(f"{domain} has no arming {number}.") from None
        stopped = arming.stop(scope, number, by=CLI)
    click.echo(f"Arming {number} is taken back." if stopped else f"Arming {number} was taken back already.")


def _show_preview(found: Preview) -> None:
    flows = ", ".join(found.flows) or "no flow; Brevo is told" if found.heard else "nobody: activate a flow first"
    click.echo(f"{found.choice.signal}: {found.total} clocks, heard by {flows}.")
    click.echo(f"  {found.in_time} at their own moment, {found.late} late ones by the ration")
    click.echo(f"  {found.agreed} of the people agreed to newsletters by email")
    click.echo(f"  left alone: {found.running} run already, {found.told} were told, {found.left_out} come too late")
    if found.moved:
        click.echo(f"  {found.moved} run already and are moved to what the flows ask for now")
    for one in found.days[:_DAYS]:
        click.echo(f"  {one.day}  {one.in_time + one.late:>7}  ({one.late} of the ration)")
    if len(found.days) > _DAYS:
        rest = sum(one.in_time + one.late for one in found.days[_DAYS:])
        click.echo(f"  later, until {found.days[-1].day}: {rest}")


def _show(one: Arming) -> None:
    ration = f"{one.choice.daily} a day" if one.choice.daily else "without those whose moment has passed"
    click.echo(
        f"Arming {one.id}  {one.state:<8}  {one.asked_at:%Y-%m-%d %H:%M}  {one.by}  {one.choice.signal}, {ration}"
    )
    click.echo(
        f"  {one.in_time} at their own moment, {one.late} late; {one.waiting} still wait, {one.taken_back} taken back"
    )


def _print(found: Any) -> None:
    click.echo(orjson.dumps(found, default=_plain, option=orjson.OPT_INDENT_2).decode())


def _plain(value: Any) -> Any:
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return dataclasses.asdict(value)
    raise TypeError
