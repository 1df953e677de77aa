"""Regions of countries, from ``regions.yaml``: their time zones, area codes and holidays; and the zones of countries,
from the tz database's own list (``zone.tab``).

A place is a country (``FR``) or one of these regions (``US-TX``), by ISO 3166.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from types import MappingProxyType

from marshmallow import RAISE, Schema, fields, validate

from connector import shipped_yaml


@dataclass(frozen=True)
class Region:
    """One of ``regions.yaml``; ``holidays``: its name in the holidays library."""

    zones: tuple[str, ...]
    area_codes: frozenset[int]
    holidays: str | None


def place_of(country: str | None, region: str | None) -> str | None:
    """``("US", "US-TX")`` as the place whose rules hold: ``US-TX``. The country alone for a region that is not in
    ``regions.yaml`` or of another country."""
    if not country:
        return None
    code = country.upper()
    if region and region.startswith(f"{code}-") and region in _regions().regions:
        return region
    return _regions().territories.get(code, code)


def region_of(country: str | None, province: str | None, postcode: str | None) -> str | None:
    """The region that an address of the store names, to be kept: ``US-TX``; in France by the postcode's first digits.

    ``province``: the store's provinceCode. None where the address names none.
    """
    code = (country or "").upper()
    if code == "FR":
        digits = (postcode or "").strip()
        if len(digits) != 5 or not digits.isdigit():
            return None
        return f"FR-{digits[: 3 if digits.startswith(('97', '98')) else 2]}"
    named = (province or "").strip().upper()
    return f"{code}-{named}" if code and named.isalnum() and len(named) <= 3 else None


def region(place: str) -> Region | None:
    """What ``regions.yaml`` says of ``US-TX``; None for a place that is not in it."""
    return _regions().regions.get(place)


def place_of_area(area_code: int) -> str | None:
    """The region of an area code of the North American Numbering Plan; None for one that is not in ``regions.yaml``."""
    return _regions().by_area_code.get(area_code)


def zones_of(country: str) -> tuple[str, ...]:
    """The time zones of a country, none for what is no country."""
    one = one_clocks().get(country)
    return (one,) if one else _all_zones().get(country, ())


def one_clocks() -> Mapping[str, str]:
    """{country: the one that stands for its zones, which all show the same time}."""
    return _regions().one_clock


def country_of_zone(name: str) -> str | None:
    """The country that a time zone belongs to; None for a zone that is no country's."""
    return _countries().get(name)


class _RegionSchema(Schema):
    class Meta:
        unknown = RAISE

    zones = fields.List(fields.String(), load_default=list)
    area_codes = fields.List(fields.Integer(strict=True), load_default=list)
    holidays = fields.String(load_default=None)


_CODE = validate.Regexp(r"[A-Z]{2}\Z")
_RegionsSchema = Schema.from_dict(
    {
        "countries": fields.Dict(
            keys=fields.String(validate=_CODE),
            values=fields.Dict(keys=fields.String(), values=fields.Nested(_RegionSchema)),
            required=True,
        ),
        "one_clock": fields.Dict(keys=fields.String(validate=_CODE), values=fields.String(), required=True),
        "territories": fields.Dict(keys=fields.String(validate=_CODE), values=fields.String(), required=True),
    },
    name="RegionsSchema",
)


@dataclass(frozen=True)
class _Regions:
    regions: Mapping[str, Region]
    one_clock: Mapping[str, str]
    territories: Mapping[str, str]
    by_area_code: Mapping[int, str]


@cache
def _regions() -> _Regions:
    text = (files("connector") / "regions.yaml").read_text(encoding="utf-8")
    loaded = _RegionsSchema().load(shipped_yaml.load(text))
    regions = {
        f"{country}-{code}": Region(tuple(entry["zones"]), frozenset(entry["area_codes"]), entry["holidays"])
        for country, entries in loaded["countries"].items()
        for code, entry in entries.items()
    }
    by_area_code = {area: place for place, entry in regions.items() for area in entry.area_codes}
    return _Regions(
        MappingProxyType(regions), loaded["one_clock"], loaded["territories"], MappingProxyType(by_area_code)
    )


@cache
def _all_zones() -> Mapping[str, tuple[str, ...]]:
    """{country: its zones}, as zone.tab lists them."""
    found: dict[str, list[str]] = {}
    for line in (files("tzdata") / "zoneinfo" / "zone.tab").read_text(encoding="utf-8").splitlines():
        if not line.startswith("#"):
            country, _, name, *_ = line.split("\t")
            found.setdefault(country, []).append(name)
    return MappingProxyType({country: tuple(names) for country, names in found.items()})


@cache
def _countries() -> Mapping[str, str]:
    """{zone: its country}."""
    return MappingProxyType({name: country for country, names in _all_zones().items() for name in names})
