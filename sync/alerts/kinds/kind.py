"""What a kind of alert says of itself, and what it looks with."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from functools import cached_property
from typing import Any, Protocol

from sqlalchemy import Connection

from connector.shops import Shop
from flows.core.calendar import zone

WARNING, CRITICAL = "warning", "critical"


class Figures(Protocol):
    """Of some messages: how many were sent, and what became of how many of them."""

    @property
    def sent(self) -> int: ...

    @property
    def delivered(self) -> int: ...

    @property
    def opened(self) -> int: ...

    @property
    def clicked(self) -> int: ...

    @property
    def unsubscribed(self) -> int: ...

    @property
    def complained(self) -> int: ...


class Day(Protocol):
    """One day in the shop's zone."""

    @property
    def date(self) -> date: ...

    @property
    def figures(self) -> Figures: ...


class Waiting(Protocol):
    """Work of one kind that waits: how much, and for how many seconds the oldest."""

    @property
    def count(self) -> int: ...

    @property
    def age(self) -> float: ...


class ByDay(Protocol):
    """Figures of a shop by day."""

    def __call__(
        self, connection: Connection, shop: Shop, since: date, until: date, *, channel: str | None = None
    ) -> Sequence[Day]: ...


@dataclass(frozen=True)
class Finding:
    """Something that staff should look at.

    ``subject``: which one, when a kind has several. ``sentence``: what is wrong and what to do. ``faint``: not enough
    to raise an alert, and too much to take one back that stands; so that none comes and goes at a limit.
    """

    sentence: str
    subject: str = ""
    tone: str = WARNING
    detail: Mapping[str, Any] = field(default_factory=dict)
    faint: bool = False


@dataclass
class Looking:
    """One look at a shop. ``now`` is business time, ``machine`` real time.

    ``late(times)``: kinds of work whose oldest has waited for so many times what is said to lag, with what waits.
    """

    connection: Connection
    shop: Shop
    now: datetime
    machine: datetime
    by_day: ByDay
    late: Callable[[float], Mapping[str, Waiting]]

    @property
    def today(self) -> date:
        """In the shop's zone."""
        return self.now.astimezone(zone(self.shop.timezone)).date()

    @cached_property
    def emails(self) -> Sequence[Day]:
        """The emails of the last six weeks by day, today last."""
        return self.by_day(self.connection, self.shop, self.today - timedelta(days=42), self.today, channel="email")


@dataclass(frozen=True)
class Kind:
    """``title``: what it is, in few words; ``look``: everything of this kind that is there now; ``settles``: business
    time for which the cause must not have been found before the alert is taken back; ``mails``: whether those of the
    setting ``notify`` are told."""

    name: str
    title: str
    look: Callable[[Looking], Iterable[Finding]]
    settles: timedelta = timedelta(0)
    mails: bool = True
