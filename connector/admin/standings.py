"""How a shop stands: what waits, what lags, what has stopped, which channels are paused."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from sqlalchemy import Connection

from connector import pauses
from connector.clock import Clock
from connector.shops import Shop
from connector.web import backlog

STATES: Mapping[str, tuple[str, str]] = {
    "active": ("good", "Active"),
    "paused": ("warning", "Paused"),
    "installed": ("attention", "Brevo is not connected"),
    "uninstalled": ("critical", "Uninstalled"),
}
"""State of a shop -> the tone in which it is told, and how."""

WAITING: Mapping[str, str] = {
    "inbox": "Deliveries to be applied",
    "fetches": "Objects to be read from the store",
    "persons": "People whose flows are to be decided",
    "timers": "Timers that are due",
    "outbox": "Messages that are due",
    "outbox_unknown": "Messages whose outcome is unknown",
    "contacts": "Contacts to be told to Brevo",
    "commerce": "Orders, products and categories to be told to Brevo",
    "feed": "Events to be told to Brevo",
}
STOPPED: Mapping[str, str] = {
    "quarantined": "Deliveries of another shape than their topic declares",
    "poison": "Deliveries that are unreadable or failed too often",
    "messages_failed": "Messages of the last week that Brevo refused",
    "fetches_failed": "Objects that could not be read from the store",
    "records_refused": "Contacts, orders or products that Brevo refuses",
    "events_refused": "Events that Brevo refused",
}
IN_INBOX = frozenset({"quarantined", "poison"})
"""What of it the page of deliveries shows."""


@dataclass(frozen=True)
class Standing:
    """``lagging``: kinds of work that wait too long. Counts end at one more than ``backlog.MOST_OF_SHOP``."""

    shop: Shop
    waiting: Mapping[str, backlog.Waiting]
    lagging: frozenset[str]
    stopped: Mapping[str, int]
    pauses: tuple[pauses.Pause, ...]

    @property
    def lag(self) -> float:
        """Seconds that the oldest waiting work has waited."""
        return max((one.age for one in self.waiting.values()), default=0.0)

    @property
    def all_stopped(self) -> int:
        return sum(self.stopped.values())

    @property
    def tone(self) -> str:
        return STATES.get(self.shop.state, ("attention", ""))[0]

    @property
    def state(self) -> str:
        return STATES.get(self.shop.state, ("", self.shop.state))[1]


def read(connection: Connection, clock: Clock, shop: Shop) -> Standing:
    """How this shop stands now: a few index reads, however much there is."""
    waiting = backlog.waiting(connection, clock, shop.id)
    return Standing(
        shop,
        waiting,
        frozenset(backlog.lagging(waiting, clock.rate)),
        {kind: count for kind, count in backlog.stopped(connection, clock.now(), shop.id).items() if count},
        tuple(pauses.pauses(connection, shop.id)),
    )


def counted(count: int) -> str:
    """A count that may have ended early: ``1,000+``."""
    most = backlog.MOST_OF_SHOP
    return f"{most:,}+" if count > most else f"{count:,}"
