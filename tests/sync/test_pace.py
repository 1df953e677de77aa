"""The plan over Brevo's buckets is the best there is, held against a search that knows nothing of its arithmetic."""

from __future__ import annotations

from math import ceil

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from connector.brevo.buckets import BUCKETS, HOUR, Limit, Pace, Room
from sync.copies.pace import ALONE, CONTACTS, TOGETHER, Counts, plan

PACES = st.builds(Pace, calls=st.integers(1, 12), seconds=st.sampled_from([1.0, 1.25, 60.0, 300.0]))


def drained(room: Room, calls: int) -> float:
    """When the last of so many calls goes, by playing them one after the other."""
    if not calls:
        return 0.0
    counted = [at for at, count in room.leaving for _ in range(count)]
    now = last = room.closed
    while calls:
        counted = sorted(at for at in counted if at > now + 1e-9)
        free = room.pace.calls - len(counted)
        if free > 0:
            made = min(free, calls)
            counted += [now + room.pace.returns] * made
            calls -= made
            last = now
        else:
            now = counted[-room.pace.calls]
    return last


@st.composite
def rooms(draw: st.DrawFn) -> Room:
    pace = draw(PACES)
    used = draw(st.lists(st.tuples(st.floats(0.01, 1), st.integers(1, 5)), max_size=4))
    leaving = tuple(sorted((part * pace.returns, count) for part, count in used))
    return Room(pace, draw(st.sampled_from([0.0, 7.0, 400.0])), leaving)


@settings(max_examples=200, deadline=None)
@given(room=rooms(), calls=st.integers(1, 60))
def test_a_room_is_drained_as_its_calls_are_played(room: Room, calls: int) -> None:
    assert room.seconds_for(calls) == pytest.approx(drained(room, calls), abs=1e-6)


@settings(max_examples=100, deadline=None)
@given(
    counts=st.builds(Counts, orders=st.integers(0, 9000), products=st.integers(0, 900), categories=st.integers(0, 300)),
    together=rooms(),
    alone=rooms(),
    only_listed=st.sampled_from([0, 0, 150]),
)
def test_no_other_number_of_lists_ends_sooner(counts: Counts, together: Room, alone: Room, only_listed: int) -> None:
    given_rooms = {TOGETHER: together, ALONE: alone, CONTACTS: Room(Pace(8, 1.0))}
    only_listed = min(only_listed, counts.products)
    found = plan(counts, given_rooms, only_listed=only_listed)

    def ends(lists: int) -> float:
        batches = ceil(counts.orders / 1000) + ceil(counts.categories / 100) + lists
        return max(drained(together, batches), drained(alone, max(0, counts.products - 100 * lists)))

    ways = range(ceil(only_listed / 100), ceil(counts.products / 100) + 1)
    assert found.lists in ways
    assert found.longest == pytest.approx(min(ends(lists) for lists in ways), abs=1e-6)
    assert found.longest == pytest.approx(ends(found.lists), abs=1e-6)


def general(bucket: str) -> Room:
    return Room(BUCKETS[bucket].limit("general").ours().part(BUCKETS[bucket].bulk))


def test_of_a_big_store_on_the_general_plan_both_ways_end_together() -> None:
    """100,000 customers, 250,000 orders, 20,000 products with 40,000 variants: what the limits make of it."""
    given_rooms = {bucket: general(bucket) for bucket in (TOGETHER, ALONE, CONTACTS)}
    counts = Counts(contacts=100_000, orders=250_000, products=53_000, categories=200)
    found = plan(counts, given_rooms)
    # Published limits, four fifths of them ours: hour by hour 80 batches, and 1.6 products a second.
    best = min(max((252 + lists - 1) // 80 * HOUR, (53_000 - 100 * lists) / 1.6) for lists in range(531))
    assert best <= found.longest <= 1.15 * best
    assert abs(found.seconds[TOGETHER] - found.seconds[ALONE]) < 1.1 * HOUR
    # The controls: either way by itself.
    assert general(ALONE).seconds_for(53_000) > 1.15 * best
    assert general(TOGETHER).seconds_for(252 + 530) > 1.15 * best


@pytest.mark.parametrize(("only_listed", "lists"), [(0, 0), (150, 2)])
def test_no_list_takes_a_call_that_orders_may_need_which_nobody_has_counted_yet(only_listed: int, lists: int) -> None:
    given_rooms = {bucket: general(bucket) for bucket in (TOGETHER, ALONE, CONTACTS)}
    assert plan(Counts(products=7_000), given_rooms, only_listed=only_listed).lists > lists, "the control"
    assert plan(Counts(products=7_000, whole=False), given_rooms, only_listed=only_listed).lists == lists


def test_what_store_counts_come_to() -> None:
    assert Counts.of_store(products=10, variants=10).products == 10
    assert Counts.of_store(products=10, variants=30).products == 37
    assert Counts.of_store(customers=1, orders=2, products=10, collections=3) == Counts(1, 2, 25, 3)


@pytest.mark.parametrize(
    ("limit", "pace"),
    [
        (Limit(10, 1), Pace(8, 1)),
        (Limit(2, 1), Pace(2, 1.25)),
        (Limit(1, 1), Pace(1, 1.25)),
        (Limit(100, HOUR), Pace(80, HOUR)),
    ],
)
def test_a_share_is_whole_calls_in_a_window_that_is_long_enough(limit: Limit, pace: Pace) -> None:
    assert limit.ours() == pace and pace.calls / pace.seconds == pytest.approx(0.8 * limit.rate)
