"""Conditions with a name: the shipped ones on their edges, and what a shop may name."""

from __future__ import annotations

import re
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from marshmallow import ValidationError

from flows.core import conditions, rfm, segments
from flows.core.problems import DefinitionError
from flows.core.rfm import Borders
from flows.core.segments import Membership
from flows.core.validate import load
from tests.core.examples import DAY, T0, definition

SECOND = timedelta(seconds=1)


def ago(days: float, more: timedelta = timedelta()) -> str:
    return (T0 - days * DAY - more).isoformat()


def inside(name: str, chosen: dict[str, Any] | None = None, **facts: Any) -> bool | None:
    """None when it cannot be told."""
    known = {"person": {"orders_count": 0, "last_order_at": None, "answers": {}, **facts.pop("person", {})}, **facts}
    return Membership(segments.of_shop(chosen or {}), known, T0).get(name)


def quiet(since: str, **more: Any) -> dict[str, Any]:
    return {"activity": {"quiet_since": since, "last_engaged_at": since, "known_since": ago(300), **more}}


@pytest.mark.row("S5-010")
@pytest.mark.parametrize(("spent", "is_vip"), [("499.99", False), ("500.00", True), ("500.01", True), (None, None)])
def test_vip_is_from_so_much_spent_on(spent: str | None, is_vip: bool | None) -> None:
    assert inside("vip", person={"total_spent": spent}) is is_vip


def test_a_shop_names_its_own_and_takes_shipped_ones_away() -> None:
    chosen = {"vip": {"person.loyalty.tier": "Gold"}, "men": None, "parisians": {"person.city": "Paris"}}
    gold = {"loyalty": {"tier": "Gold"}, "city": "Paris", "total_spent": "0"}
    assert inside("vip", chosen, person=gold) and inside("parisians", chosen, person=gold)
    assert "men" not in segments.of_shop(chosen) and "women" in segments.of_shop(chosen)


@pytest.mark.row("S3-19")
@pytest.mark.parametrize(
    ("recency", "frequency", "orders", "is_regular"),
    [(3, 4, 2, True), (5, 5, 9, True), (2, 5, 9, False), (5, 3, 9, False), (5, 5, 1, False), (None, None, 0, False)],
)
def test_regular_customers_buy_often_and_have_not_stayed_away(
    recency: int | None, frequency: int | None, orders: int, is_regular: bool
) -> None:
    scored = {"recency": recency, "frequency": frequency}
    assert inside("regular", rfm=scored, person={"orders_count": orders}) is is_regular


def test_without_borders_nobody_can_tell_who_buys_often() -> None:
    bought = {"orders_count": 9, "last_order_at": T0, "total_spent": 5}
    assert rfm.facts(bought, Borders()) == {} and inside("regular", rfm={}, person={"orders_count": 9}) is None
    drawn = Borders([T0 - n * DAY for n in (4, 3, 2, 1)], [1, 2, 3, 4], [])
    assert rfm.facts(bought, drawn) == {"recency": 5, "frequency": 5}
    assert rfm.facts({**bought, "orders_count": 0}, drawn) == {"recency": None, "frequency": None}


@pytest.mark.row("S3-21")
def test_women_and_men_by_what_they_said_and_whoever_did_not_say_is_in_neither() -> None:
    for said, found in (("female", (True, False)), ("m", (False, True)), ("none of yours", (False, False))):
        person = {"answers": {"gender": said}}
        assert (inside("women", person=person), inside("men", person=person)) == found
    assert inside("women", person={}) is None


@pytest.mark.parametrize(
    ("name", "days", "found"),
    [
        *(("engaged", 30 - 0.01, True), ("engaged", 30, False), ("active", 89.9, True), ("active", 90, False)),
        *(("inactive", 90, False), ("inactive", 90.01, True)),
    ],
)
def test_whoever_clicked_ordered_visited_or_signed_in_lately(name: str, days: float, found: bool) -> None:
    assert inside(name, **quiet(ago(days))) is found


def test_whoever_never_gave_a_sign_of_life_is_not_engaged_and_inactive_after_so_long() -> None:
    never = {"activity": {"last_engaged_at": None, "quiet_since": ago(100)}}
    assert (inside("engaged", **never), inside("active", **never), inside("inactive", **never)) == (False, False, True)


@pytest.mark.row("S4-24")
@pytest.mark.parametrize(
    ("clicked", "opened", "found"),
    [
        (ago(91), ago(91), True),
        (None, None, True),
        (ago(89), ago(200), False),
        (ago(200), ago(89), False),
        (ago(90), None, False),
        (ago(90, SECOND), None, True),
        # Opens cannot be told: a click says no, and nothing says yes.
        (ago(89), "untold", False),
        (ago(200), "untold", None),
        (None, "untold", None),
    ],
)
def test_whoever_opened_and_clicked_nothing_for_three_months(
    clicked: str | None, opened: str | None, found: bool | None
) -> None:
    opens = {} if opened == "untold" else {"opens": {"last_at": opened}}
    assert inside("unread", **quiet(ago(200), last_click_at=clicked), **opens) is found


def test_nobody_is_said_to_have_read_nothing_before_they_were_known_for_so_long() -> None:
    known = quiet(ago(9), known_since=ago(9), last_click_at=None)
    assert inside("unread", **known, opens={"last_at": None}) is False


@pytest.mark.row("S4-25")
def test_by_the_date_of_the_last_purchase() -> None:
    for days, lately, long_ago in ((89, True, False), (90, False, False), (91, False, True)):
        person = {"last_order_at": ago(days)}
        assert (inside("bought_lately", person=person), inside("bought_long_ago", person=person)) == (lately, long_ago)
    assert (inside("bought_lately"), inside("bought_long_ago")) == (False, False)


def test_fifty_points_are_a_qualified_lead() -> None:
    assert [inside("qualified_lead", score={"lead": points}) for points in (49, 50, 51)] == [False, True, True]


def test_a_condition_asks_for_them_by_name() -> None:
    asked = conditions.from_data({"segment.vip": True})
    known = {"person": {"total_spent": "500"}}
    for spent, truth in (("500", "yes"), ("1", "no"), (None, "cannot tell")):
        known["person"]["total_spent"] = spent  # type: ignore[assignment]
        facts = {**known, segments.FAMILY: Membership(segments.of_shop({}), known, T0)}
        assert conditions.truth(conditions.evaluate(asked, facts, T0)) == truth
    assert conditions.needs(asked) == {"segment"}


@pytest.mark.parametrize(
    "field",
    ["segment.vip", "person.store_segments.123", "activity.views.123", "score.lead", "rfm.recency", "opens.last_at"],
)
def test_flows_may_ask_for_what_is_known_of_behaviour(field: str) -> None:
    steps = [{"when": {field: {"exists": True}}, "then": [{"end": "yes"}]}]
    assert load(definition(steps=steps), messages={}).needs >= {field.partition(".")[0]}


@pytest.mark.parametrize("field", ["segment.VIP", "person.store_segments.vip", "score.fame", "activity.mood"])
def test_and_for_nothing_else(field: str) -> None:
    with pytest.raises(DefinitionError, match="is no field"):
        load(definition(steps=[{"when": {field: {"exists": True}}, "then": [{"end": "yes"}]}]), messages={})


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"Loyal": {"person.city": "Paris"}}, "small letters"),
        ({"loyal": {}}, "empty"),
        ({"loyal": {"person.city": {"like": "x"}}}, "no way to compare"),
        ({"loyal": {"event.total": 5}}, "not for event"),
        ({"loyal": {"segment.vip": True}}, "not for segment"),
    ],
)
def test_a_segment_that_makes_no_sense_is_refused(wrong: dict[str, Any], said: str) -> None:
    with pytest.raises(ValidationError, match=said):
        segments.field().deserialize(wrong)


def test_the_page_names_the_shipped_ones() -> None:
    page = (Path(__file__).parents[2] / "docs" / "behaviour.md").read_text(encoding="utf-8")
    table = page.partition("| name | who is in it |")[2].partition("\n\n")[0]
    assert re.findall(r"^\| `([a-z_]+)` \|", table, re.MULTILINE) == list(segments.SHIPPED)


def test_every_shipped_one_is_a_condition_that_a_shop_could_write() -> None:
    assert segments.field().deserialize(dict(segments.SHIPPED)) == segments.SHIPPED
