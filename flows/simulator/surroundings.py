"""What the simulator knows of the shop, whoever tells it: rules and settings, as values and functions."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from flows.core import rfm
from flows.core.conditions import Condition
from flows.core.hours import Quiet
from flows.core.model import FlowVersion, Limit
from flows.core.permission import Policy
from flows.core.scores import Scoring
from flows.core.signals import SignalSettings

Row = Mapping[str, Any]
"""A person, by the names that the columns of people have."""


@dataclass(frozen=True)
class Surroundings:
    """``shop``: the facts of the shop. ``policy``: the rules of consent; ``country``: whose rules hold for people of
    whom none is known. ``caps(channel)``: the shop's frequency caps. ``quiet(person, channel, now)``: the hours of
    marketing, None when nothing binds the channel. ``home(person)``: the person's time zone, when something tells it.
    ``signals(flows)``: what these flows and the shop ask of signals. ``keeps_loyalty``: whether the shop keeps loyalty
    data. ``held_days``: how long an open support ticket holds marketing back.
    """

    shop: Mapping[str, Any]
    policy: Policy
    country: str | None
    caps: Callable[[str], Sequence[Limit]]
    quiet: Callable[[Row, str, datetime], Quiet | None]
    home: Callable[[Row], str | None]
    signals: Callable[[Iterable[FlowVersion]], SignalSettings]
    scoring: Mapping[str, Scoring]
    segments: Mapping[str, Condition]
    borders: rfm.Borders = field(default_factory=rfm.Borders)
    keeps_loyalty: bool = False
    held_days: int = 30

    @property
    def timezone(self) -> str:
        return str(self.shop["timezone"])

    def country_of(self, person: Row) -> str | None:
        """Whose rules hold for this person; None when nobody can tell."""
        return person["country"] or self.country or None
