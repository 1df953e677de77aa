"""What staff choose when they arm the past."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from sqlalchemy import Connection

from connector.errors import InvalidInput
from connector.shops import Shop
from flows.core.signals import SIGNALS, Past, Signal, SignalSettings
from flows.engine.book import Book

ARMABLE: Mapping[str, Signal] = {name: signal for name, signal in SIGNALS.items() if signal.past is not None}
"""The signals whose past can be armed, by name."""
_MOST_DAILY = 1_000_000
_MOST_DAYS = 10_000


@dataclass(frozen=True)
class Choice:
    """``daily``: so many a day of those whose moment has passed, None: they are left out. ``longest_days``: whose
    moment has passed by more than so many days is left out in any case, None: nobody is.
    """

    signal: str
    daily: int | None = None
    longest_days: int | None = None

    def check(self) -> None:
        """Raises InvalidInput, with a sentence for staff."""
        if self.signal not in ARMABLE:
            raise InvalidInput(f"{self.signal!r} has no clock to arm; these have: {', '.join(ARMABLE)}.")
        if self.daily is not None and not 0 < self.daily <= _MOST_DAILY:
            raise InvalidInput(f"The daily ration is a number from 1 to {_MOST_DAILY}.")
        if self.longest_days is not None and not 0 < self.longest_days <= _MOST_DAYS:
            raise InvalidInput(f"The longest delay is a number of days from 1 to {_MOST_DAYS}.")
        if self.daily is not None and not self.past.late:
            raise InvalidInput(f"{self.signal} is of no use late: leave the daily ration out.")

    @property
    def past(self) -> Past:
        """How the past of its signal is armed."""
        past = ARMABLE[self.signal].past
        assert past is not None
        return past


@dataclass(frozen=True)
class Ears:
    """Who hears of a signal: the flows that start on it, whose thresholds are in ``settings``, and the provider."""

    settings: SignalSettings
    flows: tuple[str, ...]
    told: bool


def ears(connection: Connection, shop: Shop, signal: str) -> Ears:
    """Who hears of this signal now."""
    book = Book(connection, shop.id)
    settings = book.signal_settings(shop.settings)
    flows = tuple(flow.flow for flow in book.active if flow.trigger.on == signal)
    return Ears(settings, flows, signal in settings.heard)


def needed(connection: Connection, shop: Shop, signal: str) -> None:
    """Raises InvalidInput when nobody would hear of this signal: its thresholds are those of the flows."""
    if not ears(connection, shop, signal).told:
        raise InvalidInput(
            f"No active flow starts on {signal}, and Brevo is not told of it: activate a flow first, which says after"
            " how long it is due."
        )
