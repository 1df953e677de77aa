"""Two channels on one day: whoever has got an email is sent a text or a push as well."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from itertools import combinations

from flows.core import durations
from flows.core.conflicts.conflict import Clash, Conflict, Shelf
from flows.core.conflicts.over_cap import SAME_DAY
from flows.core.plans import Sending, Way


def look(shelf: Shelf) -> Iterator[Clash]:
    for subject in shelf.subjects:
        found = (pair for way in subject.plan.ways for pair in _pairs(way))
        first = next(found, None)
        if first is None:
            continue
        one, other = first
        planned = subject.flow.cap != "count"
        apart = other.at - one.at
        sentence = (
            f"It writes by {one.message.channel} (“{one.message.name}”) and by {other.message.channel}"
            f" (“{other.message.name}”) on one day{_said(apart)}"
        )
        todo = (
            f"This is what “cap: {subject.flow.cap}” says: between flows it would not be done"
            if planned
            else "Put a day between them, or let one of them go to those who cannot be reached by the other"
        )
        yield Clash(subject.flow.flow, subject.where(other.step), sentence, todo, planned=planned)


def _pairs(way: Way) -> Iterator[tuple[Sending, Sending]]:
    for one, other in combinations(way.sendings, 2):
        marketing = one.message.purpose == other.message.purpose == "marketing"
        if marketing and one.message.channel != other.message.channel and other.at - one.at < SAME_DAY:
            yield one, other


def _said(apart: timedelta) -> str:
    hours = apart // timedelta(hours=1)
    return f", {durations.say(timedelta(hours=hours))} apart" if hours else ""


CHANNELS_SAME_DAY = Conflict("channels_same_day", __doc__, look)
