"""What arming the past would do, before it is asked for."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from zoneinfo import ZoneInfo

from sqlalchemy import Connection, text

from connector.shops import Shop
from flows.core.signals import SignalSettings
from flows.engine.arming import anchors
from flows.engine.arming.choice import Choice, ears
from flows.engine.arming.planning import Clock, Plan, plan
from flows.engine.arming.rations import Rations

# People in one round of statements.
PAGE = 2000


@dataclass(frozen=True)
class Day:
    """How many clocks ring on a day of the shop: at their own moment, and late by the ration."""

    day: date
    in_time: int
    late: int


@dataclass(frozen=True)
class Preview:
    """``in_time``: clocks for their own moment, ``late``: by the ration; ``moved`` of both run already, for other
    thresholds. ``running``, ``told``, ``left_out``: who is left alone, and why. ``agreed``: how many of the people have
    an address and agreed to newsletters. ``flows`` would start, if they let the person in; ``heard``: whether anybody
    hears of it at all. ``partial``: there are more people than were looked at, and so more of everything.
    """

    choice: Choice
    flows: tuple[str, ...]
    heard: bool
    in_time: int
    late: int
    moved: int
    running: int
    told: int
    left_out: int
    agreed: int
    days: tuple[Day, ...]
    partial: bool = False

    @property
    def total(self) -> int:
        return self.in_time + self.late


def preview(connection: Connection, shop: Shop, choice: Choice, now: datetime, *, most: int | None = None) -> Preview:
    """Count what would be armed, by day. Raises InvalidInput for a choice that makes no sense.

    ``most``: so many people are looked at, in whole rounds, for whoever waits for the answer; None: all of them.
    """
    choice.check()
    heard = ears(connection, shop, choice.signal)
    zone = ZoneInfo(shop.timezone)
    own: Counter[date] = Counter()
    late: list[tuple[str, str]] = []
    counts: Counter[str] = Counter()
    partial = False
    for page, ids in enumerate(_pages(connection, shop.id)):
        if most is not None and page * PAGE >= most:
            partial = True
            break
        made = plan(connection, shop, choice, heard.settings, ids, now)
        late += [(clock.seed, clock.timer.key) for clock in made.clocks if clock.late]
        own.update(clock.timer.due_at.astimezone(zone).date() for clock in made.clocks if not clock.late)
        counts.update(running=made.running, told=made.told, left_out=made.left_out)
        counts["moved"] += sum(clock.moved for clock in made.clocks)
        counts["agreed"] += _agreed(connection, shop, made.clocks)
    rationed: Counter[date] = Counter()
    if choice.daily is not None:
        rations = Rations(Rations.of(len(late), choice.daily), choice.daily, now, shop.timezone)
        rationed.update(rations.place(choice.signal, *one).astimezone(zone).date() for one in late)
    return Preview(
        choice=choice,
        flows=heard.flows,
        heard=heard.told,
        in_time=own.total(),
        late=len(late),
        moved=counts["moved"],
        running=counts["running"],
        told=counts["told"],
        left_out=counts["left_out"],
        agreed=counts["agreed"],
        days=tuple(Day(day, own[day], rationed[day]) for day in sorted({*own, *rationed})),
        partial=partial,
    )


def plans(
    connection: Connection, shop: Shop, choice: Choice, settings: SignalSettings, now: datetime
) -> Iterator[Plan]:
    """The plan of all people of the shop, a page at a time."""
    for ids in _pages(connection, shop.id):
        yield plan(connection, shop, choice, settings, ids, now)


def _pages(connection: Connection, shop_id: int) -> Iterator[Sequence[int]]:
    after = 0
    while ids := anchors.people(connection, shop_id, after, PAGE):
        yield ids
        after = ids[-1]


def _agreed(connection: Connection, shop: Shop, clocks: Sequence[Clock]) -> int:
    ids = sorted({clock.person_id for clock in clocks})
    return int(connection.scalar(_AGREED, {"shop_id": shop.id, "ids": ids}) or 0) if ids else 0


_AGREED = text(
    """
SELECT count(*) FROM persons JOIN consents ON consents.shop_id = persons.shop_id AND consents.person_id = persons.id
    AND consents.channel = 'email' AND consents.purpose = 'newsletter' AND consents.state = 'subscribed'
WHERE persons.shop_id = :shop_id AND persons.id = ANY(CAST(:ids AS bigint[])) AND persons.email IS NOT NULL
"""
)
