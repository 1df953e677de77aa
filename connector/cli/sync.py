"""``connector sync``: read records again, for one person, one record or a range of time, and arm the past."""

from __future__ import annotations

import sys
from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial
from typing import Any

import click

from connector.audit import CLI
from connector.cli.arming import arm, armings, disarm
from connector.cli.backfill import command as backfill
from connector.cli.connected import connected
from connector.cli.reconcile import reconcile
from connector.clock import pause
from connector.db.session import autocommitted
from connector.deps import Deps
from connector.scope import scoped
from connector.settings import Settings
from connector.shops import Shop
from sync import people, reruns
from sync.reruns import Difference, Record, Run, What

# Machine seconds between two looks at a run.
_LOOK = 0.5
# Exit codes besides 0: something of it has failed or it was stopped; click's own for a wrong call is 2.
_INCOMPLETE = 1

Command = Callable[..., Any]


def _asked(command: Command) -> Command:
    """The options that say what to sync."""
    options = [
        click.option("--shop", "domain", required=True, help="The shop (name.myshopify.com)."),
        click.option("--entity", required=True, type=click.Choice(list(reruns.ENTITIES)), help="What to read again."),
        click.option("--person", help="One person: our id or their email."),
        click.option("--object", "object_", help="One record: the store's id; an order also by its number, #1001."),
        click.option("--from", "since", help="What has changed since then: 2026-11-22 or 2026-11-22T10:00 (UTC)."),
        click.option("--to", "until", help="And until then (default: now)."),
        click.option("--only-brevo", is_flag=True, help="Do not ask the store: tell Brevo again of what is held here."),
    ]
    for option in reversed(options):
        command = option(command)
    return command


_of_shop = click.option("--shop", "domain", required=True, help="The shop (name.myshopify.com).")


@click.group()
def sync() -> None:
    """Read records from the store again and bring Brevo up to date. No message goes out because of it."""


sync.add_command(backfill)
sync.add_command(reconcile)
for _command in (arm, armings, disarm):
    sync.add_command(_command)


@sync.command()
@_asked
@click.option("--most", default=20, show_default=True, type=click.IntRange(1, 100), help="Show so many records.")
@click.pass_obj
def preview(settings: Settings, /, domain: str, most: int, **asked: Any) -> None:
    """Show field by field what a run would change here and at Brevo. Nothing is written."""
    with connected(settings, domain) as (deps, shop):
        found = reruns.preview(deps, shop, _what(deps, shop, **asked), most=most)
    click.echo(f"{'' if found.exact else 'at least '}{found.total} records.")
    for record in found.records:
        _show_record(record)
    if found.more:
        click.echo(f"... and {found.more} more.")
    for problem in found.problems:
        click.echo(f"Note: {problem}")
    click.echo(found.statement)


@sync.command()
@_asked
@click.option("--no-wait", is_flag=True, help="Do not watch it: `connector sync show` tells how far it is.")
@click.pass_obj
def run(settings: Settings, /, domain: str, no_wait: bool, **asked: Any) -> None:
    """Have the workers do it and show how far they are. Ctrl-C ends the watching, not the run."""
    with connected(settings, domain) as (deps, shop):
        what = _what(deps, shop, **asked)
        with deps.open(shop) as scope:
            run_id = reruns.start(scope, what, by=CLI)
        click.echo(f"Run {run_id}: {what.about}. {reruns.STATEMENT}")
        if no_wait:
            return
        ended = _watch(partial(_progress, deps, shop, run_id))
        _show_run(ended)
        _show_failures(deps, shop, run_id)
    if ended.state != "done" or ended.failed:
        sys.exit(_INCOMPLETE)


@sync.command("list")
@_of_shop
@click.option("--limit", default=20, show_default=True, type=click.IntRange(1, 1000), help="The newest so many.")
@click.pass_obj
def list_(settings: Settings, /, domain: str, limit: int) -> None:
    """List the shop's runs, newest first."""
    with connected(settings, domain) as (deps, shop), autocommitted(deps.engine) as connection:
        found = reruns.history(connection, shop.id, limit)
    for one in found:
        _show_run(one)
    if not found:
        click.echo("Nobody has asked for a sync yet.")


@sync.command()
@_of_shop
@click.argument("run_id", metavar="RUN", type=int)
@click.pass_obj
def show(settings: Settings, /, domain: str, run_id: int) -> None:
    """Show one run and what failed in it, with the platform's own answer."""
    with connected(settings, domain) as (deps, shop):
        _show_run(_progress(deps, shop, run_id))
        _show_failures(deps, shop, run_id)


@sync.command()
@_of_shop
@click.argument("run_id", metavar="RUN", type=int)
@click.pass_obj
def stop(settings: Settings, /, domain: str, run_id: int) -> None:
    """Stop a run after the page it is at. What it has applied stays."""
    with connected(settings, domain) as (deps, shop):
        _progress(deps, shop, run_id)
        with deps.open(shop) as scope:
            stopped = reruns.stop(scope, run_id, by=CLI)
    click.echo(f"Run {run_id} stops." if stopped else f"Run {run_id} has ended already.")


@sync.command()
@_of_shop
@click.argument("run_id", metavar="RUN", type=int)
@click.pass_obj
def resume(settings: Settings, /, domain: str, run_id: int) -> None:
    """Go on with a run that was stopped or has failed, at the page where it stood."""
    with connected(settings, domain) as (deps, shop):
        _progress(deps, shop, run_id)
        with deps.open(shop) as scope:
            reruns.resume(scope, run_id, by=CLI)
    click.echo(f"Run {run_id} goes on.")


@sync.command()
@_of_shop
@click.argument("run_id", metavar="RUN", type=int)
@click.argument("record_ids", metavar="[ID]...", nargs=-1, type=int)
@click.pass_obj
def retry(settings: Settings, /, domain: str, run_id: int, record_ids: tuple[int, ...]) -> None:
    """Sync again what failed in RUN, or only the records IDs of it, as a new run."""
    with connected(settings, domain) as (deps, shop), deps.open(shop) as scope:
        again = reruns.retry(scope, run_id, record_ids, by=CLI)
    click.echo(f"Run {again}.")


def _what(
    deps: Deps,
    shop: Shop,
    *,
    entity: str,
    person: str | None,
    object_: str | None,
    since: str | None,
    until: str | None,
    only_brevo: bool,
) -> What:
    return What(
        entity,
        person=None if person is None else _person(deps, shop, person),
        object=object_,
        since=_moment("--from", since),
        until=_moment("--to", until),
        only_brevo=only_brevo,
    )


def _person(deps: Deps, shop: Shop, written: str) -> int:
    if written.isdecimal():
        return int(written)
    with autocommitted(deps.engine) as connection:
        with scoped(connection, shop, deps.clock, deps.settings) as scope:
            found = people.person_of(scope, "email", people.normal_email(written) or "")
    if found is None:
        raise click.ClickException(f"Nobody at {shop.domain} is known by that email.")
    return found


def _moment(option: str, written: str | None) -> datetime | None:
    if written is None:
        return None
    try:
        moment = datetime.fromisoformat(written)
    except ValueError:
        raise click.UsageError(f"{option}: write a time as 2026-11-22 or 2026-11-22T10:00, in UTC.") from None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _progress(deps: Deps, shop: Shop, run_id: int) -> Run:
    try:
        with autocommitted(deps.engine) as connection:
            return reruns.progress(connection, shop.id, run_id)
    except LookupError:
        raise click.ClickException(f"{shop.domain} has no run {run_id}.") from None


def _watch(look: Callable[[], Run]) -> Run:
    """Say how far the run is whenever that has changed; returns it when it has ended."""
    said = ""
    while not (found := look()).ended:
        line = _how_far(found)
        if line != said:
            click.echo(f"  {line}")
        said = line
        pause(_LOOK)
    return found


def _how_far(found: Run) -> str:
    if found.state == "queued":
        return "waits for a worker"
    parts = [f"{found.done} of about {found.total if found.total is not None else '?'} read"]
    parts += [f"{found.untold} still to be told to Brevo"] if found.untold else []
    parts += [f"{found.failed} failed"] if found.failed else []
    parts += [f"waits: {found.reason}"] if found.reason else []
    return ", ".join(parts)


def _show_run(found: Run) -> None:
    when = f"{found.asked_at:%Y-%m-%d %H:%M}"
    click.echo(f"Run {found.id}  {found.state:<8}  {when}  {found.by}  {found.what.about}")
    click.echo(f"  {found.changed} changed, {found.unchanged} unchanged, {found.failed} failed" if found.ended
               else f"  {_how_far(found)}")  # fmt: skip
    if found.ended and found.reason:
        click.echo(f"  {found.reason}")


def _show_failures(deps: Deps, shop: Shop, run_id: int) -> None:
    with autocommitted(deps.engine) as connection:
        for one in reruns.failures(connection, shop.id, run_id):
            click.echo(f"  failed ({one.stage}): {_named(one.record_id)}: {one.reason}")


def _show_record(record: Record) -> None:
    new = " (new)" if record.new else ""
    click.echo(f"{_named(record.id)}{new}, at Brevo: {record.at_brevo}")
    if record.problem:
        click.echo(f"  cannot be synced: {record.problem}")
    if record.untold:
        click.echo(f"  Brevo would not be told: {record.untold}")
    for one in record.differences:
        click.echo(f"  {_said(one, asked=record.at_brevo != 'not asked')}")
    if not (record.differences or record.problem):
        click.echo("  no difference")


def _said(one: Difference, *, asked: bool) -> str:
    """``asked``: whether Brevo was, so that nothing is known not to be there."""
    there = f"{_value(one.brevo)} " if asked else ""
    changes = {
        "here": f"here {_value(one.ours)} -> {_value(one.store)}",
        "brevo": f"at Brevo {there}-> {_value(one.sent)}",
    }
    return f"{one.field}: " + "; ".join(changes[place] for place in one.writes)


def _value(value: object) -> str:
    return "nothing" if value is None else str(value)


def _named(record_id: int) -> str:
    return f"person {-record_id}" if record_id < 0 else str(record_id)
