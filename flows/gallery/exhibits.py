"""What hangs in the gallery: the flows of a folder with their messages, as an invented person would get them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from hashlib import sha256
from itertools import count
from pathlib import Path

from flows.content import variants
from flows.content.problems import ContentProblem
from flows.content.proof import Proof, proof
from flows.content.readers import reader_of
from flows.content.source import MessageSource, parse
from flows.core.model import FlowVersion
from flows.core.plans import plan
from flows.definition_files import FlowFolder, folders_in, read_folder

SENDER = "Fern & Fjord <hello@shop.example>"
"""Of the invented shop; that of a real one is its setting `sender`."""


@dataclass(frozen=True, slots=True)
class Exhibit:
    """One message, or one variant of one. ``proof``: None when it cannot be written for the invented person, and
    ``refusal`` says why. ``times``: how long after the fact that starts the flow it may leave; empty when that is not
    known."""

    flow: str
    name: str
    source: MessageSource
    proof: Proof | None
    refusal: str
    times: tuple[timedelta, ...]

    @property
    def digest(self) -> str:
        """Of how it looks: its pictures are called by it, so those of a message that stays as it is stay."""
        return sha256(self.proof.html.encode()).hexdigest()[:10] if self.proof else ""


@dataclass(frozen=True, slots=True)
class Room:
    """A flow and its messages, in the order in which they leave."""

    folder: FlowFolder
    exhibits: tuple[Exhibit, ...]

    @property
    def flow(self) -> FlowVersion:
        return self.folder.flow


def rooms(place: Path, only: Iterable[str] = ()) -> list[Room]:
    """The flows in the folders of ``place``, by name; ``only``: these. Raises DefinitionError."""
    chosen = set(only)
    return [room(read_folder(folder)) for folder in folders_in(place) if not chosen or folder.name in chosen]


def room(folder: FlowFolder) -> Room:
    """The flow and all that it sends."""
    flow = folder.flow
    times, places = _times(flow), dict(zip(_as_planned(flow), count()))
    last = len(places)
    found = [_exhibit(flow, name, text, times.get(_message(name), ())) for name, text in folder.texts.items()]
    return Room(folder, tuple(sorted(found, key=lambda one: (places.get(_message(one.name), last), one.name))))


def _exhibit(flow: FlowVersion, name: str, text: str, times: tuple[timedelta, ...]) -> Exhibit:
    source = parse(f"{flow.flow}/{name}", text)
    try:
        made = proof(source, reader_of(source, flow=flow))
    except ContentProblem as problem:
        return Exhibit(flow.flow, name, source, None, str(problem), times)
    return Exhibit(flow.flow, name, source, made, "", times)


def _message(name: str) -> str:
    return variants.named(name).message


def _times(flow: FlowVersion) -> Mapping[str, tuple[timedelta, ...]]:
    """{message: when it may leave}, on any way through the flow."""
    found: dict[str, set[timedelta]] = {}
    for way in plan(flow).ways:
        for sending in way.sendings:
            found.setdefault(sending.message.name, set()).add(sending.at)
    return {name: tuple(sorted(times)) for name, times in found.items()}


def _as_planned(flow: FlowVersion) -> list[str]:
    """The flow's messages, the first to leave first; of those that leave at the same time the first in the file."""
    in_file = [name for step in flow.steps.values() if (name := getattr(step.config, "message", None))]
    times = _times(flow)
    never = timedelta.max
    return sorted(dict.fromkeys(in_file), key=lambda name: times.get(name, (never,))[0])
