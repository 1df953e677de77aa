"""The flows to begin with, in what order, and how long such flows are: recommendations, held beside what ships."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from importlib.resources import files
from itertools import pairwise
from pathlib import Path

from flows.core.model import FlowVersion
from flows.core.plans import Way, plan

DAY, HOUR = timedelta(days=1), timedelta(hours=1)
NOTHING = timedelta(0)


@dataclass(frozen=True, slots=True)
class Guide:
    """What is recommended, each as (least, most). `days`: from the fact that starts the flow to its last email.
    `first`: from there to the first email. `apart`: between two emails, None where it is left open."""

    emails: tuple[int, int]
    days: tuple[int, int]
    first: tuple[timedelta, timedelta]
    apart: tuple[timedelta, timedelta] | None


@dataclass(frozen=True, slots=True)
class Starter:
    """`why`: what it is good for, in a sentence. `begin`: one of those that a shop begins with."""

    flow: str
    why: str
    begin: bool = False
    guide: Guide | None = None


@dataclass(frozen=True, slots=True)
class Measured:
    """A flow as it is, for somebody who gets all of its emails."""

    emails: int
    span: timedelta
    first: timedelta
    apart: tuple[timedelta, ...]


STARTERS: tuple[Starter, ...] = (
    Starter(
        "welcome",
        "New subscribers have just asked to hear from you: there is no better moment to introduce yourself.",
        begin=True,
        guide=Guide((4, 6), (7, 14), (NOTHING, NOTHING), (DAY, 3 * DAY)),
    ),
    Starter(
        "cart-recovery",
        "Somebody who has filled a cart has all but decided, and a reminder is often all that was missing.",
        guide=Guide((3, 4), (3, 4), (HOUR, 2 * HOUR), (DAY - HOUR, 3 * DAY)),
    ),
    Starter(
        "post-purchase",
        "A first order becomes a second one when the first turns out well.",
        guide=Guide((5, 7), (21, 28), (NOTHING, NOTHING), None),
    ),
    Starter(
        "win-back",
        "Customers who have stopped buying know the shop already; it takes a shop with some months behind it.",
        begin=True,
    ),
    Starter("browse-abandonment", "For those who looked and left nothing behind: many people, and a light touch."),
)
"""In the recommended order."""
BY_FLOW: Mapping[str, Starter] = {starter.flow: starter for starter in STARTERS}


def folder(name: str) -> Path:
    """Where a flow of the library is."""
    return Path(str(files("flows.library") / name))


def measured(flow: FlowVersion) -> Measured:
    """How long this flow is and how far its emails are apart, on the way with the most of them."""

    def emails(way: Way) -> list[timedelta]:
        return [sending.at for sending in way.sendings if sending.message.channel == "email"]

    longest = max((emails(way) for way in plan(flow).ways), key=len, default=[])
    if not longest:
        return Measured(0, NOTHING, NOTHING, ())
    return Measured(len(longest), longest[-1], longest[0], tuple(after - before for before, after in pairwise(longest)))


def strays(flow: FlowVersion, guide: Guide) -> list[str]:
    """In what this flow is not as the guide says, in sentences."""
    found, its = [], measured(flow)
    if not guide.emails[0] <= its.emails <= guide.emails[1]:
        found.append(f"It has {its.emails} emails, not {guide.emails[0]} to {guide.emails[1]}.")
    if not guide.days[0] * DAY <= its.span <= guide.days[1] * DAY:
        found.append(f"It lasts {its.span / DAY:g} days, not {guide.days[0]} to {guide.days[1]}.")
    if not guide.first[0] <= its.first <= guide.first[1]:
        found.append(f"Its first email leaves after {its.first / HOUR:g} hours.")
    if guide.apart is not None:
        found += [
            f"Two of its emails are {gap / DAY:.2g} days apart."
            for gap in its.apart
            if not guide.apart[0] <= gap <= guide.apart[1]
        ]
    return found
