"""Two flows that start on the same thing, for the same people, and write to them within a day of one another."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

from flows.core import durations
from flows.core.conflicts.conflict import Clash, Conflict, Shelf
from flows.core.lints.lint import Subject
from flows.core.plans import Sending

CLOSE = timedelta(days=1)


def look(shelf: Shelf) -> Iterator[Clash]:
    for one, other in shelf.pairs:
        found = _closest(one, other)
        if found is None:
            continue
        mine, theirs = found
        sentence = (
            f"“{one.flow.flow}” and “{other.flow.flow}” start on {_occasion(one, other)} for the same people, and both"
            f" write: “{mine.message.name}” after {_said(mine.at)}, “{theirs.message.name}” after {_said(theirs.at)}"
        )
        todo = "Use one of them, give each its own audience, or let one name the other's tag in not_while_in"
        yield Clash(one.flow.flow, ("trigger",), sentence, todo, other=other.flow.flow)


def _closest(one: Subject, other: Subject) -> tuple[Sending, Sending] | None:
    pairs = [
        (abs(mine.at - theirs.at), n, mine, theirs)
        for n, (mine, theirs) in enumerate((mine, theirs) for mine in _marketing(one) for theirs in _marketing(other))
    ]
    best = min(pairs, key=lambda pair: pair[:2], default=None)
    return (best[2], best[3]) if best is not None and best[0] < CLOSE else None


def _marketing(subject: Subject) -> list[Sending]:
    found = (sending for way in subject.plan.ways for sending in way.sendings)
    return list(dict.fromkeys(sending for sending in found if sending.message.purpose == "marketing"))


def _occasion(one: Subject, other: Subject) -> str:
    names = dict.fromkeys((one.flow.trigger.on, other.flow.trigger.on))
    return " and ".join(names)


def _said(span: timedelta) -> str:
    return durations.say(timedelta(minutes=span // timedelta(minutes=1))) if span else "0h"


OVERLAP = Conflict("overlap", __doc__, look)
