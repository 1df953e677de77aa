"""``connector flows preview``: a message of a flow's files as somebody would get it."""

from __future__ import annotations

from pathlib import Path

import click

from connector.cli.connected import connected
from connector.cli.environment import settings_here
from connector.settings import Settings
from connector.shopify.domain import shop_domain
from flows.content import variants
from flows.content.context import bare, example
from flows.content.preview import page, told
from flows.content.problems import ContentProblem
from flows.content.proof import Proof, proof
from flows.content.readers import reader_of
from flows.content.source import parse
from flows.core.problems import DefinitionError
from flows.definition_files import FLOW_FILE, FlowFolder, read_folder
from flows.engine.preview import look_at


@click.command()
@click.argument(
    "place", metavar="DIR", type=click.Path(exists=True, file_okay=False, path_type=Path, resolve_path=True)
)
@click.argument("message", metavar="MESSAGE")
@click.option("--shop", "domain", metavar="SHOP", help="With the settings of SHOP; without it, of an invented shop.")
@click.option("--person", type=int, metavar="ID", help="Whose facts to fill in, of SHOP; without it, invented ones.")
@click.option("--unknown", is_flag=True, help="For somebody invented of whom little is known: no name, no points.")
@click.option("--locale", metavar="LOCALE", help="As if this were their language: de, pt-br.")
@click.option("--out", type=click.Path(dir_okay=False, path_type=Path), help="Write the page to look at here.")
@click.pass_obj
def preview(
    settings: Settings | None,
    place: Path,
    message: str,
    domain: str | None,
    person: int | None,
    unknown: bool,
    locale: str | None,
    out: Path | None,
) -> None:
    """The message MESSAGE of the flow in DIR as somebody would get it; MESSAGE may name a variant: hello.de.

    It is shown as text; with --out it is a page for a browser besides, where an email stands on a desk and on a phone,
    by day and by night. Without a shop no database is needed.
    """
    if domain is None and person is not None:
        raise click.UsageError("Whose person is that? Name the shop with --shop.")
    if domain is not None and unknown:
        raise click.UsageError("Say --unknown without a shop, or name somebody of it with --person.")
    folder = _folder(place, message)
    written = {name: parse(f"{folder.flow.flow}/{name}", text) for name, text in folder.texts.items()}
    try:
        if domain is None:
            source = written[variants.chosen(written, message, [locale], ()) if locale else message]
            known = bare() if unknown else example()
            found = proof(source, reader_of(source, locale, known, folder.flow))
        else:
            with connected(settings or settings_here(), shop_domain(domain)) as (deps, shop), deps.open(shop) as scope:
                found = look_at(scope, written, message, person, locale)
    except ContentProblem as problem:
        raise click.ClickException(f"It would not be sent. {problem}") from None
    show(found, out)


def show(found: Proof, out: Path | None) -> None:
    """Say how the message reads; write its page to `out`."""
    for name, said in told(found):
        click.echo(f"{name}: {said}")
    click.echo(f"\n{found.title}\n{found.text}" if found.channel == "push" else f"\n{found.text}".rstrip())
    if out is not None:
        out.write_text(page(found), encoding="utf-8")
        click.echo(f"\nWritten to {out}.")


def _folder(place: Path, message: str) -> FlowFolder:
    """The flow, of which this is a message or a variant of one."""
    if not (place / FLOW_FILE).is_file():
        raise click.ClickException(f"There is no {FLOW_FILE} in {place.name}.")
    try:
        folder = read_folder(place)
    except DefinitionError as error:
        raise click.ClickException("\n".join(map(str, error.problems))) from None
    except UnicodeDecodeError:
        raise click.ClickException(f"{place.name}: a file is no UTF-8 text. Save it as UTF-8.") from None
    if message not in folder.texts:
        known = ", ".join(folder.texts) or "none"
        raise click.ClickException(f"{folder.flow.flow} has no message {message}. It has: {known}.")
    return folder
