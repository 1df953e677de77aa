"""``connector staff``: who may sign in to the admin, as what, and for which shops."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager

import click
from sqlalchemy import Connection

from connector import audit, shops
from connector.admin import accounts, second_factor, sessions
from connector.admin.access import ABOUT, ROLES
from connector.db.session import create_engine, transaction
from connector.errors import InvalidInput
from connector.settings import Settings

_password_stdin = click.option("--password-stdin", is_flag=True, help="Read the password from a line of the input.")


@click.group()
def staff() -> None:
    """Who may sign in to the admin."""


@staff.command(epilog=" ".join(f"{role}: {ABOUT[role]}" for role in ROLES))
@click.argument("email")
@click.option("--role", type=click.Choice(ROLES), required=True, help="What they may do.")
@click.option("--shop", "domains", multiple=True, help="Only this shop; may be repeated (default: every shop).")
@_password_stdin
@click.pass_obj
def add(settings: Settings, email: str, role: str, domains: tuple[str, ...], password_stdin: bool) -> None:
    """Let EMAIL sign in, with a password that is asked for."""
    password = _password(password_stdin)
    with _connected(settings) as connection:
        shop_ids = [_shop_id(connection, domain) for domain in domains] or None
        now = settings.clock.now()
        added = accounts.add(connection, email, password, role, shop_ids, actor=audit.CLI, now=now)
    where = ", ".join(domains) if domains else "every shop"
    click.echo(f"{added.email} may sign in at {settings.public_url}/admin/ as {role} of {where}.")


@staff.command("list")
@click.pass_obj
def list_(settings: Settings) -> None:
    """Show who may sign in."""
    with _connected(settings) as connection:
        found = accounts.listed(connection)
        domains = {shop.id: shop.domain for shop in shops.connected(connection)}
    for one in found:
        seen = "every shop" if one.shop_ids is None else ", ".join(sorted(domains.get(n, str(n)) for n in one.shop_ids))
        factor = "  second factor" if one.second_factor else ""
        click.echo(f"{one.email}  {one.role}  {seen or 'no shop'}{factor}")
    if not found:
        click.echo("Nobody may sign in yet: see `connector staff add`.")


@staff.command()
@click.argument("email")
@click.pass_obj
def remove(settings: Settings, email: str) -> None:
    """Take the access of EMAIL away and end their sessions."""
    with _connected(settings) as connection:
        account = _account(connection, email)
        accounts.remove(connection, account, actor=audit.CLI, now=settings.clock.now())
    click.echo(f"{account.email} may not sign in any more.")


@staff.command()
@click.argument("email")
@_password_stdin
@click.pass_obj
def password(settings: Settings, email: str, password_stdin: bool) -> None:
    """Give EMAIL a new password and end their sessions."""
    with _connected(settings) as connection:
        _account(connection, email)
    new = _password(password_stdin)
    with _connected(settings) as connection:
        account = _account(connection, email)
        accounts.change_password(connection, account, new, actor=audit.CLI, now=settings.clock.now())
    click.echo(f"{account.email} has a new password; their sessions have ended.")


@staff.command("reset-second-factor")
@click.argument("email")
@click.pass_obj
def reset_second_factor(settings: Settings, email: str) -> None:
    """Let EMAIL sign in by the password alone, for who has lost telephone and recovery codes."""
    with _connected(settings) as connection:
        account = _account(connection, email)
        second_factor.drop(connection, account, actor=audit.CLI, now=settings.clock.now())
        sessions.end_all(connection, account)
    click.echo(f"{account.email} signs in by their password alone; their sessions have ended.")


def _password(from_input: bool) -> str:
    if from_input:
        return sys.stdin.readline().rstrip("\r\n")
    return str(click.prompt("Password", hide_input=True, confirmation_prompt=True))


def _account(connection: Connection, email: str) -> accounts.Account:
    found = accounts.find(connection, email)
    if found is None:
        raise InvalidInput(f"{email} is none of the staff: see `connector staff list`.")
    return found


def _shop_id(connection: Connection, domain: str) -> int:
    found = shops.by_domain(connection, domain)
    if found is None:
        raise InvalidInput(f"{domain} is not connected: see `connector shop add`.")
    return found.id


@contextmanager
def _connected(settings: Settings) -> Iterator[Connection]:
    engine = create_engine(settings.database_url, 1)
    try:
        with transaction(engine) as connection:
            yield connection
    finally:
        engine.dispose()
