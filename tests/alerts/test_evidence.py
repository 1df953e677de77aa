"""Few messages raise no alarm, chance raises hardly any, and a real change is found."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from random import Random

import pytest

from sync.alerts.evidence import Share, exceeds, fallen, risen
from sync.alerts.kinds.silence import is_silent
from sync.alerts.rhythm import rhythm

MONDAY = date(2026, 11, 2)
DAY, HOUR = timedelta(days=1), timedelta(hours=1)


@pytest.mark.parametrize(
    "recent, before, verdict",
    [
        # Half as many opens: told of a thousand emails, not of ten.
        (Share(200, 1000), Share(1600, 4000), "clear"),
        (Share(2, 10), Share(1600, 4000), "faint"),
        (Share(0, 12), Share(8, 20), "faint"),
        # A tenth less is no fall, and nothing before is nothing to fall from.
        (Share(370, 1000), Share(1600, 4000), None),
        (Share(0, 1000), Share(0, 0), None),
        (Share(0, 0), Share(1600, 4000), None),
    ],
)
def test_a_fall_is_told_from_chance(recent: Share, before: Share, verdict: str | None) -> None:
    assert fallen(recent, before) == verdict


@pytest.mark.parametrize(
    "recent, before, verdict",
    [
        (Share(30, 1000), Share(20, 4000), "clear"),
        (Share(4, 40), Share(20, 4000), None),
        (Share(6, 700), Share(20, 4000), "faint"),
        (Share(5, 1000), Share(20, 4000), None),
        (Share(30, 1000), Share(0, 0), None),
    ],
)
def test_a_rise_is_told_from_chance(recent: Share, before: Share, verdict: str | None) -> None:
    assert risen(recent, before, least=5) == verdict


@pytest.mark.parametrize(
    "found, verdict",
    [(Share(10, 1000), "clear"), (Share(2, 100), None), (Share(3, 2500), "faint"), (Share(3, 10_000), None)],
)
def test_a_limit_is_past_only_when_it_surely_is(found: Share, verdict: str | None) -> None:
    assert exceeds(found, 0.001, least=3) == verdict


def test_chance_alone_raises_hardly_an_alarm_and_a_bare_comparison_would() -> None:
    """A shop of 300 emails a day whose people open a third of them, for 400 weeks."""
    chance, alarms, bare = Random(7), 0, 0
    for _ in range(400):
        recent, before = (Share(sum(chance.random() < 0.33 for _ in range(n)), n) for n in (60, 240))
        alarms += fallen(recent, before) == "clear"
        bare += recent.rate < 0.8 * before.rate
    assert alarms == 0
    assert bare > 10, "the comparison without bounds was to fail"


def came(last: date, days: int, a_day: int, *, without: tuple[int, ...] = ()) -> list[tuple[date, int]]:
    """So many a day for so many days up to the last, but on these days of the week."""
    found = [last - n * DAY for n in reversed(range(days))]
    return [(day, a_day) for day in found if day.weekday() not in without]


@pytest.mark.parametrize(
    "days, silence, silent",
    [
        # Every day, many: a day and an hour of nothing are told; an evening is not.
        (came(MONDAY, 28, 40), 25 * HOUR, True),
        (came(MONDAY, 28, 40), 20 * HOUR, False),
        # Never at weekends: not on a Monday morning, but by Saturday of a week without any.
        (came(MONDAY - 3 * DAY, 28, 40, without=(5, 6)), 65 * HOUR, False),
        (came(MONDAY - 3 * DAY, 28, 40, without=(5, 6)), 6 * DAY, True),
        # Three a day: a day without is chance, five are not.
        (came(MONDAY, 28, 3), 30 * HOUR, False),
        (came(MONDAY, 28, 3), 5 * DAY, True),
        # Now and then, or for some days only: nothing is usual.
        (came(MONDAY, 28, 40, without=(0, 1, 2, 3, 4, 5)), 20 * DAY, False),
        (came(MONDAY, 6, 400), 5 * DAY, False),
    ],
)
def test_silence_is_told_by_what_was_usual(days: list[tuple[date, int]], silence: timedelta, silent: bool) -> None:
    last_at = datetime.combine(days[-1][0], datetime.min.time(), UTC)
    assert is_silent(rhythm("shopify", "orders/create", days, last_at), silence) is silent
