"""Flows side by side: what they have against one another, and what is left alone."""

from __future__ import annotations

from typing import Any

import pytest

from flows.core.conflicts import CONFLICTS, Clash, Shelf
from flows.core.lints import Shown, Subject
from flows.core.model import Limit, MessageSpec
from flows.core.validate import load
from tests.core.examples import DAY, MESSAGES, definition

CAPS = {"email": (Limit(3, 7, "email"),), "sms": (Limit(3, 7, "sms"),)}
SPECS = {
    **MESSAGES,
    "text": MessageSpec("text", "sms", "marketing", DAY),
    "receipt": MessageSpec("receipt", "email", "transactional", DAY),
}
SHOWN = {"plain": Shown(coupons=frozenset({"offer"}), prices=True), "last": Shown(prices=True)}


def made(name: str, *steps: Any, **changes: Any) -> Subject:
    data = definition(flow=name, goal=None, steps=list(steps), **changes)
    return Subject(load(data, messages=SPECS), {}, SHOWN)


def found(conflict: str, *subjects: Subject, alternatives: bool = True) -> list[Clash]:
    return list(CONFLICTS[conflict].look(Shelf(subjects, CAPS, alternatives)))


MAIL, TEXT = {"email": "reminder"}, {"sms": "text"}


def every(apart: str, times: int) -> list[Any]:
    return [step for _ in range(times) for step in (MAIL, {"wait": apart})][:-1]


@pytest.mark.parametrize(
    ("changes", "steps", "planned"),
    [
        ({"cap": "own"}, every("1d", 4), True),
        ({"cap": "count"}, every("1d", 4), False),
        ({"cap": "count"}, every("1d", 3), None),
        ({"cap": "count"}, every("3d", 4), None),
        # Not in any seven days.
        ({"cap": "count"}, [*every("1d", 3), {"wait": "8d"}, *every("1d", 3)], None),
        # Its own plan is its own word.
        ({"cap": "own", "caps": {"email": {"count": 1, "days": 2}}}, every("1d", 2), False),
        ({"cap": "own", "caps": {"email": {"count": 1, "per": "day"}}}, every("1d", 2), None),
        ({"cap": "own", "caps": {"email": {"count": 1, "per": "day"}}}, every("2h", 2), False),
        (
            {"cap": "own", "caps": {"all": {"count": 2, "days": 7}}},
            [MAIL, {"wait": "2d"}, TEXT, {"wait": "2d"}, MAIL],
            False,
        ),
        # Transactional ones count for nothing; nor does what only one of two gets.
        ({"cap": "count"}, [{"email": "receipt"}, *every("1d", 3)], None),
        (
            {"cap": "count"},
            [*every("1d", 2), {"when": {"event.total": {"gt": 5}}, "then": [MAIL], "else": [MAIL]}],
            None,
        ),
    ],
)
def test_more_than_a_cap_lets_through(changes: dict[str, Any], steps: list[Any], planned: bool | None) -> None:
    clashes = found("over_cap", made("a", *steps, **changes))
    assert [clash.planned for clash in clashes] == ([] if planned is None else [planned])


def test_what_is_over_the_cap_is_named() -> None:
    (clash,) = found("over_cap", made("a", *every("1d", 4), cap="count"))
    assert clash.sentence == "It sends 4 emails within 3 days; the shop's cap is 3 in 7 days"
    assert clash.todo == "“reminder” is put off until there is room, or left out: send fewer, or further apart"
    assert clash.path == ("steps", 6, "email")


@pytest.mark.parametrize(
    ("changes", "steps", "planned"),
    [
        ({"cap": "own"}, [MAIL, {"wait": "3h"}, TEXT], True),
        ({"cap": "count"}, [MAIL, {"wait": "3h"}, TEXT], False),
        ({"cap": "count"}, [MAIL, {"wait": "20h"}, TEXT], None),
        # Either the one or the other.
        ({"cap": "count"}, [{"when": {"person.consent.sms": "subscribed"}, "then": [TEXT], "else": [MAIL]}], None),
        ({"cap": "count"}, [{"email": "receipt"}, TEXT], None),
    ],
)
def test_two_channels_on_one_day(changes: dict[str, Any], steps: list[Any], planned: bool | None) -> None:
    clashes = found("channels_same_day", made("a", *steps, **changes))
    assert [clash.planned for clash in clashes] == ([] if planned is None else [planned])


ORDER = {"trigger": {"on": "order_placed"}}


@pytest.mark.row("S5-032")
@pytest.mark.parametrize(
    ("other", "clash"),
    [
        ({}, True),
        ({"trigger": {"on": "cart_abandoned"}}, True),
        ({"trigger": {"on": "lapsed"}}, False),
        ({"audience": {"person.country": "DE"}}, False),
        ({"audience": {"person.country": {"in": ["FR", "DE"]}}}, True),
        ({"not_while_in": ["first"]}, False),
        ({"tags": ["second"]}, False),
        ({"trigger": {"on": "checkout_abandoned", "where": {"event.total": {"gt": 100}}}}, False),
        ({"trigger": {"on": "cart_abandoned", "where": {"event.total": {"gt": 100}}}}, True),
        ({"about": {"instead_of": ["a"]}}, False),
        ({"exit": [{"on": "order_paid", "move_to": "a"}]}, False),
    ],
)
def test_flows_that_write_to_the_same_people_about_the_same_thing(other: dict[str, Any], clash: bool) -> None:
    where = {"on": "checkout_abandoned", "where": {"event.total": {"lt": 50}}}
    one = made("a", MAIL, trigger=where, audience={"person.country": "FR"}, tags=["first"], not_while_in=["second"])
    two = made("b", MAIL, **{"trigger": {"on": "checkout_abandoned"}, **other})
    assert bool(found("overlap", one, two)) is clash
    assert bool(found("overlap", two, one)) is clash


def test_messages_a_day_apart_are_no_overlap() -> None:
    one = made("a", MAIL)
    assert found("overlap", one, made("b", {"wait": "1d"}, MAIL)) == []
    assert found("overlap", one, made("b", {"wait": "23h"}, MAIL))
    assert found("overlap", one, made("b", {"wait": "23h"}, {"email": "receipt"})) == []


def test_arms_of_one_test_share_the_people() -> None:
    arms = [made(arm, MAIL, test={"name": "carts", "arm": arm, "shares": {"a": 50, "b": 50}}) for arm in ("a", "b")]
    assert found("overlap", *arms) == []
    # The same arm twice is a mistake, and both write to its people.
    assert found("overlap", arms[0], Subject(arms[0].flow, {}, SHOWN))


def test_alternatives_are_a_clash_once_both_are_active() -> None:
    flows = [made("a", MAIL), *(made(name, MAIL, about={"instead_of": ["a"]}) for name in ("b", "c"))]
    assert found("overlap", *flows) == []
    assert len(found("overlap", *flows, alternatives=False)) == 3
    assert found("overlap", *flows[1:]) == [], "also where what both stand for is not there"


CHEAP, DEAR = {"email": "plain"}, {"email": "last"}
BROWSED = {"on": "browse_abandoned"}


@pytest.mark.row("S5-032")
@pytest.mark.parametrize(
    ("dear", "steps", "clash"),
    [
        ({"trigger": BROWSED, "exit": ["order_placed"]}, [DEAR], True),
        ({"trigger": BROWSED, "exit": ["order_placed", "added_to_cart"]}, [DEAR], False),
        ({"trigger": BROWSED, "not_while_in": ["cart"]}, [DEAR], False),
        ({"trigger": BROWSED, "audience": {"person.country": "DE"}}, [DEAR], False),
        ({"trigger": BROWSED}, [MAIL], False),
        ({"trigger": BROWSED}, [{"wait": "9d"}, DEAR], False),
        ({}, [{"wait": "2d"}, DEAR], True),
        ({"trigger": {"on": "lapsed"}}, [DEAR], False),
    ],
)
def test_a_discount_in_one_flow_and_the_full_price_in_another(
    dear: dict[str, Any], steps: list[Any], clash: bool
) -> None:
    coupon = {"coupon": {"as": "offer", "percent": 10, "valid": "9d"}}
    cheap = made("cheap", coupon, CHEAP, tags=["cart"], audience={"person.country": "FR"})
    found_ = found("price_clash", cheap, made("dear", *steps, **dear))
    assert [(one.flow, one.other) for one in found_] == ([("dear", "cheap")] if clash else [])


@pytest.mark.parametrize(
    ("changes", "steps", "clash"),
    [
        (ORDER, [{"email": "receipt"}], True),
        (ORDER, [MAIL], False),
        (ORDER, [{"wait": "2d"}, {"email": "receipt"}], False),
        ({"trigger": {"on": "order_shipped"}}, [{"email": "receipt"}], True),
        ({"trigger": {"on": "order_returned"}}, [{"email": "receipt"}], False),
        # Switched off, and ready to be switched on.
        (
            ORDER,
            [{"split": {"name": "who", "shares": {"us": 50, "them": 50}, "winner": "them",
                        "arms": {"us": [{"email": "receipt"}], "them": [MAIL]}}}],
            False,
        ),
    ],
)  # fmt: skip
def test_what_shopify_sends_by_itself(changes: dict[str, Any], steps: list[Any], clash: bool) -> None:
    assert bool(found("doubles", made("a", *steps, **changes, hold_after_purchase="none"))) is clash


def test_every_check_says_what_it_is_about() -> None:
    assert all((one.about or "").strip() and name == one.name for name, one in CONFLICTS.items())
