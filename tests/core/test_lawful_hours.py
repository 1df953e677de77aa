"""No marketing in forbidden hours: the gate, on the hours that the connector finds for a person, against an oracle that
knows only the laws (``lawful_hours.py``)."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest

from connector import quiet_hours
from flows.core.gate import Defer, GateFacts, GateMessage, Send, gate
from flows.core.hours import Quiet
from flows.core.permission import Yes
from tests.core.lawful_hours import PLACES, lawful, merchant_allows

BEGIN = datetime.fromisoformat("2026-01-01")
QUARTERS = 2 * 365 * 96
CHANNELS = ("sms", "whatsapp", "email")
# A merchant's own, which email follows alone.
EVENING, MORNING = 22, 7
BOUND = {"quiet_hours": {"start": f"{EVENING}:00", "end": f"0{MORNING}:00"}, "country": ""}
FREE = {"quiet_hours": None, "country": ""}
SHOP = "Europe/Paris"

Ask = Callable[[dict[str, Any], str, datetime], Quiet | None]


def found_for(person: dict[str, Any], channel: str, now: datetime) -> Quiet | None:
    return quiet_hours.of_person(person, channel, BOUND if channel == "email" else FREE, SHOP, now)


def in_the_shops_zone(person: dict[str, Any], channel: str, now: datetime) -> Quiet | None:
    quiet = found_for(person, channel, now)
    assert quiet is not None
    return replace(quiet, zones=(ZoneInfo(SHOP),))


def person_at(place: str, phone: str | None = None) -> dict[str, Any]:
    country = place[:2]
    return {"country": country, "region": place if "-" in place else None, "timezone": None, "phone": phone}


def expected(places: Iterable[str], channel: str, moment: datetime) -> bool:
    if channel == "email":
        return all(merchant_allows(place, moment, (EVENING, MORNING)) for place in places)
    return all(lawful(place, moment) for place in places)


LATE = BEGIN.replace(tzinfo=UTC) + timedelta(days=800)


def wrong(
    person: dict[str, Any], places: Sequence[str], channel: str, cells: range, ask: Ask = found_for
) -> list[tuple[str, str, datetime, str]]:
    """The quarter hours of these (numbers since BEGIN) at which the gate does not say what the oracle says: sends when
    it may not, keeps back what may leave, or puts off to a moment that is not allowed."""
    message = GateMessage("news", UUID(int=1), channel, "marketing", "own", 1, LATE, LATE)
    # What is allowed is computed once for every cell and for those that a deferral leads to.
    allowed: dict[datetime, bool] = {}

    def may(moment: datetime) -> bool:
        if moment not in allowed:
            allowed[moment] = expected(places, channel, moment)
        return allowed[moment]

    found = []
    facts, day = GateFacts(permission=Yes()), -1
    for cell in cells:
        moment = BEGIN + timedelta(minutes=15 * cell)
        now = moment.replace(tzinfo=UTC)
        if cell // 96 != day:
            day = cell // 96
            facts = GateFacts(permission=Yes(), quiet=ask(person, channel, now))
        verdict = gate(message, facts, now)
        if isinstance(verdict, Send) != may(moment):
            found.append((places[0], channel, moment, "sends" if isinstance(verdict, Send) else "keeps back"))
        elif isinstance(verdict, Defer):
            until = verdict.until.replace(tzinfo=None)
            if not may(until) or until <= moment:
                found.append((places[0], channel, until, "puts off to"))
    return found


@pytest.mark.long
@pytest.mark.timeout(900)
@pytest.mark.parametrize("channel", CHANNELS)
@pytest.mark.parametrize("year", [0, 1])
def test_every_quarter_hour_of_two_years(channel: str, year: int) -> None:
    cells = range(year * QUARTERS // 2, (year + 1) * QUARTERS // 2)
    for place in PLACES:
        assert not wrong(person_at(place), [place], channel, cells), place


@pytest.mark.parametrize("channel", CHANNELS)
def test_quarter_hours_all_over_two_years(channel: str) -> None:
    # 6 h 15 min apart, so that every quarter of the day comes up; another beginning for each place.
    for n, place in enumerate(PLACES):
        assert not wrong(person_at(place), [place], channel, range(n, QUARTERS, 25 * 9)), place


@pytest.mark.parametrize("place", ["FR", "US-TX", "US-AZ", "GB"])
def test_every_quarter_hour_around_clock_changes_and_holidays(place: str) -> None:
    for day in ("2026-03-07", "2026-03-28", "2026-05-13", "2026-10-24", "2026-10-31", "2026-12-24"):
        first = (datetime.fromisoformat(day) - BEGIN) // timedelta(minutes=15)
        assert not wrong(person_at(place), [place], "sms", range(first, first + 3 * 96))


SAMPLE = range(0, QUARTERS, 101)


@pytest.mark.parametrize(
    ("home", "phone", "other"),
    [
        ("US-TX", "+13055550123", "US-FL"),
        ("US-NY", "+14155550123", "US-CA"),
        ("US-RI", "+18085550123", "US-HI"),
        ("FR", "+12125550123", "US-NY"),
    ],
)
def test_a_number_of_elsewhere_counts_beside_the_address(home: str, phone: str, other: str) -> None:
    def forbidden(person: dict[str, Any]) -> int:
        return sum(said != "keeps back" for *_, said in wrong(person, [home, other], "sms", SAMPLE))

    assert forbidden(person_at(home, phone)) == 0
    assert forbidden(person_at(home)), "the control: the address alone does not tell"


@pytest.mark.parametrize(
    ("phone", "place"), [("+14155550123", "US-CA"), ("+18085550123", "US-HI"), ("+33612345678", "FR")]
)
def test_a_number_alone_tells_where_somebody_is(phone: str, place: str) -> None:
    nowhere = {"country": None, "region": None, "timezone": None, "phone": phone}
    assert not wrong(nowhere, [place], "sms", SAMPLE)


@pytest.mark.parametrize("phone", ["+18005550123", "+17135550123", None])
def test_a_number_that_says_no_more_than_the_address_changes_nothing(phone: str | None) -> None:
    assert not wrong(person_at("US-TX", phone), ["US-TX"], "sms", SAMPLE)


def test_a_gate_that_reads_the_clock_of_the_shop_is_caught() -> None:
    """The control."""
    cells = range(0, QUARTERS, 211)
    caught = {
        place
        for place in PLACES
        if any(said == "sends" for *_, said in wrong(person_at(place), [place], "sms", cells, in_the_shops_zone))
    }
    assert caught == set(PLACES) - {"FR", "DE"}, "only these have the shop's clock"
