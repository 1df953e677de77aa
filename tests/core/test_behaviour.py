"""What is remembered of how people behave, event by event, and what two people who are one have done."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from marshmallow import ValidationError

from flows.core import activity, behaviour_facts, message_signs, scores, views
from flows.core.activity import NOTHING, Activity
from flows.core.model import Event
from flows.core.scores import ScoresSchema
from tests.core.examples import DAY, HOUR, SHOPPER, T0, event

SCORING = scores.scoring(ScoresSchema().load({}))


def did(*events: Event, on: Activity = NOTHING, profiled: bool = True, scoring: Any = SCORING) -> Activity:
    for one in events:
        on = activity.note(on, one, scoring, one.occurred_at, profiled=profiled).activity
    return on


def message(name: str, subject: str, hours: float = 0, channel: str = "email") -> Event:
    one = event(name, T0 + hours * HOUR, channel=channel, of=subject)
    return Event(one.id, one.name, one.occurred_at, f"message:{subject}", None, SHOPPER, one.props)


def viewed(hours: float, product: int = 1, category: str | None = "Aprons") -> Event:
    return event("product_viewed", T0 + hours * HOUR, key=str(product), product_id=product, category=category)


def facts(of: Activity, **more: Any) -> dict[str, Any]:
    return behaviour_facts.activity(of, T0 + 9 * DAY, known_since=T0 - DAY, **more)


# --- signs


def test_of_each_sign_the_newest_counts_in_whatever_order_they_come() -> None:
    late, early = event("site_visited", T0 + HOUR, url="/"), event("login", T0)
    for order in ([early, late], [late, early]):
        told = facts(did(*order, event("added_to_cart", T0 + 2 * HOUR, product_id=1)))
        assert (told["last_login_at"], told["last_cart_at"]) == (T0.isoformat(), (T0 + 2 * HOUR).isoformat())
        assert (told["first_visit_at"], told["last_visit_at"]) == (
            (T0 + HOUR).isoformat(),
            (T0 + 2 * HOUR).isoformat(),
        )
        assert told["last_engaged_at"] == told["quiet_since"] == (T0 + 2 * HOUR).isoformat()


def test_nobody_is_quiet_from_before_they_were_known() -> None:
    told = facts(NOTHING)
    assert told["quiet_since"] == told["known_since"] == (T0 - DAY).isoformat() and told["last_engaged_at"] is None
    # An order from before counts: the store has told of it.
    assert facts(NOTHING, last_order_at=T0 - 9 * DAY)["quiet_since"] == (T0 - 9 * DAY).isoformat()


@pytest.mark.parametrize("name", ["message_opened", "message_delivered", "segment_entered", "unsubscribed"])
def test_an_open_is_no_sign_of_life(name: str) -> None:
    assert facts(did(message(name, "a")))["last_engaged_at"] is None


@pytest.mark.parametrize("name", ["message_clicked", "order_placed", "site_visited", "checkout_started", "login"])
def test_what_is_one(name: str) -> None:
    """The control of the one before."""
    assert facts(did(event(name, T0)))["last_engaged_at"] == T0.isoformat()


def test_history_and_test_orders_say_nothing() -> None:
    assert did(event("login", T0, historical=True), event("order_placed", T0, excluded="test")) == NOTHING


def test_what_was_looked_at_last_and_how_often() -> None:
    told = facts(did(viewed(2, 2), viewed(1, 1), viewed(0, 1), event("searched", T0, query="mug", results=0)))
    assert told["last_product"]["product_id"] == 2 and told["viewed"] == [2, 1]
    assert told["views"] == {"1": 2, "2": 1}
    assert (told["last_category"], told["last_search"]) == ("Aprons", "mug")


def test_whoever_objected_to_profiling_is_remembered_by_signs_of_life_alone() -> None:
    found = did(viewed(0), message("message_clicked", "a", 1), profiled=False)
    assert facts(found)["last_engaged_at"] == (T0 + HOUR).isoformat()
    assert not found.products.of and not found.scores and found.product is None
    before = did(viewed(0), message("message_clicked", "a", 1))
    assert before.scores["lead"] == {"": 3}
    # What was known before goes with the next thing they do, and is no fact until then.
    assert did(viewed(2), on=before, profiled=False) == activity.signs_of_life(did(viewed(2), on=before))


def test_it_stays_small_and_comes_back_the_same() -> None:
    """However much somebody does."""
    many = [viewed(n / 10, n % 50, f"Category {n % 40}") for n in range(2000)]
    many += [message("message_opened", str(n), n) for n in range(100)]
    found = did(*many)
    assert len(found.products.of) == views.MOST_THINGS and len(found.messages) == message_signs.MOST
    assert max(len(looks.at) for looks in found.products.of.values()) <= views.MOST_LOOKS
    assert len(repr(found.to_json())) < 30_000
    assert activity.from_json(found.to_json()) == found and activity.from_json(None) == NOTHING


# --- emails in a row


def row(*told: tuple[str, str]) -> tuple[list[tuple[int, int]], int]:
    """Each a word and a message, an hour apart: the rows that grew, and how long the last is."""
    grown, messages = [], message_signs.from_json([])
    for hours, (name, subject) in enumerate(told):
        heard = message_signs.hear(messages, message(f"message_{name}", subject, hours))
        messages = heard.messages
        grown += [heard.row] if heard.row else []
    return grown, message_signs.in_a_row(messages)


def delivered(names: str) -> list[tuple[str, str]]:
    return [("delivered", name) for name in names]


@pytest.mark.parametrize(
    ("told", "grown", "last"),
    [
        ([*delivered("abc"), *(("opened", one) for one in "abc")], [(1, 0), (2, 1), (3, 2)], 3),
        # Whatever the order of the opens.
        ([*delivered("abc"), *(("opened", one) for one in "cab")], [(1, 0), (1, 0), (3, 1)], 3),
        # One that was not opened in between ends it; opened late it closes the gap.
        ([*delivered("abcd"), *(("opened", one) for one in "abd")], [(1, 0), (2, 1), (1, 0)], 1),
        ([*delivered("abcd"), *(("opened", one) for one in "abdc")], [(1, 0), (2, 1), (1, 0), (4, 2)], 4),
        # The same once more is nothing new, a click is an open, and a mail program's open is none.
        ([*delivered("ab"), ("opened", "a"), ("opened", "a"), ("clicked", "b")], [(1, 0), (2, 1)], 2),
        ([*delivered("ab"), ("opened", "a"), ("opened_by_proxy", "b")], [(1, 0)], 1),
        # Nobody told of the delivery.
        ([("opened", "a"), ("opened", "b")], [(1, 0), (2, 1)], 2),
    ],
)
def test_emails_that_were_opened_in_a_row(told: Any, grown: list[tuple[int, int]], last: int) -> None:
    assert row(*told) == (grown, last)


def test_a_text_message_is_in_no_row() -> None:
    heard = message_signs.hear((), message("message_clicked", "a", channel="sms"))
    assert heard.first and heard.row is None and message_signs.in_a_row(heard.messages) == 0


def test_opens_that_cannot_be_told_are_no_facts() -> None:
    own, proxy = message("message_opened", "a"), message("message_opened_by_proxy", "b", 1)
    opened = did(message("message_delivered", "a"), own)
    assert behaviour_facts.opens(opened, tracked=True) == {
        "last_at": T0.isoformat(),
        "in_a_row": 1,
        "row": ["message:a", 1, 0],
    }
    assert behaviour_facts.opens(opened, tracked=False) is None
    assert behaviour_facts.opens(did(own, proxy), tracked=True) is None
    # Somebody who opened by themselves since.
    assert behaviour_facts.opens(did(proxy, message("message_opened", "c", 2)), tracked=True) is not None
    assert behaviour_facts.opens(NOTHING, tracked=True) == {"last_at": None, "in_a_row": 0, "row": None}


# --- scores


def lead(*events: Event, scoring: Any = SCORING, at: Any = T0) -> int:
    return behaviour_facts.score(did(*events, scoring=scoring), scoring, at)["lead"]


@pytest.mark.parametrize(
    ("told", "points"),
    [
        pytest.param(message("message_opened", "a"), 1, marks=pytest.mark.row("S5-146")),
        pytest.param(message("message_clicked", "a"), 3, marks=pytest.mark.row("S5-147")),
        pytest.param(event("custom:content_downloaded", T0), 10, marks=pytest.mark.row("S5-148")),
        pytest.param(
            event("page_viewed", T0, url="https://goods.example/pages/pricing"), 15, marks=pytest.mark.row("S5-149")
        ),
        pytest.param(event("custom:demo_requested", T0), 25, marks=pytest.mark.row("S5-150")),
        (event("page_viewed", T0, url="https://goods.example/"), 0),
        # It cannot be told of which page.
        (event("page_viewed", T0, url=None), 0),
        (message("message_opened_by_proxy", "a"), 0),
        (message("message_delivered", "a"), 0),
    ],
)
def test_what_a_lead_gets_points_for(told: Event, points: int) -> None:
    assert lead(told) == points


def test_an_open_and_a_click_count_once_of_each_message() -> None:
    first = [message("message_opened", "a"), message("message_opened", "a", 1), message("message_clicked", "a", 2)]
    assert lead(*first) == 4
    assert lead(*first, message("message_clicked", "a", 3), message("message_clicked", "b", 4)) == 7


def test_engagement_counts_the_last_days_only() -> None:
    found = did(event("login", T0), event("order_placed", T0 + DAY))
    told = {days: behaviour_facts.score(found, SCORING, T0 + days * DAY)["engagement"] for days in (1, 89, 90, 91)}
    assert told == {1: 12, 89: 12, 90: 10, 91: 0}


@pytest.mark.parametrize(
    ("before", "now", "told"), [(49, 50, [50]), (50, 51, []), (48, 49, []), (10, 90, [50]), (60, 50, [])]
)
def test_exactly_so_many_points_reach_it(before: int, now: int, told: list[int]) -> None:
    assert list(scores.passed(SCORING["lead"], before, now)) == told


def test_points_are_settings_and_what_is_left_out_is_as_shipped() -> None:
    chosen = ScoresSchema().load({"lead": {"points": [{"on": "login", "points": 7}]}})
    assert chosen["lead"]["reached"] == [50] and chosen["engagement"] == ScoresSchema().load({})["engagement"]
    assert lead(event("login", T0), message("message_clicked", "a"), scoring=scores.scoring(chosen)) == 7


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"lead": {"points": [{"on": "login", "points": 1001}]}}, "1000"),
        ({"lead": {"points": [{"on": "Log in", "points": 1}]}}, "match"),
        (
            {"lead": {"points": [{"on": "login", "points": 1, "where": {"person.email": "x"}}]}},
            "only depend on the event",
        ),
        (
            {"lead": {"points": [{"on": "login", "points": 1, "where": {"event.url": {"like": "x"}}}]}},
            "no way to compare",
        ),
        ({"fame": {}}, "Unknown"),
        ({"lead": []}, "Invalid"),
    ],
)
def test_points_that_make_no_sense_are_refused(wrong: dict[str, Any], said: str) -> None:
    with pytest.raises(ValidationError, match=said):
        ScoresSchema().load(wrong)


# --- two people who are one

KINDS = (
    lambda n: viewed(n, n % 3),
    lambda n: message("message_opened", str(n % 4), n),
    lambda n: message("message_delivered", str(n % 4), n),
    lambda n: event("login", T0 + n * HOUR, n=n),
    lambda n: event("searched", T0 + n * HOUR, query=str(n)),
)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 4), st.booleans()), max_size=14))
def test_what_two_did_is_what_the_one_would_have_done(story: list[tuple[int, bool]]) -> None:
    """But for opens, of which each may have had the first; and signs of both are the newest of either."""
    told = [(KINDS[kind](n), first) for n, (kind, first) in enumerate(story)]
    one, other = did(*(e for e, first in told if first)), did(*(e for e, first in told if not first))
    together, whole = activity.both(one, other), did(*(e for e, _ in told))
    assert together.signs == whole.signs and together.products == whole.products
    assert (together.search, together.product) == (whole.search, whole.product)
    assert {m.subject: m.flags for m in together.messages} == {m.subject: m.flags for m in whole.messages}
    assert activity.both(one, NOTHING) == one and activity.both(NOTHING, other).signs == other.signs


def test_looks_that_were_told_are_not_told_again_for_so_many_days() -> None:
    looks = views.Looks(tuple(int((T0 + n * HOUR).timestamp()) for n in range(4)))
    at = T0 + 3 * HOUR
    assert views.reached(looks, [3, 4, 6], 7, at) == [3, 4]
    assert views.reached(views.Looks(looks.at, (3, looks.at[2])), [3, 4], 7, at) == [4]
    week = timedelta(days=7)
    late = views.Looks((*looks.at, *(n + int(week.total_seconds()) for n in looks.at)), (3, looks.at[2]))
    assert views.reached(late, [3], 7, at + week) == [3]
    assert views.reached(views.Looks(looks.at[:2]), [3], 7, at) == []
