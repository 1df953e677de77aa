"""What a lint is made of, and what it looks at: a flow that can be published, and what its messages show."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

from flows.core import graph
from flows.core.model import FlowVersion
from flows.core.plans import Plan, plan
from flows.core.problems import Finder, Path

Texts = Mapping[str, Mapping[str, str]]
"""Message -> its entries by name (subject, preview, channel, ...) and its body."""


@dataclass(frozen=True, slots=True)
class Shown:
    """What a message shows, as far as lints of flows go by it.

    `offers`, `coupons`: by name. `asks_how_long`: the offers whose end it asks for. `prices`: of things to buy.
    `about_order`: it speaks of the order that the flow is about. `percents`: discounts that stand in its words.
    `event_fields`: what it names of the event. `words`: what its reader reads, without what is filled in.
    """

    offers: frozenset[str] = frozenset()
    asks_how_long: frozenset[str] = frozenset()
    coupons: frozenset[str] = frozenset()
    prices: bool = False
    about_order: bool = False
    percents: frozenset[int] = frozenset()
    event_fields: frozenset[str] = frozenset()
    words: tuple[str, ...] = ()

    @property
    def discount(self) -> bool:
        return bool(self.offers or self.coupons)

    def or_else(self, other: Shown) -> Shown:
        """What is shown to those who get this one and those who get the other, a variant of it."""
        return replace(
            self,
            offers=self.offers | other.offers,
            asks_how_long=self.asks_how_long | other.asks_how_long,
            coupons=self.coupons | other.coupons,
            prices=self.prices or other.prices,
            about_order=self.about_order or other.about_order,
            percents=self.percents | other.percents,
            event_fields=self.event_fields | other.event_fields,
        )


@dataclass(frozen=True)
class Subject:
    """A flow as lints see it. `shown`: by message."""

    flow: FlowVersion
    texts: Texts = field(default_factory=dict)
    shown: Mapping[str, Shown] = field(default_factory=dict)

    @property
    def definition(self) -> Mapping[str, Any]:
        return self.flow.definition

    @cached_property
    def plan(self) -> Plan:
        return plan(self.flow)

    @cached_property
    def paths(self) -> Mapping[str, Path]:
        """Where each step stands in the file."""
        return places(self.flow)

    def shows(self, message: str) -> Shown:
        return self.shown.get(message, _NOTHING)

    def where(self, step: str) -> Path:
        """Where what a step does is said."""
        return (*self.paths[step], self.flow.steps[step].kind)


_NOTHING = Shown()


def places(flow: FlowVersion) -> Mapping[str, Path]:
    """Where each step of a flow stands in its file."""
    nodes = graph.read(flow.definition["steps"], Finder("", {}))
    return {node.id: node.path for node in graph.everything(nodes)}


@dataclass(frozen=True, slots=True)
class Remark:
    """`path`: where in the flow's file."""

    path: Path
    sentence: str
    todo: str


@dataclass(frozen=True, slots=True)
class Lint:
    name: str
    about: str | None
    look: Callable[[Subject], Iterable[Remark]]


def steps_in(data: Any, path: Path = ()) -> Iterator[tuple[Path, Mapping[str, Any]]]:
    """Every group of entries in a file with its place, steps inside steps among them."""
    if isinstance(data, Mapping):
        yield path, data
        for name, inner in data.items():
            yield from steps_in(inner, (*path, name))
    elif isinstance(data, Sequence) and not isinstance(data, str):
        for n, inner in enumerate(data):
            yield from steps_in(inner, (*path, n))
