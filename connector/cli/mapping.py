"""``connector mapping``: what of the store becomes which attribute and which event at Brevo."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import NoReturn

import click
import orjson

from connector import counts
from connector.audit import CLI
from connector.cli.connected import connected
from connector.db.session import autocommitted
from connector.event_mapping import defaults as shipped_events
from connector.settings import Settings
from sync import mapping_edits, mapping_preview
from sync.mapping import document
from sync.mapping.contact import defaults as shipped_attributes
from sync.mapping.problems import WrongMapping
from sync.mapping_edits import Accepted, Meaning
from sync.mapping_preview import Event, Left, Preview, Request

_of_shop = click.option("--shop", "domain", required=True, help="The shop (name.myshopify.com).")


@click.group()
def mapping() -> None:
    """Which attributes and events Brevo is told of a shop's people. See docs/mapping.md."""


@mapping.command()
@_of_shop
@click.option("--all", "everything", is_flag=True, help="All that is in force, with what is shipped.")
@click.option("--history", is_flag=True, help="Who changed it and when.")
@click.pass_obj
def show(settings: Settings, domain: str, everything: bool, history: bool) -> None:
    """Print the shop's document, which `connector mapping set` takes back."""
    with connected(settings, domain) as (deps, shop), autocommitted(deps.engine) as connection:
        if history:
            for edit in mapping_edits.history(connection, shop.id):
                click.echo(f"{edit.made_at:%Y-%m-%d %H:%M}  {edit.made_by}  edit {edit.id}")
            return
        text = mapping_edits.current(connection, shop)
    if everything:
        own = document.of_settings(shop.settings)
        entries = ({**shipped_attributes(), **own.attributes}, {**shipped_events(), **own.events})
        in_force = ({name: entry for name, entry in part.items() if entry is not None} for part in entries)
        text = document.written(document.Mapped(*in_force))
    click.echo(text, nl=False)


@mapping.command()
@_of_shop
@click.argument("file", required=False, type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.pass_obj
def check(settings: Settings, domain: str, file: Path | None) -> None:
    """Say what is wrong with the document FILE (without one: with what is in force) and what taking it would mean."""
    with connected(settings, domain) as (deps, shop), autocommitted(deps.engine) as connection:
        try:
            text = file.read_text(encoding="utf-8") if file else mapping_edits.current(connection, shop)
            meant = mapping_edits.meaning(connection, shop, text)
        except WrongMapping as error:
            _refuse(error)
    click.echo("Nothing is wrong with it.")
    _show_meaning(meant)


@mapping.command("set")
@_of_shop
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--yes", is_flag=True, help="Do not ask before contacts are told again.")
@click.pass_obj
def set_(settings: Settings, domain: str, file: Path, yes: bool) -> None:
    """Take the document FILE. Contacts that look different by it are told again, in bulk."""
    _take(settings, domain, file.read_text(encoding="utf-8"), yes)


@mapping.command()
@_of_shop
@click.option("--yes", is_flag=True, help="Do not ask before contacts are told again.")
@click.pass_obj
def reset(settings: Settings, domain: str, yes: bool) -> None:
    """Go back to the shipped mapping."""
    _take(settings, domain, document.EMPTY, yes)


@mapping.command()
@_of_shop
@click.option("--customer", type=int, help="A customer, by the store's id.")
@click.option("--email", help="A person, by an address.")
@click.option("--person", type=int, help="A person, by our id.")
@click.option("--file", type=click.Path(exists=True, dir_okay=False, path_type=Path), help="By this document instead.")
@click.option("--offline", is_flag=True, help="Do not ask Brevo which attributes it has.")
@click.option("--json", "as_json", is_flag=True, help="As JSON.")
@click.pass_obj
def preview(
    settings: Settings,
    domain: str,
    customer: int | None,
    email: str | None,
    person: int | None,
    file: Path | None,
    offline: bool,
    as_json: bool,
) -> None:
    """Print what Brevo would be told of one person, and what not and why. Nothing is sent or written."""
    if sum(one is not None for one in (customer, email, person)) != 1:
        raise click.UsageError("Name one person: --customer, --email or --person.")
    with connected(settings, domain) as (deps, shop):
        try:
            if file is not None:
                shop = mapping_edits.with_document(shop, file.read_text(encoding="utf-8"))
            with autocommitted(deps.engine) as connection:
                found = person or mapping_preview.find(connection, shop, customer_id=customer, email=email)
            seen = mapping_preview.preview(deps, shop, found, offline=offline)
        except WrongMapping as error:
            _refuse(error)
    if as_json:
        click.echo(orjson.dumps(asdict(seen), option=orjson.OPT_INDENT_2))
    else:
        _show_preview(seen)


def _take(settings: Settings, domain: str, text: str, yes: bool) -> None:
    with connected(settings, domain) as (deps, shop):
        try:
            with autocommitted(deps.engine) as connection:
                meant = mapping_edits.meaning(connection, shop, text)
            _show_meaning(meant)
            if meant.contacts and not yes:
                click.confirm(f"Tell Brevo of {counts.said(meant.contacts)} contacts again?", abort=True)
            accepted: Accepted = mapping_edits.accept(deps, shop, text, by=CLI)
        except WrongMapping as error:
            _refuse(error)
    for note in accepted.notes:
        click.echo(note)
    click.echo("Taken.")


def _refuse(error: WrongMapping) -> NoReturn:
    for problem in error.problems:
        click.echo(str(problem), err=True)
    sys.exit(1)


def _show_meaning(meant: Meaning) -> None:
    for what, names in (("Attributes", meant.attributes), ("Events", meant.events)):
        if names:
            click.echo(f"{what} that change: {', '.join(names)}.")
    if meant.unread:
        click.echo(f"To be read from the store, of every customer: {', '.join(meant.unread)}.")
    if meant.nothing:
        click.echo("It changes nothing.")
    elif meant.contacts:
        click.echo(f"{counts.said(meant.contacts).capitalize()} contacts would be told again.")


def _show_preview(seen: Preview) -> None:
    if seen.request is None:
        click.echo(f"No contact is sent: {seen.nothing}.")
    else:
        _show_request(seen.request)
    _show_left("Not in it", seen.left_out)
    _show_left("Brevo would drop", seen.ignored)
    for event in seen.events:
        _show_event(event)
    for note in seen.notes:
        click.echo(f"Note: {note}")


def _show_event(event: Event) -> None:
    click.echo(f"\n{event.name}, {'as it last happened' if event.real else 'an example'}:")
    _show_request(event.request)
    _show_left("Not in it", event.dropped)


def _show_request(request: Request) -> None:
    click.echo(f"{request.method} {request.path}")
    click.echo(orjson.dumps(request.body, option=orjson.OPT_INDENT_2))


def _show_left(head: str, left: Sequence[Left]) -> None:
    if left:
        click.echo(f"{head}:")
    for one in left:
        click.echo(f"  {one.name}: {one.reason}")
