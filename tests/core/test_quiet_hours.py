"""The file of hours, what is read from it, and where somebody may be."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from itertools import groupby
from typing import Any
from zoneinfo import ZoneInfo, available_timezones

import pytest
from marshmallow import ValidationError

from connector import quiet_hours, regions, whereabouts
from connector.quiet_hours import Line
from flows.core.hours import next_open
from tests.architecture.project import PROJECT, table_rows

NOW = datetime(2026, 11, 4, 12, tzinfo=UTC)
FREE: dict[str, Any] = {"quiet_hours": None, "country": ""}
PAGE = PROJECT / "docs" / "quiet-hours.md"


def one(country: str | None = None, region: str | None = None, **known: Any) -> dict[str, Any]:
    return {"country": country, "region": region, "timezone": None, "phone": None, **known}


def found(person: dict[str, Any], *, by_number: bool = True, **settings: Any) -> whereabouts.Whereabouts:
    return whereabouts.find(person, {**FREE, **settings}, "Asia/Tokyo", by_number=by_number)


def rows_of(lines: list[Line]) -> list[list[str]]:
    """The page's table, row by row: what one entry of the file says of several places stands in one row."""

    def said(line: Line) -> tuple[str, str, str]:
        return f"{line.written}{', not on public holidays' if line.holidays else ''}", line.basis, line.source

    rows = []
    for (hours, basis, source), group in groupby(lines, said):
        told = list(group)
        places = dict.fromkeys(f"`{line.where}`" for line in told)
        channels = dict.fromkeys(line.channel for line in told)
        rows.append([", ".join(places), ", ".join(channels), hours, basis, source])
    return rows


def test_the_page_shows_the_hours_of_the_file() -> None:
    assert table_rows(PAGE, 5) == rows_of(lines())


def lines() -> list[Line]:
    return list(quiet_hours.shipped().lines.values())


@pytest.mark.parametrize(
    ("person", "places", "zones", "told_by"),
    [
        (one("US", "US-TX"), ["US-TX"], ["America/Chicago", "America/Denver"], ["address"]),
        (one("us", "US-NY"), ["US-NY"], ["America/New_York"], ["address"]),
        # A region that is none, or another country's, is not believed.
        (one("US", "US-AE", phone="+12125550123"), ["US-NY"], ["America/New_York"], ["number"]),
        (one("DE", "US-TX"), ["DE"], ["Europe/Berlin"], ["address"]),
        (one("US", phone="+12125550123"), ["US-NY"], ["America/New_York"], ["number"]),
        (one("US", timezone="America/Denver"), ["US"], ["America/Denver"], ["profile"]),
        (one(timezone="US/Eastern"), [], ["US/Eastern"], ["profile", "shop"]),
        (one(timezone="Mars/Base"), [], ["Asia/Tokyo"], ["shop"]),
        (one("US", "US-NY", phone="+18005550123"), ["US-NY"], ["America/New_York"], ["address"]),
        (one("FR", phone="+12125550123"), ["FR", "US-NY"], ["Europe/Paris", "America/New_York"], ["address", "number"]),
        (one("RE"), ["FR-974"], ["Indian/Reunion"], ["address"]),
        (one("FR", "FR-974"), ["FR-974"], ["Indian/Reunion"], ["address"]),
        (one("PR"), ["US-PR"], ["America/Puerto_Rico"], ["address"]),
        (one("XX"), ["XX"], ["Asia/Tokyo"], ["address", "shop"]),
        (one(phone="no number"), [], ["Asia/Tokyo"], ["shop"]),
        (one(), [], ["Asia/Tokyo"], ["shop"]),
    ],
)
def test_where_somebody_may_be(person: dict[str, Any], places: list[str], zones: list[str], told_by: list[str]) -> None:
    where = found(person)
    assert (list(where.places), list(where.zones), list(where.told_by)) == (places, zones, told_by)


def test_an_email_goes_by_the_first_sign_that_names_a_zone() -> None:
    abroad = one("FR", timezone="America/Denver", phone="+18085550123")
    assert found(abroad, by_number=False).zones == ("Europe/Paris",)
    assert len(found(abroad).zones) == 3
    assert found(one("US", timezone="America/Denver"), by_number=False).zones == ("America/Denver",)
    assert found(one(phone="+18085550123"), by_number=False).zones == ("Pacific/Honolulu",)


def test_whose_days_they_are() -> None:
    assert whereabouts.home(one("US", "US-TX", timezone="Europe/Paris"), "UTC") == "America/Chicago"
    assert whereabouts.home(one("US", timezone="Europe/Paris"), "UTC") == "Europe/Paris"
    assert whereabouts.home(one("US", phone="+12125550123"), "UTC") == "America/New_York"
    assert whereabouts.home(one("US", phone="+18005550123"), "UTC") == "UTC"


def test_zones_that_are_told_as_one_show_the_same_time() -> None:
    every_day = [NOW.replace(year=2026, month=1, day=1) + timedelta(days=day, hours=-6) for day in range(730)]
    for country, zone in regions.one_clocks().items():
        listed = [ZoneInfo(name) for name in available_timezones() if regions.country_of_zone(name) == country]
        assert len(listed) > 1 and ZoneInfo(zone) in listed
        for moment in every_day:
            assert len({moment.astimezone(where).utcoffset() for where in listed}) == 1, (country, moment)


def test_the_country_of_the_shop_holds_where_nobody_knows_another() -> None:
    assert found(one(), country="FR").places == ("FR",) and found(one("DE"), country="FR").places == ("DE",)


def test_somewhere_in_the_united_states_is_never_an_allowed_hour_in_all_of_them() -> None:
    quiet = quiet_hours.of_person(one("US"), "sms", FREE, "UTC", NOW)
    assert quiet is not None and len(quiet.zones) > 20 and next_open(NOW, quiet) is None
    assert quiet.why["zones"].endswith("more") and "US-?: mon-sun 12:00-17:00" in quiet.why["rules"]


def test_holidays_of_a_region_count_there_alone() -> None:
    boxing_day = date(2026, 12, 26)
    closed = {
        region: boxing_day in quiet.hours.closed
        for region in ("FR-67", "FR-57", "FR-75")
        if (quiet := quiet_hours.of_person(one("FR", region), "sms", FREE, "UTC", NOW))
    }
    assert closed == {"FR-67": True, "FR-57": True, "FR-75": False}


def test_email_is_bound_by_the_merchant_alone() -> None:
    assert quiet_hours.of_person(one("FR"), "email", FREE, "UTC", NOW) is None
    bound = quiet_hours.of_person(
        one("FR"), "email", {**FREE, "quiet_hours": {"start": "21:00", "end": "08:00"}}, "UTC", NOW
    )
    assert bound is not None and bound.hours.week == (((480, 1260),),) * 7 and not bound.hours.closed


@pytest.mark.parametrize(
    ("country", "province", "postcode", "region"),
    [
        ("US", "TX", "77002", "US-TX"),
        ("us", " ca ", None, "US-CA"),
        ("FR", None, "67000", "FR-67"),
        ("FR", "IDF", "75001", "FR-75"),
        ("FR", None, "97400", "FR-974"),
        ("FR", None, "x", None),
        ("DE", None, "10115", None),
        ("US", "Texas", None, None),
        (None, "TX", None, None),
    ],
)
def test_the_region_of_an_address(
    country: str | None, province: str | None, postcode: str | None, region: str | None
) -> None:
    assert regions.region_of(country, province, postcode) == region


ANYWHERE = (
    "{where: ['*'], channels: [sms], hours: {mon-sun: '10:00-18:00'}, holidays: none, basis: custom, source: ours}"
)


@pytest.mark.parametrize(
    ("line", "said"),
    [
        (ANYWHERE, "two lines"),
        (ANYWHERE.replace("'*'", "FR").replace("sms", "whatsapp"), "has none"),
        (ANYWHERE.replace("'*'", "FR").replace("mon-sun", "workdays"), "no days"),
        (
            ANYWHERE.replace("'*'", "FR").replace("mon-sun: '10:00-18:00'", "mon-tue: '1:00-2:00', tue: '3:00-4:00'"),
            "twice",
        ),
        (ANYWHERE.replace("'*'", "FR").replace("10:00-18:00", "18:00-10:00"), "no hours"),
        (ANYWHERE.replace("'*'", "FR").replace("10:00-18:00", "10-18"), "no time of day"),
        (ANYWHERE.replace("'*'", "FR").replace("custom", "habit"), "Must be one of"),
    ],
)
def test_a_line_that_cannot_be_meant_is_refused(line: str, said: str) -> None:
    with pytest.raises(ValidationError, match=said):
        quiet_hours.read(f"reach_minutes: 2\nlines:\n- {ANYWHERE}\n- {line}\n")


_STATES = """
    Alabama AL, Alaska AK, Arizona AZ, Arkansas AR, California CA, Colorado CO, Connecticut CT, Delaware DE, Florida
    FL, Georgia GA, Hawaii HI, Idaho ID, Illinois IL, Indiana IN, Iowa IA, Kansas KS, Kentucky KY, Louisiana LA,
    Maine ME, Maryland MD, Massachusetts MA, Michigan MI, Minnesota MN, Mississippi MS, Missouri MO, Montana MT,
    Nebraska NE, Nevada NV, New Hampshire NH, New Jersey NJ, New Mexico NM, New York NY, North Carolina NC, North
    Dakota ND, Ohio OH, Oklahoma OK, Oregon OR, Pennsylvania PA, Rhode Island RI, South Carolina SC, South Dakota
    SD, Tennessee TN, Texas TX, Utah UT, Vermont VT, Virginia VA, Washington WA, West Virginia WV, Wisconsin WI,
    Wyoming WY
"""
NAMES = {name: code for name, _, code in (" ".join(entry.split()).rpartition(" ") for entry in _STATES.split(","))}


@pytest.mark.long
def test_area_codes_are_where_the_library_of_numbers_places_them() -> None:
    import phonenumbers
    from phonenumbers import geocoder

    states = {**NAMES, "Washington State": "WA", "Washington D.C.": "DC"}
    compared = 0
    for area in range(200, 1000):
        number = phonenumbers.parse(f"+1{area}5550123")
        if phonenumbers.region_code_for_number(number) == "US":
            told = geocoder.description_for_number(number, "en").split(", ")[-1].split("/")
            places = {f"US-{states.get(name, name)}" for name in told if name not in ("", "United States")}
            if places:
                assert set(found(one(phone=f"+1{area}5550123")).places) <= places, area
                compared += 1
    assert compared > 300
