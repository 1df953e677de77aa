"""How far a message came: every pair of state and report, and any order of any reports."""

from __future__ import annotations

from collections.abc import Mapping
from functools import reduce
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sync.reports import states, words
from sync.reports.states import AFTER, REPORTED, SENT, STATES, after

# Of two that were told the one that stays, by hand, for the pairs that somebody may ask about.
STAYS = {
    ("delivered", "soft_bounced"): "delivered",
    ("delivered", "deferred"): "delivered",
    ("delivered", "blocked"): "delivered",
    ("delivered", "bounced"): "bounced",
    ("opened", "bounced"): "bounced",
    ("clicked", "bounced"): "bounced",
    ("bounced", "unsubscribed"): "unsubscribed",
    ("bounced", "complained"): "complained",
    ("unsubscribed", "complained"): "complained",
    ("requested", "error"): "error",
}


def test_every_pair_is_in_the_table() -> None:
    assert set(AFTER) == set(product(STATES, REPORTED))
    assert set(AFTER.values()) == set(REPORTED)


@pytest.mark.parametrize(("state", "reported"), sorted(AFTER))
def test_a_pair_leads_to_one_of_its_two_whichever_came_first(state: str, reported: str) -> None:
    there = AFTER[state, reported]
    assert there in (state, reported) and there != SENT
    assert AFTER[there, reported] == there, "the same once more changes nothing"
    if state != SENT:
        assert there == AFTER[reported, state]


def test_what_stays_of_two() -> None:
    assert {pair: AFTER[pair] for pair in STAYS} == STAYS


def test_every_event_of_messages_has_its_place_or_says_nothing() -> None:
    told = {*words.EMAIL.values(), *words.SMS.values(), *words.WHATSAPP.values(), words.OTHER}
    silent = {"message_opened_by_proxy", "message_subscribed", words.OTHER}
    assert {event for event in told if after(None, event) is None} == silent
    assert {event.removeprefix("message_") for event in told - silent} == set(REPORTED)


def ends(events: list[str], table: Mapping[tuple[str, str], str]) -> str:
    return reduce(lambda state, event: table[state, event], events, SENT)


reports = st.lists(st.sampled_from(REPORTED), min_size=1, max_size=12)


@given(reports, st.randoms(use_true_random=False))
def test_any_order_with_any_repetitions_ends_the_same(events: list[str], chance: object) -> None:
    shuffled = [*events, *events[: len(events) // 2]]
    chance.shuffle(shuffled)  # type: ignore[attr-defined]
    assert ends(shuffled, AFTER) == ends(events, AFTER)


def test_a_table_that_goes_by_the_newest_report_ends_by_chance() -> None:
    """The control."""
    newest = {pair: pair[1] for pair in AFTER}
    assert ends(["bounced", "delivered"], newest) != ends(["delivered", "bounced"], newest)
    one_wrong = {**AFTER, ("bounced", "delivered"): "delivered"}
    assert ends(["bounced", "delivered"], one_wrong) != ends(["delivered", "bounced"], one_wrong)


def test_the_table_is_read_as_it_is_written() -> None:
    assert states._read(states._TABLE) == AFTER and after("delivered", "message_teleported") == "delivered"
