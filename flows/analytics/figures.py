"""What can be said of flows in numbers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from datetime import date, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from typing import Any

from connector.db.any_row import AnyRow


@dataclass(frozen=True)
class Figures:
    """Counts of one flow, message, channel, day or all of them together; adding two of them adds each count.

    People: ``entered``, still ``inside``, ``completed`` (came to the end of the flow), ``exited`` (left it before, also
    because the goal was reached), ``converted`` (reached the goal, while inside or within its time).
    ``conversion_seconds``: of all conversions together. Messages: what became of them, each at most once a message.
    ``orders``: owed to a message; ``unpriced`` of them are in a currency without a rate and not in ``revenue``, which
    is what is left after refunds. ``revenue`` and ``cost`` are in the shop's currency.
    """

    entered: int = 0
    inside: int = 0
    completed: int = 0
    exited: int = 0
    converted: int = 0
    conversion_seconds: int = 0
    sent: int = 0
    delivered: int = 0
    opened: int = 0
    clicked: int = 0
    unsubscribed: int = 0
    bounced: int = 0
    complained: int = 0
    skipped: int = 0
    failed: int = 0
    orders: int = 0
    unpriced: int = 0
    revenue: Decimal = Decimal(0)
    cost: Decimal = Decimal(0)

    def __add__(self, other: Figures) -> Figures:
        return Figures(**{name: getattr(self, name) + getattr(other, name) for name in NAMES})

    @property
    def reached(self) -> int:
        """What rates of messages are of: those delivered, or those sent where nobody tells what was delivered."""
        return self.delivered or self.sent

    @property
    def open_rate(self) -> float | None:
        return _share(self.opened, self.reached)

    @property
    def click_rate(self) -> float | None:
        return _share(self.clicked, self.reached)

    @property
    def unsubscribe_rate(self) -> float | None:
        return _share(self.unsubscribed, self.reached)

    @property
    def complaint_rate(self) -> float | None:
        return _share(self.complained, self.reached)

    @property
    def bounce_rate(self) -> float | None:
        """Of the messages sent: one that bounced was not delivered."""
        return _share(self.bounced, self.sent)

    @property
    def conversion_rate(self) -> float | None:
        return _share(self.converted, self.entered)

    @property
    def completion_rate(self) -> float | None:
        return _share(self.completed, self.entered)

    @property
    def order_rate(self) -> float | None:
        """Orders for each message that reached somebody."""
        return _share(self.orders, self.reached)

    @property
    def return_on_cost(self) -> Decimal | None:
        """Revenue for each unit of money that the messages cost; None while nothing is said of what they cost."""
        return self.revenue / self.cost if self.cost else None

    @property
    def revenue_per_recipient(self) -> Decimal | None:
        """For each message sent."""
        return self.revenue / self.sent if self.sent else None

    @property
    def time_to_conversion(self) -> timedelta | None:
        """On average, from entering the flow."""
        return timedelta(seconds=self.conversion_seconds / self.converted) if self.converted else None

    @classmethod
    def of(cls, row: AnyRow) -> Figures:
        """From a row with columns of these names; what is not there, or NULL, is 0."""
        told = {name: row[name] for name in NAMES if row.get(name) is not None}
        found: dict[str, Any] = {name: _number(name, value) for name, value in told.items()}
        return cls(**found)


NAMES = tuple(field.name for field in fields(Figures))
NOTHING = Figures()


def _share(part: int, whole: int) -> float | None:
    return float(Fraction(part, whole)) if whole else None


def _number(name: str, value: object) -> int | Decimal:
    return Decimal(str(value)) if name in ("revenue", "cost") else int(str(value))


@dataclass(frozen=True)
class MessageFigures:
    """What became of one message of a flow. ``step``: the step that sends it."""

    version: int
    step: str
    message: str
    channel: str
    figures: Figures


@dataclass(frozen=True)
class StepFigures:
    """People at one step of a version: how many ever came to it, how many stand there now, and how many left the flow
    there, by how ({outcome: people}). ``step`` "" is the end of the flow, which has only ``ended``."""

    version: int
    step: str
    reached: int
    inside: int
    ended: Mapping[str, int]

    @property
    def gone_on(self) -> int:
        """How many went on to a later step."""
        return max(self.reached - self.inside - sum(self.ended.values()), 0)


@dataclass(frozen=True)
class Day:
    date: date
    figures: Figures


@dataclass(frozen=True)
class Recipient:
    """One message to one person. ``reason``: why it was not sent, or a code of what is known beside; ``order_id``: of
    the last order that is owed to it."""

    outbox_id: int
    person_id: int
    message: str
    channel: str
    state: str
    reason: str | None
    sent_at: datetime | None
    opened_at: datetime | None
    clicked_at: datetime | None
    order_id: int | None


@dataclass(frozen=True)
class Purchase:
    """An order that is owed to a message. ``amount`` and ``refunded`` are in ``currency``, the order's own; ``revenue``
    is what is left, in the shop's, None without a rate. ``person_id`` and ``outbox_id`` are None of somebody who was
    erased. ``touch``: clicked | opened | sent."""

    order_id: int
    order_name: str | None
    person_id: int | None
    amount: Decimal
    refunded: Decimal
    currency: str | None
    outbox_id: int | None
    message: str
    channel: str
    touched_at: datetime
    touch: str
    placed_at: datetime
    revenue: Decimal | None


@dataclass(frozen=True)
class WeekOfMessages:
    """``people`` people got ``messages`` messages by ``channel`` ("" means all of them together) in the last week."""

    channel: str
    messages: int
    people: int
