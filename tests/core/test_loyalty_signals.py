"""What is derived from where people stand in a loyalty programme."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import pytest

from flows.core import signals
from flows.core.loyalty import Programme
from flows.core.signals import SIGNALS, Anchor, ArmTimer, Derived, SignalSettings
from tests.core.examples import DAY, FACTS, T0, event

PROGRAMME = Programme.of(
    {
        "tiers": [{"name": "Gold", "points": 500}, {"name": "Bronze", "points": 0}, {"name": "Silver", "points": 200}],
        "close_percent": 10,
        "risk_days": 30,
    }
)
CLOCKS = frozenset({"points_expiring", "tier_downgrade_risk"})
SETTINGS = SignalSettings(heard=CLOCKS, loyalty=PROGRAMME)


def changed(before: dict[str, Any], historical: bool = False, **now: Any) -> Any:
    return event("loyalty_changed", T0, historical=historical, before=before, **now)


def names(before: dict[str, Any], settings: SignalSettings = SETTINGS, **now: Any) -> list[str]:
    return [one.name for one in signals.derive(changed(before, **now), FACTS, settings, T0).events]


@pytest.mark.parametrize(
    ("before", "now", "told"),
    [
        ({"points": 100}, {"points": 120}, ["points_earned"]),
        ({"points": None}, {"points": 5}, ["points_earned"]),
        ({"points": 120}, {"points": 100}, ["points_spent"]),
        ({"points": 120}, {"points": None}, ["points_spent"]),
        ({"points": 0}, {"points": None}, []),
        # Nothing was known, or nothing has changed.
        ({}, {"points": 120, "tier": "Gold", "reward": "A mug"}, []),
        ({"points": 120, "tier": "Gold"}, {"points": 120, "tier": "Gold"}, []),
        # Close: once as the border is passed.
        ({"points": 170}, {"points": 180}, ["points_earned", "close_to_upgrade"]),
        ({"points": 180}, {"points": 190}, ["points_earned"]),
        ({"points": 170}, {"points": 200}, ["points_earned"]),
        ({"points": 170}, {"points": 460}, ["points_earned", "close_to_upgrade"]),
        ({"points": 460}, {"points": 450}, ["points_spent"]),
        ({"points": 170}, {"points": 180, "tier": "Silver"}, ["points_earned"]),
        # Tiers, whatever their case; without one the other cannot be told.
        ({"tier": "Silver"}, {"tier": "GOLD"}, ["tier_upgraded"]),
        ({"tier": "Gold"}, {"tier": "Bronze"}, ["tier_downgraded"]),
        ({"tier": "Gold"}, {"tier": "gold"}, []),
        ({"tier": None}, {"tier": "Bronze"}, ["tier_upgraded"]),
        ({"tier": "Gold"}, {"tier": None}, []),
        ({"tier": "Gold"}, {"tier": "Platinum"}, []),
        ({"reward": None}, {"reward": "A mug"}, ["reward_available"]),
        ({"reward": "A mug"}, {"reward": None}, []),
    ],
)
def test_each_change_tells_what_it_is(before: dict[str, Any], now: dict[str, Any], told: list[str]) -> None:
    assert names(before, **now) == told


def test_without_tiers_nobody_can_tell_up_from_down() -> None:
    plain = SignalSettings()
    assert names({"tier": "Silver"}, plain, tier="Gold") == [] and names({"points": 170}, plain, points=190) == [
        "points_earned"
    ]


def test_what_is_told_says_how_much_and_what_is_missing() -> None:
    found = signals.derive(changed({"points": 170}, points=190, tier="Bronze"), FACTS, SETTINGS, T0).events
    assert [one.props for one in found] == [
        {"points": 20, "tier": "Bronze", "balance": 190},
        {"points": 190, "tier": "Bronze", "next_tier": "Silver", "missing": 10},
    ]
    assert len({(one.name, one.identity) for one in found}) == 2


def test_history_derives_nothing() -> None:
    ends = (T0 + 90 * DAY).isoformat()
    past = changed({"points": 1, "tier": "Bronze"}, historical=True, points=9, tier="Gold", expires_at=ends)
    assert signals.derive(past, FACTS, SETTINGS, T0) == Derived()


# --- what ends


def stands(ends: datetime, **loyalty: Any) -> dict[str, Any]:
    standing = {"points": 9, "tier": "Gold", "expires_at": ends.isoformat(), **loyalty}
    return {**FACTS, "person": {**FACTS["person"], "id": 7, "loyalty": standing}}


def armed(ends: datetime, settings: SignalSettings = SETTINGS) -> tuple[ArmTimer, ...]:
    return signals.derive(changed({}, expires_at=ends.isoformat()), FACTS, settings, T0).arm


@pytest.mark.parametrize("name", sorted(CLOCKS))
def test_the_clock_rings_some_days_before_the_end_and_looks_where_it_is_now(name: str) -> None:
    ends = T0 + 90 * DAY
    timer = next(one for one in armed(ends) if one.signal == name)
    assert timer.due_at == ends - 30 * DAY
    (told,) = signals.fire(name, timer.payload, stands(ends), timer.due_at).events
    assert told.props["days_left"] == 30 and told.subject == "person:7"
    # It ends later by now, or so soon that it is told at once.
    later = signals.fire(name, timer.payload, stands(ends + 9 * DAY), timer.due_at)
    assert not later.events and [one.due_at for one in later.arm] == [ends - 21 * DAY]
    sooner = signals.fire(name, timer.payload, stands(ends - 9 * DAY), timer.due_at)
    assert [one.props["days_left"] for one in sooner.events] == [21]
    assert sooner.events[0].identity != told.identity
    # It is over, or there is no end any more.
    assert signals.fire(name, timer.payload, stands(ends), ends) == Derived()
    assert signals.fire(name, timer.payload, stands(ends, expires_at=None), timer.due_at) == Derived()


def test_who_has_nothing_to_lose_is_told_nothing() -> None:
    ends = T0 + 90 * DAY
    points, tier = sorted(armed(ends), key=lambda one: one.signal)
    assert signals.fire(points.signal, points.payload, stands(ends, points=0), points.due_at) == Derived()
    assert signals.fire(tier.signal, tier.payload, stands(ends, tier="bronze"), tier.due_at) == Derived()
    assert signals.fire(tier.signal, tier.payload, stands(ends, tier=None), tier.due_at) == Derived()


def test_a_clock_that_nobody_hears_or_that_is_over_is_not_armed() -> None:
    assert len(armed(T0 + DAY)) == 2 and {one.due_at for one in armed(T0 + DAY)} == {T0}
    assert armed(T0) == () == armed(T0 + 90 * DAY, SignalSettings(loyalty=PROGRAMME))


@pytest.mark.parametrize("name", sorted(CLOCKS))
def test_the_past_arms_what_the_change_would_have_armed(name: str) -> None:
    ends = T0 + 90 * DAY
    past = SIGNALS[name].past
    assert past is not None
    clock = past.clock(Anchor(7, FACTS["person"]["seed"], "", ends, None), SETTINGS, T0)
    assert clock is not None and clock.timer in armed(ends)
    (told,) = signals.fire(name, clock.timer.payload, stands(ends), clock.timer.due_at).events
    assert told.identity == clock.tells
    assert past.clock(Anchor(7, FACTS["person"]["seed"], "", T0, None), SETTINGS, T0) is None
