"""How fast flows are simulated: stimuli a second of one core, with signals, facts and the gate, over invented shoppers.

A stimulus is whatever is decided about: an event, a clock that rings, a wait that ends, what became of a message. All
flows that ship are active at once, which no shop's are. Making the people up and adding up what came of them counts as
well; processor time is what is measured.

The baseline is the same lives with a gate that lets everything through unasked: what is left is signals, runs and their
facts.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from importlib.resources import files
from pathlib import Path
from statistics import median
from time import process_time
from typing import Any
from unittest.mock import patch

from benchmarks.progress import say
from connector.simulation import surroundings
from flows.core.gate import Send
from flows.definition_files import read_folder
from flows.engine.publish import library
from flows.simulator import desk
from flows.simulator.cast import Cast, cast
from flows.simulator.life import live
from flows.simulator.report import Report
from flows.simulator.script import BEGINNING
from flows.simulator.storefront import answering, drawn_borders, life, shoppers

AIM = 10_000.0
ROUNDS, PEOPLE, DAYS = 5, 150, 120


def run(rounds: int = ROUNDS, people: int = PEOPLE) -> dict[str, Any]:
    """Stimuli per second of processor time: medians of rounds in which both take turns."""
    played = _all_that_ships(people)
    _lives(played, people // 5, "warm")
    rates: dict[str, list[float]] = {"whole": [], "ungated": []}
    asked = 0
    for number in range(rounds):
        report, rate = _lives(played, people, str(number))
        rates["whole"].append(rate)
        asked += report.asked
        with _ungated():
            rates["ungated"].append(_lives(played, people, str(number))[1])
    ours, bare = median(rates["whole"]), median(rates["ungated"])
    say(f"  {ours:,.0f} stimuli/s, without gate {bare:,.0f}/s")
    return {
        "stimuli_per_second": round(ours),
        "fastest_round": round(max(rates["whole"])),
        "flows": len(played.flows),
        "gate_asked": asked,
        "baseline": {"without_gate_per_second": round(bare)},
        "aim": {"stimuli_per_second": AIM},
        "met": ours >= AIM,
    }


def _all_that_ships(people: int) -> Cast:
    folders = [read_folder(Path(str(files("flows.library") / name))) for name in library()]
    borders = drawn_borders(people, "warm", BEGINNING)
    return cast(
        [folder.flow for folder in folders], surroundings({"offers": {"cart": {"percent": 10}}}, borders=borders)
    )


def _lives(played: Cast, people: int, seed: str) -> tuple[Report, float]:
    report, until = Report("Europe/London"), BEGINNING + timedelta(days=DAYS)
    began = process_time()
    for one in shoppers(people, seed, BEGINNING):
        happens = life(one, seed, BEGINNING, DAYS)
        report.add(live(played, one, happens, BEGINNING, until, answers=answering(one, seed)))
    return report, report.stimuli / (process_time() - began)


@contextmanager
def _ungated() -> Iterator[None]:
    with patch.object(desk.Post, "ask", lambda *given, **more: Send()):
        yield
