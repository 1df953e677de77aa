"""Where a person may be: the places whose rules may hold for them and the time zones that may be theirs.

Told by their address, their profile and their number, in this order; by the shop only where these say nothing. Zones of
numbers come from the phonenumbers library: an area code tells one zone or a few, a mobile number in many countries only
the country, a toll-free number nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import phonenumbers
from phonenumbers import PhoneNumberType
from phonenumbers.timezone import UNKNOWN_TIMEZONE, time_zones_for_number
from sqlalchemy import RowMapping

from connector import regions
from flows.core.calendar import zone

# How much a sign tells: a region or one zone of a country, a country, nothing but that there is a number.
_EXACT, _VAGUE, _NOTHING = 2, 1, 0
_SETTLED = frozenset({PhoneNumberType.MOBILE, PhoneNumberType.FIXED_LINE, PhoneNumberType.FIXED_LINE_OR_MOBILE})


@dataclass(frozen=True)
class Whereabouts:
    """``places``: countries or regions (``FR``, ``US-TX``); ``zones``: names of time zones, at least one; ``told_by``:
    address | profile | number | shop."""

    places: tuple[str, ...]
    zones: tuple[str, ...]
    told_by: tuple[str, ...]


@dataclass(frozen=True)
class _Sign:
    told_by: str
    place: str | None
    zones: tuple[str, ...]
    tells: int


def find(
    person: Mapping[str, Any] | RowMapping, settings: Mapping[str, Any], timezone: str, *, by_number: bool
) -> Whereabouts:
    """Where this row of ``persons`` may be. ``settings`` and ``timezone`` are the shop's.

    ``by_number``: it is about what comes to their telephone, so that the number counts beside the other signs; else it
    counts only where they say nothing, and the first sign that is exact decides alone.
    """
    told = [_by_address(person), _by_profile(person)]
    if by_number or not any(told):
        told.append(_by_number(person["phone"]))
    signs = _telling([sign for sign in told if sign is not None])
    if not by_number:
        signs = [sign for sign in signs if sign.tells == _EXACT][:1] or signs[:1]
    zones = _unique(name for sign in signs for name in sign.zones)
    places = _unique(sign.place for sign in signs if sign.place)
    # Of a country whose region another sign tells, only that one's rules are asked for.
    named = {place.partition("-")[0] for place in places if "-" in place}
    places = tuple(place for place in places if place not in named)
    from_shop = () if places and zones else ("shop",)
    if not places and settings["country"]:
        places = (settings["country"],)
    return Whereabouts(places, zones or (timezone,), tuple(sign.told_by for sign in signs) + from_shop)


def home(person: Mapping[str, Any] | RowMapping, timezone: str) -> str:
    """The zone whose days are the person's: of the first sign that is exact, else the shop's."""
    for sign in (_by_address(person), _by_profile(person)):
        if sign is not None and sign.tells == _EXACT:
            return sign.zones[0]
    number = _by_number(person["phone"])
    return number.zones[0] if number is not None and number.tells == _EXACT else timezone


def _telling(signs: Sequence[_Sign]) -> list[_Sign]:
    """Without the signs beside which another tells more: of the same country, or anything at all."""
    exact = {sign.place.partition("-")[0] for sign in signs if sign.tells == _EXACT and sign.place}
    return [
        sign
        for sign in signs
        if sign.tells == _EXACT
        or (sign.tells == _VAGUE and sign.place not in exact)
        or all(other.tells == _NOTHING for other in signs)
    ]


def _by_address(person: Mapping[str, Any] | RowMapping) -> _Sign | None:
    place = regions.place_of(person["country"], person["region"])
    if place is None:
        return None
    known = regions.region(place)
    own = known.zones if known else ()
    zones = own or regions.zones_of(place.partition("-")[0])
    return _Sign("address", place, zones, _EXACT if own or len(zones) == 1 else _VAGUE)


def _by_profile(person: Mapping[str, Any] | RowMapping) -> _Sign | None:
    name = person["timezone"]
    if not name or zone(name).key != name:
        return None
    return _Sign("profile", regions.country_of_zone(name), (name,), _EXACT)


def _by_number(phone: str | None) -> _Sign | None:
    try:
        number = phonenumbers.parse(phone or "")
    except phonenumbers.NumberParseException:
        return None
    kind = phonenumbers.number_type(number)
    zones = tuple(name for name in time_zones_for_number(number) if name != UNKNOWN_TIMEZONE)
    calling_code = number.country_code or 0
    code = phonenumbers.region_code_for_number(number) or phonenumbers.region_code_for_country_code(calling_code)
    if not zones or kind not in _SETTLED:
        return _Sign("number", code if regions.zones_of(code) else None, zones, _NOTHING) if zones else None
    exact = len(zones) == 1 or phonenumbers.is_number_type_geographical(kind, calling_code)
    return _Sign("number", _place_of_number(code, number), zones, _EXACT if exact else _VAGUE)


def _place_of_number(country: str, number: phonenumbers.PhoneNumber) -> str | None:
    if number.country_code == 1 and country == "US":
        area = (number.national_number or 0) // 10**7
        return regions.place_of_area(area) or country
    return regions.place_of(country, None)


def _unique(names: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(names))
