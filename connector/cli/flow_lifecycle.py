"""``connector flows`` for a shop: what is published, what becomes of it and of those inside."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any, Literal

import click

from connector.audit import CLI
from connector.cli.connected import connected
from connector.db.session import autocommitted
from connector.deps import Deps
from connector.scope import Scope
from connector.settings import Settings
from connector.shopify.domain import shop_domain
from connector.shops import Shop
from flows.core import words
from flows.core.problems import DefinitionError
from flows.definition_files import folders_in, read_folder
from flows.engine import lifecycle
from flows.engine.book import Book
from flows.engine.lifecycle import Inside
from flows.engine.publish import checked
from sync import people

INSIDE = ("finish", "move", "exit")
_of_shop = click.option(
    "--shop", "domain", required=True, metavar="SHOP", callback=lambda _c, _p, value: shop_domain(value)
)
_flow = click.argument("name", metavar="FLOW")
_map = click.option(
    "--map",
    "pairs",
    metavar="OLD=NEW",
    multiple=True,
    callback=lambda _c, _p, values: dict(_pair(one) for one in values),
    help="With --inside move: the step of the new version for those on this one of an earlier version.",
)
_inside = click.option(
    "--inside",
    "inside",
    type=click.Choice(INSIDE),
    help="What becomes of those in an earlier version: they finish it (the default), move on to the new one, or exit.",
)


def _pair(value: str) -> tuple[str, str]:
    old, equals, new = value.partition("=")
    if not (old and equals and new):
        raise click.BadParameter(f"“{value}”: write OLD=NEW, for example wait=pause")
    return old, new


@click.command("list")
@_of_shop
@click.pass_obj
def show_all(settings: Settings, domain: str) -> None:
    """The flows of SHOP: their state, who runs them, the current version, and who is inside."""
    with connected(settings, domain) as (deps, shop), autocommitted(deps.engine) as connection:
        found = lifecycle.flows_of(connection, shop.id)
    for one in found:
        inside = ", ".join(f"{people} in version {version}" for version, people in one.inside.items())
        published = f"version {one.version} of {one.published_at:%Y-%m-%d}"
        click.echo(f"{one.flow}: {one.status}, {one.mode}, {published}; inside: {inside or 'nobody'}")
    if not found:
        click.echo("There are none yet: publish one with `connector flows publish`.")


@click.command()
@_flow
@_of_shop
@click.option("--version", type=int, help="Not the current one but this one.")
@click.pass_obj
def show(settings: Settings, name: str, domain: str, version: int | None) -> None:
    """FLOW in words: what it is for, whom it is for, what it sends when, how it ends, and who answers for it."""
    with connected(settings, domain) as (deps, shop), autocommitted(deps.engine) as connection:
        current = {one.flow: one.version for one in lifecycle.flows_of(connection, shop.id)}
        with _sentences():
            if name not in current:
                raise LookupError(f"there is no flow {name} here")
            flow = Book(connection, shop.id).published(name, version or current[name]).flow
    for line in words.document(flow):
        click.echo(line)


@click.command()
@click.argument("place", metavar="DIR", type=click.Path(exists=True, file_okay=False, path_type=Path))
@_of_shop
@click.option("--draft", is_flag=True, help="Store it without letting anybody in; `resume` begins with it.")
@_inside
@_map
@click.option("--preview", is_flag=True, help="Say what it would mean and change nothing.")
@click.pass_obj
def publish(
    settings: Settings,
    place: Path,
    domain: str,
    draft: bool,
    inside: str | None,
    pairs: dict[str, str],
    preview: bool,
) -> None:
    """Publish the flow in DIR, or each in the folders in DIR: new people enter this version.

    Says who is inside an earlier version and where. A published version never changes; the same files again make no
    new one. Nothing is published when something is wrong.
    """
    with connected(settings, domain) as (deps, shop), _sentences():
        folders = [read_folder(folder, checked) for folder in folders_in(place)]
        if not folders:
            raise click.ClickException(f"There is no flow.yaml in {place.name}, nor in the folders in it.")
        try:
            with deps.open(shop) as scope:
                made = [
                    (folder.flow.flow, lifecycle.publish_folder(scope, folder, by=CLI, draft=draft, beside=folders))
                    for folder in folders
                ]
                for name, version in made:
                    _tell_inside(scope, name, version, inside, pairs)
                if preview:
                    raise _OnlyLooking
        except _OnlyLooking:
            click.echo("Nothing was changed.")
            return
        for name, version in made:
            click.echo(f"{name} of {domain} is published as version {version}.")
            _see_to(deps, shop, name, version, inside, pairs)


class _OnlyLooking(Exception):
    """What was done is undone: it was only to be shown."""


@click.command()
@_flow
@_of_shop
@click.option("--to", type=int, help="The version; without it, the one before the current one.")
@_inside
@_map
@click.pass_obj
def rollback(
    settings: Settings, name: str, domain: str, to: int | None, inside: str | None, pairs: dict[str, str]
) -> None:
    """Publish an earlier version of FLOW once more, as the newest."""
    with connected(settings, domain) as (deps, shop), _sentences():
        with deps.open(shop) as scope:
            wanted = lifecycle.version_before(scope.connection, shop.id, name) if to is None else to
            version = lifecycle.roll_back(scope, name, wanted, by=CLI)
            _tell_inside(scope, name, version, inside, pairs)
        click.echo(f"{name} of {domain} is what version {wanted} was again, as version {version}.")
        _see_to(deps, shop, name, version, inside, pairs)


def _tell_inside(scope: Scope, name: str, version: int, inside: str | None, pairs: dict[str, str]) -> None:
    """Say who is in an earlier version, and refuse a move that would leave some of them behind."""
    earlier = [one for one in lifecycle.inside(scope.connection, scope.shop_id, name) if one.version != version]
    book = Book(scope.connection, scope.shop_id)
    for group in earlier:
        click.echo(f"  {_people(group.people)} in version {group.version}: {_where(book, name, group)}")
    if earlier and inside is None:
        click.echo("  They finish what they are in; --inside move or --inside exit would change that.")
    if inside == "move":
        lost = lifecycle.without_place(scope.connection, scope.shop_id, name, version, pairs)
        for group, why in lost:
            click.echo(f"  {group.step} of version {group.version}: {why}. Add --map {group.step}=STEP.", err=True)
        if lost:
            raise click.ClickException("Not everybody would have a place: nothing was changed.")


def _see_to(deps: Deps, shop: Shop, name: str, version: int, inside: str | None, pairs: dict[str, str]) -> None:
    if inside == "move":
        count = lifecycle.carry_over(deps, shop, name, version, pairs, by=CLI)
        click.echo(f"  {_people(count)} in earlier versions go on in version {version}; the workers see to it.")
    elif inside == "exit":
        count = lifecycle.take_out(deps, shop, name, outcome="new_version", but=[version], by=CLI)
        click.echo(f"  {_people(count)} in earlier versions leave; the workers see to it.")


@click.command()
@_flow
@_of_shop
@click.pass_obj
def pause(settings: Settings, name: str, domain: str) -> None:
    """Let nobody into FLOW and hold what it wants sent. For those inside time goes on; what is held too long is left
    out."""
    _act(settings, domain, partial(lifecycle.pause, flow=name, by=CLI))
    click.echo(f"{name} of {domain} is paused. `connector flows resume` goes on with it.")


@click.command()
@_flow
@_of_shop
@click.pass_obj
def resume(settings: Settings, name: str, domain: str) -> None:
    """Go on with FLOW after a pause, or begin with a draft. What was held leaves now, if it still may."""
    _act(settings, domain, partial(lifecycle.resume, flow=name, by=CLI))
    click.echo(f"{name} of {domain} is active.")


@click.command()
@_flow
@_of_shop
@click.option(
    "--inside",
    type=click.Choice(["finish", "exit"]),
    default="finish",
    show_default=True,
    help="Whether those inside finish it, or leave at once.",
)
@click.pass_obj
def archive(settings: Settings, name: str, domain: str, inside: str) -> None:
    """Let nobody into FLOW any more. Publishing it brings it back."""
    with connected(settings, domain) as (deps, shop), _sentences():
        with deps.open(shop) as scope:
            lifecycle.archive(scope, name, by=CLI)
            left = sum(one.people for one in lifecycle.inside(scope.connection, shop.id, name))
        click.echo(f"{name} of {domain} is archived.")
        if inside == "exit":
            count = lifecycle.take_out(deps, shop, name, outcome="archived", by=CLI)
            click.echo(f"  {_people(count)} leave it; the workers see to it.")
        elif left:
            click.echo(f"  {_people(left)} finish it.")


@click.command()
@_flow
@click.argument("email")
@_of_shop
@click.pass_obj
def remove(settings: Settings, name: str, email: str, domain: str) -> None:
    """Take the person with EMAIL out of FLOW. What has not left by then does not leave."""
    with connected(settings, domain) as (deps, shop), _sentences(), deps.open(shop) as scope:
        person_id = people.person_of(scope, "email", email.strip().lower())
        if person_id is None:
            raise click.ClickException(f"Nobody at {domain} is known by that email.")
        removed = lifecycle.remove(scope, name, person_id, by=CLI)
    click.echo(f"They leave {name}; the workers see to it." if removed else f"They are not in {name}.")


@click.command()
@_flow
@click.argument("choice", metavar="native|brevo", type=click.Choice(["native", "brevo"]))
@_of_shop
@click.pass_obj
def mode(settings: Settings, name: str, choice: Literal["native", "brevo"], domain: str) -> None:
    """Who runs FLOW.

    native: the connector enrols people and sends. brevo: an automation that you have drawn at Brevo does; the
    connector feeds it events and sends nothing of this flow, not to those who are inside it either.
    """
    _act(settings, domain, partial(lifecycle.hand_to, flow=name, mode=choice, by=CLI))
    click.echo(f"{name} of {domain} is run by {'Brevo' if choice == 'brevo' else 'the connector'} from now on.")


def _act(settings: Settings, domain: str, act: Callable[[Scope], Any]) -> None:
    with connected(settings, domain) as (deps, shop), _sentences(), deps.open(shop) as scope:
        act(scope)


@contextmanager
def _sentences() -> Iterator[None]:
    """What is wrong with a flow is told line by line."""
    try:
        yield
    except DefinitionError as error:
        for problem in error.problems:
            click.echo(str(problem), err=True)
        raise click.ClickException("Nothing was changed.") from None
    except LookupError as error:
        raise click.ClickException(f"{error.args[0]}.".capitalize()) from None


def _where(book: Book, name: str, group: Inside) -> str:
    if group.step is None:
        return "an automation at Brevo carries them out"
    return f"{group.step} ({words.steps(book.published(name, group.version).flow)[group.step]})"


def _people(count: int) -> str:
    return "1 person" if count == 1 else f"{count} people"


COMMANDS: Sequence[click.Command] = (show_all, show, publish, rollback, pause, resume, archive, remove, mode)
