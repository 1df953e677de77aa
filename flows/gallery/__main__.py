"""``python -m flows.gallery``: writes the gallery of the library, or of other flows."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.resources import files
from pathlib import Path

import click

from connector.clock import monotonic
from flows.core.problems import DefinitionError
from flows.gallery import page
from flows.gallery.chromium import NoBrowser, camera
from flows.gallery.exhibits import Exhibit, Room, rooms
from flows.gallery.files import INDEX, emails, kept, missing, photograph, sweep

GALLERY = Path("docs/gallery")
_FOLDER = click.Path(exists=True, file_okay=False, path_type=Path)


@click.command()
@click.argument("place", metavar="[DIR]", required=False, type=_FOLDER)
@click.option("--to", type=click.Path(file_okay=False, path_type=Path), help="Where to; without it docs/gallery.")
@click.option("--flow", "only", multiple=True, help="Only this flow; may be said several times.")
@click.option("--no-pictures", is_flag=True, help="Only the page; no browser is needed.")
def main(place: Path | None, to: Path | None, only: Sequence[str], no_pictures: bool) -> None:
    """Write every message of the flows in DIR (the library) as an invented person would get it, with an index page.

    Pictures of emails that have not changed are left as they are. Exit status 1 when a message cannot be written.
    """
    began = monotonic()
    if to is None and (place is not None or only):
        raise click.UsageError("Say with --to where: docs/gallery is that of the whole library.")
    to = to or GALLERY
    try:
        found = rooms(place or Path(str(files("flows") / "library")), only)
        taken = 0 if no_pictures else _photographs(to, emails(found), whole=not only)
    except DefinitionError as error:
        raise click.ClickException("\n".join(map(str, error.problems))) from None
    except NoBrowser as error:
        raise click.ClickException(str(error)) from None
    to.mkdir(parents=True, exist_ok=True)
    (to / INDEX).write_text(page.index(found, pictures=not no_pictures), encoding="utf-8")
    messages = sum(len(room.exhibits) for room in found)
    click.echo(f"{len(found)} flows, {messages} messages, {taken} emails photographed, {monotonic() - began:.0f} s.")
    click.echo(f"{to / INDEX}: {kept(to) / 1e6:.1f} MB to keep.")
    _refuse(found)


def _photographs(to: Path, shown: Sequence[Exhibit], *, whole: bool) -> int:
    """How many emails were photographed."""
    if whole and (stale := sweep(to, shown)):
        click.echo(f"{stale} pictures of earlier emails removed.")
    wanted = missing(to, shown)
    if wanted:
        with camera() as taking:
            for number, exhibit in enumerate(wanted, start=1):
                photograph(to, exhibit, taking)
                if not number % 25:
                    click.echo(f"{number} of {len(wanted)} emails")
    return len(wanted)


def _refuse(found: Sequence[Room]) -> None:
    refusals = [one.refusal for room in found for one in room.exhibits if one.refusal]
    if refusals:
        raise click.ClickException("Not every message can be written:\n" + "\n".join(refusals))


if __name__ == "__main__":
    main()
