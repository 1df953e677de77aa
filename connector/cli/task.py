"""``connector task``: what staff have to do."""

from __future__ import annotations

import click

from connector import audit
from connector.cli.connected import connected
from connector.db.session import autocommitted
from connector.scope import Scope
from connector.settings import Settings
from connector.shopify.domain import shop_domain
from flows.engine import tasks

_of_shop = click.option(
    "--shop", "domain", required=True, metavar="SHOP", callback=lambda _c, _p, value: shop_domain(value)
)
_task = click.argument("task_id", metavar="TASK", type=int)


@click.group()
def task() -> None:
    """What flows, and the calendar, have given staff to do."""


@task.command("list")
@_of_shop
@click.option("--all", "every", is_flag=True, help="Also what is done or dropped.")
@click.option("--for", "assignee", metavar="EMAIL", help="Only theirs, and what is everybody's.")
@click.pass_obj
def list_(settings: Settings, domain: str, every: bool, assignee: str | None) -> None:
    """The tasks of SHOP that are open, what is due first at the top."""
    with connected(settings, domain) as (deps, shop), autocommitted(deps.engine) as connection:
        state = None if every else "open"
        found = tasks.listed(connection, shop.id, deps.clock.now(), state=state, assignee=assignee)
    for one in found:
        due = f", due {one.due_at:%Y-%m-%d %H:%M}" if one.due_at else ""
        late = " (late)" if one.late else ""
        closed = f", {one.state} {one.closed_at:%Y-%m-%d %H:%M} by {one.closed_by}" if one.closed_at else ""
        click.echo(f"{one.id}: {one.title}")
        about = "" if one.review else f"; about {one.email or 'nobody known'}"
        click.echo(f"  {one.assignee or 'for everybody'}{due}{late}{closed}{about}")
        click.echo(f"  from {one.flow or 'the calendar'}, {one.made_at:%Y-%m-%d %H:%M}")
        for line in one.details.splitlines():
            click.echo(f"  | {line}")
    if not found:
        click.echo("There is nothing to do.")


@task.command()
@_task
@_of_shop
@click.option("--dropped", is_flag=True, help="It will not be done.")
@click.pass_obj
def done(settings: Settings, task_id: int, domain: str, dropped: bool) -> None:
    """TASK is done. A flow that waits for it goes on."""
    outcome: tasks.Outcome = "dropped" if dropped else "done"
    with connected(settings, domain) as (deps, shop), deps.open(shop) as scope:
        tasks.close(scope, task_id, outcome, by=audit.CLI)
        _note(scope, outcome, task_id)
    click.echo(f"Task {task_id} is {outcome}.")


@task.command()
@_task
@click.argument("email", required=False)
@_of_shop
@click.pass_obj
def assign(settings: Settings, task_id: int, email: str | None, domain: str) -> None:
    """Give TASK to the member of staff with EMAIL; without one, to everybody."""
    with connected(settings, domain) as (deps, shop), deps.open(shop) as scope:
        tasks.assign(scope, task_id, email)
        _note(scope, "assign", task_id)
    click.echo(f"Task {task_id} is {f'for {email.lower()}' if email else 'for everybody'}.")


def _note(scope: Scope, act: str, task_id: int) -> None:
    audit.note(scope, actor=audit.CLI, act=f"task.{act}", object_kind="task", object_id=task_id)
