"""``connector flows validate`` and ``format``: flow files, before anything is published. No database is asked."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches
from importlib.resources import files
from pathlib import Path

import click

from flows.advice import advice
from flows.core.model import FlowVersion
from flows.core.moves import targets
from flows.core.problems import DefinitionError, Problem
from flows.definition_files import (
    FLOW_FILE,
    FlowFolder,
    beside_one_another,
    folders_in,
    format_text,
    read_folder,
    remarks,
)
from flows.engine.publish import checked, library

_KEEP = "Move it into note, or say --drop-remarks"
_of_files = click.argument(
    "place", metavar="DIR", type=click.Path(exists=True, file_okay=False, path_type=Path, resolve_path=True)
)


@click.command()
@_of_files
def validate(place: Path) -> None:
    """Say what is wrong with the flow in DIR, or with each flow in the folders in DIR.

    Every problem has its file and line; exit status 1 when there is one. What is allowed and probably not meant is
    advice, which stops nothing. A flow of another folder beside DIR, or one that ships, may be named by move_to and
    enter.
    """
    folders = _folders(place)
    read, found = _read(folders)
    # Of the flows beside it only their ways into others matter.
    beside, _ = _read(folder for folder in folders_in(place.parent) if folder not in folders and folder != place)
    others = {folder.flow.flow: folder.flow for folder in [*_shipped([*read, *beside]), *beside]}
    found += beside_one_another(read, others)
    for problem in sorted(found, key=lambda problem: (problem.file, problem.line)):
        click.echo(str(problem))
    if found:
        wrong = len({problem.file.partition("/")[0] for problem in found})
        raise click.ClickException(f"{_count(len(found), 'problem')} in {wrong} of {_count(len(folders), 'flow')}.")
    for folder in read:
        click.echo(_said(folder.flow))
        for said in advice(folder):
            click.echo(f"  Advice: {said}")


def _shipped(given: Iterable[FlowFolder]) -> list[FlowFolder]:
    """The flows of the library that these put people into, with those that they lead to in their turn. For a name that
    nobody has, the one that may have been meant."""
    found: dict[str, FlowFolder] = {}
    ships, wanted = set(library()), {target for folder in given for target in targets(folder.flow)}
    wanted |= {near for target in wanted - ships for near in get_close_matches(target, ships, 1)}
    while missing := sorted((wanted & ships) - found.keys()):
        read, _ = _read(Path(str(files("flows.library") / name)) for name in missing)
        # One that cannot be read is not looked for again.
        ships -= set(missing)
        found |= {folder.flow.flow: folder for folder in read}
        wanted |= {target for folder in read for target in targets(folder.flow)}
    return list(found.values())


@click.command("format")
@_of_files
@click.option("--check", is_flag=True, help="Change nothing; exit status 1 when a file is not in canonical form.")
@click.option("--drop-remarks", is_flag=True, help="Also where remarks written with # are lost by it.")
def format_(place: Path, check: bool, drop_remarks: bool) -> None:
    """Write the flow file in DIR, or those in the folders in DIR, in canonical form: entries in one order, one layout.

    What a flow means stays, and a file in canonical form stays as it is. Messages are not touched. A file with remarks
    written with # is left alone, because they would be lost: they belong into note.
    """
    changed: list[str] = []
    found: list[Problem] = []
    for folder in _folders(place):
        path, file = folder / FLOW_FILE, f"{folder.name}/{FLOW_FILE}"
        try:
            text = path.read_text(encoding="utf-8")
            wanted = format_text(text, file)
            lost = [] if drop_remarks or text == wanted else remarks(text)
        except DefinitionError as error:
            found += error.problems
            continue
        except UnicodeDecodeError:
            found.append(_unreadable(file))
            continue
        found += [Problem(file, line, "This remark would be lost", _KEEP) for line in lost]
        if text != wanted and not lost:
            changed.append(file)
            if not check:
                path.write_text(wanted, encoding="utf-8")
    for problem in found:
        click.echo(str(problem))
    for file in changed:
        click.echo(f"{file} is not in canonical form." if check else f"{file} is in canonical form now.")
    if found or (check and changed):
        raise click.ClickException("Not everything is in canonical form.")
    if not changed:
        click.echo("Everything is in canonical form.")


def _folders(place: Path) -> list[Path]:
    found = folders_in(place)
    if not found:
        raise click.ClickException(f"There is no {FLOW_FILE} in {place.name}, nor in the folders in it.")
    return found


def _read(folders: Iterable[Path]) -> tuple[list[FlowFolder], list[Problem]]:
    """The flows that can be read, and what is wrong with the others."""
    read: list[FlowFolder] = []
    found: list[Problem] = []
    for folder in folders:
        try:
            read.append(read_folder(folder, checked))
        except DefinitionError as error:
            found += error.problems
        except UnicodeDecodeError:
            found.append(_unreadable(f"{folder.name}/{FLOW_FILE}"))
    return read, found


def _unreadable(file: str) -> Problem:
    return Problem(file, 0, "The file, or a message beside it, is no UTF-8 text", "Save it as UTF-8")


def _said(flow: FlowVersion) -> str:
    messages = f", {_count(len(flow.messages), 'message')}" if flow.messages else ""
    return f"{flow.flow} is fine: starts on {flow.trigger.on}, {_count(len(flow.steps), 'step')}{messages}."


def _count(number: int, what: str) -> str:
    return f"{number} {what}" if number == 1 else f"{number} {what}s"
