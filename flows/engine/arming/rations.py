"""The daily ration: a place in the coming days for each of those whose moment has passed."""

from __future__ import annotations

from datetime import date, datetime, time, timedelta
from math import ceil
from zoneinfo import ZoneInfo

from flows.core import calendar, chance

# By day in the shop's zone, evenly: no heap at one hour, and nobody at night.
_FROM, _SPREAD = time(9), timedelta(hours=9)


class Rations:
    """``counts``: how many each day has; the first is the day after ``began`` in this zone, which leaves staff the time
    to think again. Never more than ``daily`` of one act on a day.
    """

    def __init__(self, counts: list[int], daily: int, began: datetime, zone: str) -> None:
        self.counts = counts
        self._daily = daily
        self._zone = ZoneInfo(zone)
        self.first: date = began.astimezone(self._zone).date() + timedelta(days=1)

    @staticmethod
    def of(people: int, daily: int) -> list[int]:
        """Empty days that are enough for so many people."""
        return [0] * ceil(people / daily)

    def place(self, signal: str, seed: str, key: str) -> datetime:
        """A moment on a day that has room, by chance but always the same for the same people in the same order."""
        day = self._day(chance.draw("arming-day", signal, seed, key) / 100)
        self.counts[day] += 1
        within = _SPREAD * (chance.draw("arming-hour", signal, seed, key) / 100)
        return calendar.at_wall_time(self.first + timedelta(days=day), _FROM, self._zone) + within

    def _day(self, drawn: float) -> int:
        days = len(self.counts)
        for offset in range(days):
            day = (int(drawn * days) + offset) % days
            if self.counts[day] < self._daily:
                return day
        # More than were counted at the beginning.
        self.counts.append(0)
        return days
