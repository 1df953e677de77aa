"""What is derived from how people behave: told once for its fact, on the edges and not beside them."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

import pytest
from marshmallow import ValidationError

from flows.core import activity, behaviour_facts, scores, signals
from flows.core.activity import NOTHING, Activity
from flows.core.enrol import enrol
from flows.core.model import Event, Run
from flows.core.scores import ScoresSchema
from flows.core.signals import SIGNALS, ArmTimer, NewEvent, SignalSettings
from flows.core.validate import load
from tests.core.examples import DAY, FACTS, HOUR, SHOPPER, T0, definition, event, flow
from tests.core.test_behaviour import message, viewed

MINE = frozenset(
    {
        *("first_site_visit", "product_viewed_n_times", "category_browsed", "browse_abandoned"),
        *("search_without_purchase", "opened_n_in_a_row", "unengaged", "score_reached"),
    }
)
HEARD = SignalSettings(heard=MINE)
SCORING = scores.scoring(ScoresSchema().load({}))


class Shopper:
    """Somebody to whom things happen, decided as the product does it: remembered, then derived from."""

    def __init__(self, settings: SignalSettings = HEARD, **person: Any) -> None:
        self.settings, self.person = settings, {"id": SHOPPER, "seed": "2b1f", **person}
        self.activity: Activity = NOTHING
        self.clocks: dict[str, ArmTimer] = {}
        self.told: list[NewEvent] = []

    def facts(self, now: datetime) -> dict[str, Any]:
        own = self.activity
        opens = behaviour_facts.opens(own, tracked=True)
        return {
            "person": self.person,
            "activity": behaviour_facts.activity(own, now, known_since=T0 - 300 * DAY),
            "looks": {
                "products": own.products.to_json(),
                "categories": own.categories.to_json(),
                "search": own.search,
            },
            **({} if opens is None else {"opens": opens}),
        }

    def does(self, *events: Event) -> Shopper:
        for one in events:
            self._hear(one)
        return self

    def _hear(self, one: Event) -> None:
        noted = activity.note(self.activity, one, SCORING, one.occurred_at)
        self.activity = noted.activity
        for heard in (one, *noted.changes):
            self._take(signals.derive(heard, self.facts(one.occurred_at), self.settings, one.occurred_at))

    def _take(self, derived: signals.Derived) -> None:
        for timer in derived.arm:
            self.clocks[timer.signal] = timer
        for new in derived.events:
            if (new.name, new.identity) not in {(known.name, known.identity) for known in self.told}:
                self.told.append(new)
                self._hear(event(new.name, new.occurred_at, key=new.key, **new.props))

    def waits(self, until: datetime) -> Shopper:
        """Clocks ring when they are due."""
        while due := [timer for timer in self.clocks.values() if timer.due_at <= until]:
            timer = min(due, key=lambda one: one.due_at)
            del self.clocks[timer.signal]
            self._take(signals.fire(timer.signal, timer.payload, self.facts(timer.due_at), timer.due_at))
        return self

    def heard(self, name: str) -> list[NewEvent]:
        return [one for one in self.told if one.name == name]

    def times(self, name: str) -> list[timedelta]:
        return [one.occurred_at - T0 for one in self.heard(name)]


def visit(hours: float, **more: Any) -> Event:
    return event("site_visited", T0 + hours * HOUR, url="https://goods.example/", **more)


def settings_of(name: str, **values: Any) -> SignalSettings:
    schema = SIGNALS[name].settings
    assert schema is not None
    return SignalSettings(heard=MINE, values={name: schema().load(values)})


def asking(name: str, *spans: str) -> SignalSettings:
    made = [flow(trigger={"on": name, "after": span}, goal=None, steps=[{"end": "here"}]) for span in spans]
    return SignalSettings.of(made)


# --- the first visit


@pytest.mark.row("S5-226")
def test_the_first_visit_is_told_once() -> None:
    shopper = Shopper().does(visit(0), visit(1), viewed(2), visit(400))
    assert shopper.times("first_site_visit") == [0 * HOUR]
    assert shopper.heard("first_site_visit")[0].props["url"] == "https://goods.example/"


def test_whoever_had_ordered_was_there_before() -> None:
    assert not Shopper(first_order_at=(T0 - DAY).isoformat()).does(visit(0)).told
    # An order that came of the visit.
    assert Shopper(first_order_at=(T0 + DAY).isoformat()).does(visit(0)).told


def test_a_login_is_no_visit_and_history_tells_nothing() -> None:
    assert not Shopper().does(event("login", T0), visit(0, historical=True)).told


# --- looked at so often


@pytest.mark.row("S2-06")
def test_a_product_that_was_looked_at_three_times_is_told_once_in_a_week() -> None:
    shopper = Shopper().does(*(viewed(n, 1, None) for n in range(3)))
    (told,) = shopper.heard("product_viewed_n_times")
    assert (told.occurred_at, told.key, told.props["times"], told.props["product_id"]) == (T0 + 2 * HOUR, "1", 3, 1)
    shopper.does(*(viewed(n, 1, None) for n in range(3, 24)), *(viewed(n, 2, None) for n in range(24, 26)))
    assert len(shopper.heard("product_viewed_n_times")) == 1
    # A week after it was told it counts anew.
    shopper.does(*(viewed(24 * 7 + n, 1, None) for n in range(2, 6)))
    assert shopper.times("product_viewed_n_times") == [2 * HOUR, 7 * DAY + 2 * HOUR]


def test_looks_of_other_weeks_and_products_do_not_count() -> None:
    weekly = [viewed(24 * 4 * n, 1, None) for n in range(6)]
    assert not Shopper().does(*weekly, *(viewed(n, n, None) for n in range(2000, 2010))).heard("product_viewed_n_times")
    # With eight days two of them are within reach, and not three: the control is a longer span.
    assert not Shopper(settings_of("product_viewed_n_times", days=8)).does(*weekly).heard("product_viewed_n_times")
    assert Shopper(settings_of("product_viewed_n_times", days=9)).does(*weekly).heard("product_viewed_n_times")


def test_how_often_and_in_how_long_are_settings_and_of_several_each_is_told() -> None:
    shopper = Shopper(settings_of("product_viewed_n_times", times=[2, 5], days=30))
    shopper.does(*(viewed(24 * n, 1, None) for n in range(8)))
    assert [one.props["times"] for one in shopper.heard("product_viewed_n_times")] == [2, 5]
    with pytest.raises(ValidationError):
        settings_of("product_viewed_n_times", times=[21])


@pytest.mark.row("S2-08")
def test_a_category_is_browsed_by_its_page_and_its_products() -> None:
    shopper = Shopper().does(viewed(0, 1), viewed(1, 2), viewed(1.5, 3, "Mugs"))
    assert not shopper.heard("category_browsed")
    shopper.does(event("category_viewed", T0 + 2 * HOUR, category="Aprons"), viewed(3, 4))
    (told,) = shopper.heard("category_browsed")
    assert (told.occurred_at, told.props["category"]) == (T0 + 2 * HOUR, "Aprons")


# --- clocks from the last time


@pytest.mark.row("S5-232")
def test_an_abandoned_browse_is_told_two_hours_after_the_last_look() -> None:
    shopper = Shopper().does(viewed(0, 1), viewed(1.5, 2)).waits(T0 + 30 * DAY)
    (told,) = shopper.heard("browse_abandoned")
    assert told.occurred_at == T0 + 3.5 * HOUR and told.props["product_id"] == 2
    assert (told.props["category"], told.props["anchor_at"]) == ("Aprons", (T0 + 1.5 * HOUR).isoformat())
    shopper.does(viewed(50, 3)).waits(T0 + 60 * DAY)
    assert shopper.times("browse_abandoned") == [3.5 * HOUR, 52 * HOUR]


@pytest.mark.parametrize(
    "meanwhile",
    [
        event("added_to_cart", T0 + HOUR, product_id=1),
        event("checkout_started", T0 + HOUR, key="tok"),
        event("checkout_updated", T0 + HOUR, key="tok"),
    ],
)
def test_a_cart_since_ends_it(meanwhile: Event) -> None:
    assert not Shopper().does(viewed(0), meanwhile).waits(T0 + DAY).heard("browse_abandoned")


def test_an_order_since_ends_it_and_one_from_before_does_not() -> None:
    for ordered, told in ((T0, 0), (T0 + HOUR, 0), (T0 - HOUR, 1)):
        shopper = Shopper(last_order_at=ordered.isoformat()).does(
            event("added_to_cart", T0 - HOUR, product_id=1), viewed(0)
        )
        assert len(shopper.waits(T0 + DAY).heard("browse_abandoned")) == told


def test_a_flow_may_ask_for_other_spans() -> None:
    shopper = Shopper(asking("browse_abandoned", "1h", "4h")).does(viewed(0)).waits(T0 + DAY)
    assert shopper.times("browse_abandoned") == [HOUR, 4 * HOUR]


@pytest.mark.row("S2-07")
def test_a_search_without_purchase_is_told_a_day_after_the_last_search() -> None:
    shopper = Shopper().does(
        event("searched", T0, query="mug", results=4), event("searched", T0 + HOUR, query="blue mug", results=0)
    )
    (told,) = shopper.waits(T0 + 9 * DAY).heard("search_without_purchase")
    assert told.occurred_at == T0 + DAY + HOUR and told.props["query"] == "blue mug" and told.props["results"] == 0
    bought = Shopper(last_order_at=(T0 + 3 * HOUR).isoformat()).does(event("searched", T0, query="mug", results=4))
    assert not bought.waits(T0 + 9 * DAY).heard("search_without_purchase")


@pytest.mark.row("S4-23")
def test_whoever_gives_no_sign_of_life_is_told_of_after_ninety_days() -> None:
    subscribed = event("newsletter_subscribed", T0)
    shopper = Shopper().does(subscribed, message("message_clicked", "a", 24)).waits(T0 + 90 * DAY)
    assert not shopper.heard("unengaged")
    # Opens keep nobody awake: a mail program may make them.
    shopper.does(message("message_opened", "b", 24 * 80)).waits(T0 + 200 * DAY)
    assert shopper.times("unengaged") == [91 * DAY]
    shopper.does(visit(24 * 210)).waits(T0 + 310 * DAY)
    assert shopper.times("unengaged") == [91 * DAY, 300 * DAY]
    never = Shopper().does(subscribed).waits(T0 + 90 * DAY)
    assert never.heard("unengaged")[0].props["last_engaged_at"] is None


def test_people_who_were_there_before_are_armed_at_the_last_span_that_has_passed() -> None:
    asked = asking("unengaged", "30d", "60d", "90d")
    past = SIGNALS["unengaged"].past
    assert past is not None and past.anchors == "last_sign"
    found = past.clock(signals.Anchor(SHOPPER, "2b1f", "", T0 - 70 * DAY, None), asked, T0)
    assert found is not None and found.timer.payload["place"] == 1
    shopper = Shopper(asked)
    shopper.clocks["unengaged"] = found.timer
    assert [one.props["after_seconds"] // 86400 for one in shopper.waits(T0 + 99 * DAY).told] == [60, 90]
    assert found.tells == shopper.told[0].identity


# --- emails in a row


def test_three_emails_opened_in_a_row_are_told_once() -> None:
    arrived = [message("message_delivered", one, n) for n, one in enumerate("abcdef")]
    opened = [message("message_opened", one, 10 + n) for n, one in enumerate("abcdef")]
    shopper = Shopper().does(*arrived, *opened, *opened)
    assert shopper.times("opened_n_in_a_row") == [12 * HOUR]
    # One that is left out in between resets the count.
    gap = Shopper().does(*arrived, *(one for one in opened if one.subject != "message:c"))
    assert gap.times("opened_n_in_a_row") == [15 * HOUR]
    assert not Shopper().does(*arrived, *(opened[n] for n in (0, 1, 3, 4))).told


def test_a_mail_program_opens_nothing() -> None:
    arrived = [message("message_delivered", one, n) for n, one in enumerate("abc")]
    assert not Shopper().does(*arrived, *(message("message_opened_by_proxy", one, 5) for one in "abc")).told


# --- points


@pytest.mark.row("S5-051")
def test_a_threshold_is_told_when_exactly_so_many_points_are_reached() -> None:
    shopper = Shopper().does(*(event("custom:demo_requested", T0 + n * HOUR) for n in range(3)))
    (told,) = shopper.heard("score_reached")
    assert told.occurred_at == T0 + HOUR and told.props == {"score": "lead", "reached": 50, "points": 50}
    short = Shopper().does(event("custom:demo_requested", T0), message("message_clicked", "a", 1))
    assert not short.heard("score_reached")


def test_whoever_falls_below_and_comes_back_is_told_of_again() -> None:
    cause = event("custom:demo_requested", T0)
    shopper = Shopper().does(cause, event("custom:demo_requested", T0 + HOUR))
    for hours, points in ((2, -5), (3, 5), (4, 5)):
        step = event("score", T0 + hours * HOUR)
        made = activity.score(shopper.activity, "lead", points, SCORING["lead"], step.occurred_at, cause=step)
        shopper.activity = made.activity
        for heard in made.changes:
            shopper._take(signals.derive(heard, shopper.facts(T0), HEARD, step.occurred_at))
    assert shopper.times("score_reached") == [HOUR, 3 * HOUR]


# --- nobody hears of them


def test_what_nobody_hears_of_is_not_derived_and_its_events_are_not_looked_at() -> None:
    deaf = Shopper(SignalSettings()).does(*(viewed(n) for n in range(9)), visit(10))
    assert not deaf.told and not deaf.clocks
    assert "product_viewed" not in signals.listens(frozenset())
    assert "product_viewed" in signals.listens(frozenset({"browse_abandoned"}))


@pytest.mark.parametrize("part", [{"exit": ["browse_abandoned"]}, {"goal": {"on": "unengaged", "within": "9d"}}])
def test_a_flow_hears_of_what_ends_it_too(part: Mapping[str, Any]) -> None:
    asked = SignalSettings.of([flow(**part)])
    assert asked.heard >= {part["exit"][0] if "exit" in part else part["goal"]["on"]}


@pytest.mark.parametrize(
    "trigger",
    [
        pytest.param(name, marks=pytest.mark.row(row) if row else ())
        for name, row in (
            *(("product_viewed", "S5-043"), ("category_viewed", "S5-044"), ("message_clicked", "S5-236")),
            *(("message_opened", "S5-235"), ("segment_entered", "S5-049"), ("segment_left", "S5-050")),
            *((name, None) for name in sorted(MINE)),
        )
    ],
)
def test_a_flow_begins_with_it(trigger: str) -> None:
    made = load(definition(trigger={"on": trigger}, goal=None, steps=[{"end": "here"}]), messages={})
    assert isinstance(enrol(made, event(trigger, T0), [], [], FACTS, T0), Run)
    assert enrol(made, event("login", T0), [], [], FACTS, T0) is None


@pytest.mark.row("S5-045")
def test_a_flow_begins_with_a_click_on_one_link() -> None:
    asked = {"on": "message_clicked", "where": {"event.link": {"contains": "/sale"}}}
    made = load(definition(trigger=asked, goal=None, steps=[{"end": "here"}]), messages={})
    for link, is_let_in in (("https://goods.example/sale", True), ("https://goods.example/", False)):
        clicked = event("message_clicked", T0, link=link)
        assert isinstance(enrol(made, clicked, [], [], FACTS, T0), Run) is is_let_in
