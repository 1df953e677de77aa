"""What each kind that looks at figures says, over figures that are made up."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any, cast

import pytest
from sqlalchemy import Connection

from connector.shops import Shop
from flows.analytics import Day, Figures
from sync.alerts.kinds import KINDS
from sync.alerts.kinds.kind import Finding, Looking

NOW = datetime(2026, 11, 18, 9, tzinfo=UTC)
TODAY = NOW.date()
USUAL = Figures(sent=500, delivered=490, opened=160, clicked=30, unsubscribed=1)


def shop(**settings: Any) -> Shop:
    return Shop(1, "tea.example", "Tea", "active", "a@tea.example", "Tea", "Europe/Berlin", "EUR", b"", settings)


def looking(
    figures: Mapping[date, Figures], *, now: datetime = NOW, usual: Figures = USUAL, of: Shop | None = None
) -> Looking:
    """A shop in which each day was usual but these."""

    def by_day(
        connection: Connection, shop: Shop, since: date, until: date, *, channel: str | None = None
    ) -> Sequence[Day]:
        days = (since + timedelta(days=n) for n in range((until - since).days + 1))
        return [Day(day, figures.get(day, usual)) for day in days]

    nobody = cast(Connection, None)
    return Looking(nobody, of or shop(), now, now, by_day, lambda times: {})


def ago(days: int) -> date:
    return TODAY - timedelta(days=days)


def found(kind: str, look: Looking) -> list[Finding]:
    return [one for one in KINDS[kind].look(look) if not one.faint]


METRICS = ("falling_opens", "falling_clicks", "rising_unsubscribes", "complaints")


@pytest.mark.row("S5-205")
@pytest.mark.row("S5-194")
@pytest.mark.parametrize(
    "kind, changed, said",
    [
        ("falling_opens", {"opened": 60}, "12.2 % were opened; in the four weeks before it was 32.7 %"),
        ("falling_clicks", {"clicked": 4}, "0.82 % were clicked; in the four weeks before it was 6.1 %"),
        ("rising_unsubscribes", {"unsubscribed": 12}, "24 people unsubscribed from the 980 emails of 2 days (2.4 %)"),
        ("complaints", {"complained": 6}, "12 of the 3430 emails of 7 days were reported as spam (0.35 %)"),
    ],
)
def test_a_sudden_change_is_told_within_days_and_by_its_kind_alone(kind: str, changed: Any, said: str) -> None:
    look = looking({ago(days): replace(USUAL, **changed) for days in (2, 3)})
    (one,) = found(kind, look)
    assert said in one.sentence
    assert [other for other in METRICS if other != kind and found(other, look)] == []


@pytest.mark.parametrize("kind", METRICS)
def test_what_is_usual_and_what_is_small_raises_nothing(kind: str) -> None:
    assert found(kind, looking({})) == []
    small = Figures(sent=6, delivered=6, opened=2, clicked=1)
    worst = Figures(sent=6, delivered=6, unsubscribed=2, complained=1)
    assert found(kind, looking({ago(2): worst}, usual=small)) == []


def test_a_slow_change_shows_in_a_week() -> None:
    slow = {ago(days): replace(USUAL, opened=115) for days in range(2, 9)}
    (one,) = found("falling_opens", looking(slow))
    assert "emails of 7 days" in one.sentence
    # Yesterday and today do not count: they are still being opened.
    assert found("falling_opens", looking({ago(0): replace(USUAL, opened=0), ago(1): replace(USUAL, opened=0)})) == []


def test_what_is_between_the_limits_keeps_an_alert_and_raises_none() -> None:
    between = {ago(days): replace(USUAL, opened=140) for days in range(2, 9)}
    (one,) = KINDS["falling_opens"].look(looking(between))
    assert one.faint


def test_complaints_past_the_merchants_own_limit_are_critical() -> None:
    look = looking({ago(days): replace(USUAL, complained=5) for days in range(7)})
    assert [one.tone for one in found("complaints", look)] == ["critical"]
    lenient = shop(complaint_brake={"percent": 5.0})
    assert found("complaints", looking({ago(1): replace(USUAL, complained=5)}, of=lenient)) == []
