"""One person's life in virtual time: what happens to them, in its order, and what the flows make of it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from heapq import heapify, heappop, heappush
from itertools import count

from flows.core import calendar, chance
from flows.core.model import Event
from flows.core.signals.schedule import armed
from flows.simulator.cast import Cast
from flows.simulator.desk import Desk, Writer
from flows.simulator.happening import Happening
from flows.simulator.record import Record, Sent
from flows.simulator.shopper import Shopper
from flows.simulator.telling import tell

Answers = Callable[[Sent], Sequence[Happening]]
"""What a person does because of a message that has left."""
MOST_TURNS = 100_000
"""More moments than these in one life are flows that go round."""


class Endless(Exception):
    """The flows keep this person busy without end."""


def live(
    cast: Cast,
    shopper: Shopper,
    happenings: Iterable[Happening],
    start: datetime,
    until: datetime,
    *,
    record: Record | None = None,
    writer: Writer | None = None,
    answers: Answers | None = None,
) -> Record:
    """Let time pass for this person from ``start``, or what happens before it, up to ``until``, inclusive; what became
    of them. ``shopper`` changes with it.

    ``happenings``: in any order; of those of one moment the first is told first. ``answers``: what a message that has
    left makes the person do. Raises ValueError for something that cannot be told, and Endless.
    """
    record = record or Record()
    numbers = count()
    ahead = [(one.at, next(numbers), one) for one in happenings]
    heapify(ahead)
    desk = Desk(cast, shopper, record, min(start, ahead[0][0]) if ahead else start, writer)
    _schedule(cast, shopper, desk, until)
    heard = 0
    for _ in range(MOST_TURNS):
        due = desk.next_due()
        moment = min((at for at in (due, ahead[0][0] if ahead else None) if at is not None), default=None)
        if moment is None or moment > until:
            return record
        # Something may have become due in the past: its time is now.
        desk.now = max(moment, desk.now)
        happened: list[Event] = []
        while ahead and ahead[0][0] <= desk.now:
            happened += _told(cast, shopper, heappop(ahead)[2], record)
        desk.visit(happened)
        desk.deliver()
        for one in desk.follows:
            heappush(ahead, (one.at, next(numbers), one))
        desk.follows.clear()
        for sent in record.sent[heard:] if answers else ():
            for one in answers(sent) if answers else ():
                heappush(ahead, (one.at, next(numbers), one))
        heard = len(record.sent)
    raise Endless(f"More than {MOST_TURNS} moments for one person: do the flows go round?")


def _told(cast: Cast, shopper: Shopper, happening: Happening, record: Record) -> list[Event]:
    around = cast.around
    country = around.country_of(shopper.row)
    events = tell(shopper, happening, record.sent, cast.settings, around.policy, country, str(around.shop["currency"]))
    for event in events:
        record.say(event.occurred_at, "happened", None, None, {"event": event.name})
    return events


def _schedule(cast: Cast, shopper: Shopper, desk: Desk, until: datetime) -> None:
    """The clocks of the flows that start by the calendar."""
    seed = chance.seed({"person": {"seed": shopper.seed}})
    for flow in cast.scheduled:
        schedule = flow.trigger.schedule
        assert schedule is not None
        shop = calendar.zone(cast.around.timezone)
        where = (
            calendar.zone(cast.around.home(shopper.row), cast.around.timezone) if schedule.zone == "person" else shop
        )
        day = schedule.upcoming(desk.now, shop)
        while day is not None and schedule.begins(day, shop) <= until:
            moment = schedule.moment(day, where)
            desk.arm(armed(flow.flow, schedule, day, moment, schedule.entering(day, where, flow.flow, seed)))
            day = schedule.upcoming(schedule.begins(day, shop), shop)
