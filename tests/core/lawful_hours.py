"""When marketing by telephone is lawful, computed for itself: offsets, clock changes and French holidays by arithmetic,
the rules typed in from what the laws say. Shares nothing with the product, nor with the tz database.
"""

from __future__ import annotations

from datetime import date, datetime, time, timedelta
from functools import cache

# Hours from UTC in winter, and whose clock changes are kept. Where a state lies in two zones, both.
_EASTERN, _CENTRAL, _MOUNTAIN, _PACIFIC = (-5, "us"), (-6, "us"), (-7, "us"), (-8, "us")
Zone = tuple[int, str]

STATES: dict[str, tuple[Zone, ...]] = {
    **dict.fromkeys("CT DC DE GA MA MD ME NC NH NJ NY OH PA RI SC VA VT WV".split(), (_EASTERN,)),
    **dict.fromkeys("AL AR IA IL LA MN MO MS OK WI".split(), (_CENTRAL,)),
    **dict.fromkeys("CO MT NM UT WY".split(), (_MOUNTAIN,)),
    **dict.fromkeys("CA WA".split(), (_PACIFIC,)),
    **dict.fromkeys("FL IN KY MI TN".split(), (_EASTERN, _CENTRAL)),
    **dict.fromkeys("KS ND NE SD TX".split(), (_CENTRAL, _MOUNTAIN)),
    **dict.fromkeys("ID NV OR".split(), (_MOUNTAIN, _PACIFIC)),
    # The Navajo Nation changes its clocks, the rest of Arizona does not.
    "AZ": ((-7, ""), _MOUNTAIN),
    "AK": ((-9, "us"), (-10, "us")),
    "HI": ((-10, ""),),
}
COUNTRIES: dict[str, tuple[Zone, ...]] = {"FR": ((1, "eu"),), "DE": ((1, "eu"),), "GB": ((0, "eu"),)}
PLACES = {**{f"US-{state}": zones for state, zones in STATES.items()}, **COUNTRIES}


def lawful(place: str, moment: datetime) -> bool:
    """Whether a text may reach somebody of this place at this moment (UTC, without zone), wherever in it they are."""
    return all(_allowed(place, moment + _offset(zone, moment)) for zone in PLACES[place])


def merchant_allows(place: str, moment: datetime, quiet: tuple[int, int]) -> bool:
    """The same for a merchant's quiet hours from one hour of the evening to one of the morning."""
    return all(quiet[1] <= (moment + _offset(zone, moment)).hour < quiet[0] for zone in PLACES[place])


def _allowed(place: str, wall: datetime) -> bool:
    hour, day = wall.hour, wall.isoweekday()
    match place:
        case "FR":
            return 8 <= hour < 22 and day != 7 and wall.date() not in _french_holidays(wall.year)
        case "DE" | "GB":
            return 10 <= hour < 18
        case "US-TX":
            return (12 if day == 7 else 9) <= hour < 21
        case "US-RI":
            return 10 <= hour < 17 if day >= 6 else 9 <= hour < 18
        case "US-CT":
            return 9 <= hour < 20
        case "US-FL" | "US-OK" | "US-MD" | "US-MS" | "US-NJ" | "US-WA":
            return 8 <= hour < 20
        case _:
            return 8 <= hour < 21


def _offset(zone: Zone, moment: datetime) -> timedelta:
    hours, rule = zone
    return timedelta(hours=hours + (1 if rule and _is_summer(rule, hours, moment) else 0))


def _is_summer(rule: str, hours: int, moment: datetime) -> bool:
    begins, ends = _summer(rule, moment.year)
    if rule == "eu":
        return begins <= moment < ends
    # At two in the morning of the local clock: of standard time when it begins, of summer time when it ends.
    return begins - timedelta(hours=hours) <= moment < ends - timedelta(hours=hours + 1)


@cache
def _summer(rule: str, year: int) -> tuple[datetime, datetime]:
    """EU: last Sundays of March and October, 1:00 UTC. US: second of March, first of November, 2:00 by the wall."""
    if rule == "eu":
        march, october = (date(year, month, _sundays(year, month)[-1]) for month in (3, 10))
        return datetime.combine(march, time(1)), datetime.combine(october, time(1))
    begins, ends = date(year, 3, _sundays(year, 3)[1]), date(year, 11, _sundays(year, 11)[0])
    return datetime.combine(begins, time(2)), datetime.combine(ends, time(2))


def _sundays(year: int, month: int) -> list[int]:
    return [day for day in range(1, 31 if month == 11 else 32) if date(year, month, day).isoweekday() == 7]


@cache
def _french_holidays(year: int) -> frozenset[date]:
    """Article L3133-1 of the Code du travail."""
    fixed = {(1, 1), (5, 1), (5, 8), (7, 14), (8, 15), (11, 1), (11, 11), (12, 25)}
    easter = _easter(year)
    # Easter Monday, Ascension, Whit Monday.
    return frozenset({date(year, *day) for day in fixed} | {easter + timedelta(days=days) for days in (1, 39, 50)})


def _easter(year: int) -> date:
    """The Gregorian computus as Meeus, Jones and Butcher have it."""
    golden, century, rest = year % 19, year // 100, year % 100
    moon = (19 * golden + century - century // 4 - (century - (century + 8) // 25 + 1) // 3 + 15) % 30
    week = (32 + 2 * (century % 4) + 2 * (rest // 4) - moon - rest % 4) % 7
    late = (golden + 11 * moon + 22 * week) // 451
    month, day = divmod(moon + week - 7 * late + 114, 31)
    return date(year, month, day + 1)
