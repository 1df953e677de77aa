"""``connector flows simulate``: flows in virtual time, over invented shoppers or one person of a script.

Nothing is sent, and no database is asked.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

import click
import orjson
from marshmallow import ValidationError

from connector.cli import simulated
from connector.clock import monotonic
from connector.simulation import surroundings
from flows.core.problems import DefinitionError
from flows.definition_files import FlowFolder, folders_in, parse, read_folder
from flows.engine.publish import library
from flows.simulator.cast import Cast, cast, within
from flows.simulator.life import live
from flows.simulator.record import Record
from flows.simulator.report import Report
from flows.simulator.script import BEGINNING, read
from flows.simulator.storefront import answering, drawn_borders, life, shoppers
from flows.simulator.surroundings import Surroundings
from flows.simulator.writing import Writing
from flows.starters import STARTERS, folder

_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)


@click.command()
@click.argument(
    "places",
    metavar="[DIR]...",
    nargs=-1,
    type=click.Path(exists=True, file_okay=False, path_type=Path, resolve_path=True),
)
@click.option("--flow", "names", multiple=True, help="Only this flow; may be said several times.")
@click.option("--all", "everything", is_flag=True, help="Every flow that ships, also those that stand for one another.")
@click.option("--synthetic", is_flag=True, help="Over invented shoppers.")
@click.option("--people", default=200, show_default=True, type=click.IntRange(1, 1_000_000), help="How many.")
@click.option("--days", default=60, show_default=True, type=click.IntRange(1, 1_000), help="For how long.")
@click.option("--seed", default="1", show_default=True, help="The same people and chances for the same seed.")
@click.option("--script", type=_FILE, help="Over one person and what happens to them, from this YAML file.")
@click.option("--segment", help="Let only people into the flows who are in this named segment.")
@click.option("--settings", "settings_file", type=_FILE, help="The shop's settings, as YAML.")
@click.option("--render", is_flag=True, help="Finish every message, so that one that cannot be is found; takes longer.")
@click.option("--step", is_flag=True, help="With --script: stop after each moment until Enter is pressed.")
@click.option("--json", "as_json", is_flag=True, help="All of it as JSON.")
def simulate(
    places: Sequence[Path],
    names: Sequence[str],
    everything: bool,
    synthetic: bool,
    people: int,
    days: int,
    seed: str,
    script: Path | None,
    segment: str | None,
    settings_file: Path | None,
    render: bool,
    step: bool,
    as_json: bool,
) -> None:
    """Play the flows in DIR, or in the folders in DIR, or those to begin with, in virtual time.

    What would leave when, what is held and why, how each flow ends: decided by the same rules as for real people, at
    once. Nothing is sent and nothing is made.
    """
    if synthetic == (script is not None):
        raise click.UsageError("Say either --synthetic, or --script with a file.")
    try:
        folders = _folders(places, names, everything=everything)
        settings = _mapping(settings_file) if settings_file else {}
        if script is not None:
            _one(folders, script, settings, segment, render, step=step, as_json=as_json)
        else:
            _many(folders, settings, segment, render, people, days, seed, as_json=as_json)
    except DefinitionError as error:
        raise click.ClickException("\n".join(map(str, error.problems))) from None
    except ValidationError as error:
        raise click.ClickException(f"The settings of the shop are wrong: {error.messages}") from None
    except ValueError as error:
        raise click.ClickException(str(error)) from None


def _folders(places: Sequence[Path], names: Sequence[str], *, everything: bool) -> list[FlowFolder]:
    """Raises DefinitionError, and ClickException when there is no such flow."""
    if places:
        known = {one.flow.flow: one for place in places for one in map(read_folder, folders_in(place))}
    else:
        # A shipped flow has the name of its folder: of many only a few may be asked for.
        asked = names or (library() if everything else [starter.flow for starter in STARTERS])
        known = {name: read_folder(folder(name)) for name in asked if name in library()}
    if unknown := sorted(set(names) - known.keys()):
        there = ", ".join(known if places else library())
        raise click.ClickException(f"There is no flow {unknown[0]} here. There are {there or 'none'}.")
    kept = [one for name, one in known.items() if not names or name in names]
    if not kept:
        raise click.ClickException("There is no flow.yaml there, nor in the folders there.")
    return kept


def _mapping(file: Path) -> Mapping[str, Any]:
    data, _ = parse(file.read_text(encoding="utf-8"), file.name)
    if not isinstance(data, Mapping):
        raise click.ClickException(f"{file.name} is no list of settings with their values.")
    return data


def _cast(folders: Iterable[FlowFolder], around: Surroundings, segment: str | None) -> Cast:
    played = [one.flow for one in folders]
    if segment is not None:
        if segment not in around.segments:
            raise click.ClickException(
                f"There is no segment {segment}. There are {', '.join(sorted(around.segments))}."
            )
        played = [within(flow, segment) for flow in played]
    return cast(played, around)


def _one(
    folders: Sequence[FlowFolder],
    file: Path,
    settings: Mapping[str, Any],
    segment: str | None,
    render: bool,
    *,
    step: bool,
    as_json: bool,
) -> None:
    script = read(file.read_text(encoding="utf-8"), file.name)
    around = surroundings({**settings, **script.settings})
    record = live(
        _cast(folders, around, segment),
        script.person,
        script.happens,
        script.start,
        script.until,
        record=Record(keeps_lines=True),
        writer=Writing({one.flow.flow: one for one in folders}, finishes=render),
    )
    if as_json:
        click.echo(orjson.dumps(simulated.as_json(record, script.start), option=orjson.OPT_INDENT_2).decode())
        return
    for moment in simulated.moments(record, script.start):
        for line in moment:
            click.echo(line)
        if step:
            click.pause("  (Enter goes on)")
    click.echo(simulated.in_short(record))


def _many(
    folders: Sequence[FlowFolder],
    settings: Mapping[str, Any],
    segment: str | None,
    render: bool,
    people: int,
    days: int,
    seed: str,
    *,
    as_json: bool,
) -> None:
    start = BEGINNING
    around = surroundings(settings, borders=drawn_borders(people, seed, start))
    played = _cast(folders, around, segment)
    report = Report(around.timezone)
    writing = Writing({one.flow.flow: one for one in folders}, finishes=True) if render else None
    began = monotonic()
    for one in shoppers(people, seed, start):
        happens = life(one, seed, start, days)
        until = start + timedelta(days=days)
        report.add(live(played, one, happens, start, until, writer=writing, answers=answering(one, seed)))
    took = monotonic() - began
    told = {"seed": seed, "days": days, **report.to_json(), "speed": _speed(report, took)}
    if as_json:
        click.echo(orjson.dumps(told, option=orjson.OPT_INDENT_2).decode())
    else:
        for line in simulated.tables(told):
            click.echo(line)


def _speed(report: Report, took: float) -> dict[str, float | int]:
    return {"seconds": round(took, 2), "stimuli_per_second": int(report.stimuli / took) if took else 0}
