"""How a shop stands: what waits, what lags, what has stopped, which channels are paused."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Connection, text

from connector import pauses
from connector.admin import reasons
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
_RECENT = timedelta(days=7)


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


@dataclass(frozen=True)
class Trouble:
    """The newest of what has stopped in one way. ``answer``: why, as the platform said it or in our words; it may quote
    an address. ``person_id``: whom it is about, where that is known."""

    what: str
    answer: str
    person_id: int | None


@dataclass(frozen=True)
class Kind:
    """One way in which work stops: how the newest of it is found (``what``, ``reason``, ``person_id``, most recent
    first), what is to be done, and one of it in words."""

    heading: str
    query: str
    advice: str
    words: str


KINDS: Mapping[str, Kind] = {
    "messages": Kind(
        "Messages that Brevo refused in the last week",
        "SELECT 'message ' || id AS what, reason, person_id FROM outbox WHERE shop_id = :shop AND state = 'failed'"
        " AND created_at > :since ORDER BY created_at DESC, id DESC",
        "The person's page tells the message's story. A refused message is not sent again.",
        "Brevo refused a message",
    ),
    "records": Kind(
        "Contacts, orders and products that Brevo refuses",
        "SELECT entity || ' ' || entity_id AS what, reason, CASE WHEN entity IN ('contact', 'events') THEN entity_id"
        " END AS person_id FROM sync_state WHERE shop_id = :shop AND state = 'failed' ORDER BY entity_id DESC",
        "After a fix re-run the sync; the next change of the record is sent by itself.",
        "Brevo refuses a record",
    ),
    "events": Kind(
        "Events that Brevo refused",
        "SELECT name AS what, reason, person_id FROM feed WHERE shop_id = :shop AND state = 'refused' ORDER BY id DESC",
        "They are not sent again.",
        "Brevo refused an event",
    ),
    "fetches": Kind(
        "Objects that could not be read from the store",
        "SELECT kind || ' ' || remote_id AS what, reason, CAST(NULL AS BIGINT) AS person_id FROM fetches"
        " WHERE shop_id = :shop AND state = 'failed' ORDER BY remote_id DESC",
        "The next delivery about them asks again; a re-run of the sync asks now.",
        "The store did not give a record",
    ),
}


def newest(connection: Connection, shop_id: int, kind: Kind, now: datetime, most: int) -> Sequence[Trouble]:
    """The newest of one kind. ``now``: business time."""
    asked = {"shop": shop_id, "since": now - _RECENT, "most": most}
    rows = connection.execute(text(f"{kind.query} LIMIT :most"), asked)
    return [Trouble(row.what, _said(row.reason), row.person_id) for row in rows]


def _said(reason: str | None) -> str:
    """A code of ours in words; what a platform answered as it is."""
    if not reason:
        return ""
    return reasons.sentence(reason) if reason.replace("_", "").isalpha() and reason.islower() else reason
