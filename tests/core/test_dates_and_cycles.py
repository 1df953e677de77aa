"""Birthdays, what is used up, and renewals: each edge, by hand."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from marshmallow import ValidationError

from connector.shops import ShopSettingsSchema
from flows.core import signals
from flows.core.signals import SIGNALS, Anchor, ArmTimer, Derived, SignalSettings, put_off
from flows.core.signals.consumption import TABLE, ReplenishmentSchema, cycle_of
from tests.core.examples import DAY, FACTS, HOUR, T0, event

HEARD = frozenset({"birthday", "replenishment_due", "renewal_upcoming"})
SEED = "2b1f"
PARIS = ZoneInfo("Europe/Paris")


def facts(**more: Any) -> dict[str, Any]:
    person = {**FACTS["person"], "id": 7, **more.pop("person", {})}
    return {**FACTS, "person": person, "shop": {**FACTS["shop"], "url": "https://goods.example"}, **more}


def settings(**values: Any) -> SignalSettings:
    loaded = ShopSettingsSchema().load({"signals": values})["signals"]
    return SignalSettings(heard=HEARD, values=loaded)


def ring(timer: ArmTimer, at: datetime, **more: Any) -> Derived:
    return signals.fire(timer.signal, timer.payload, facts(**more), at)


def nine(year: int, month: int, day: int, zone: str = "Europe/Paris") -> datetime:
    return datetime(year, month, day, 9, tzinfo=ZoneInfo(zone)).astimezone(UTC)


# --- birthdays


def born(on: str, now: datetime = T0, asked: SignalSettings | None = None, **person: Any) -> tuple[ArmTimer, ...]:
    known = event("birthday_told", now, birthday=on)
    return signals.derive(known, facts(person=person), asked or settings(), now).arm


@pytest.mark.row("S1-14", "S2-11", "S3-05", "S5-046")
@pytest.mark.parametrize(
    ("on", "now", "due"),
    [
        ("11-03", T0, nine(2026, 11, 3)),
        ("11-01", T0, nine(2027, 11, 1)),
        # On the day itself: before nine it is today's, at nine and later the next year's.
        ("11-02", nine(2026, 11, 2) - timedelta(seconds=1), nine(2026, 11, 2)),
        ("11-02", nine(2026, 11, 2), nine(2027, 11, 2)),
        # 29 February, in common years and in leap years.
        ("02-29", T0, nine(2027, 2, 28)),
        ("02-29", datetime(2027, 3, 1, tzinfo=UTC), nine(2028, 2, 29)),
        ("02-29", datetime(2028, 2, 28, 20, tzinfo=UTC), nine(2028, 2, 29)),
        # The year begins earlier in Paris.
        ("01-01", datetime(2026, 12, 31, 23, 30, tzinfo=UTC), nine(2027, 1, 1)),
        # Summer time.
        ("07-14", T0, datetime(2027, 7, 14, 7, tzinfo=UTC)),
    ],
)
def test_a_birthday_is_told_at_nine_where_the_person_lives(on: str, now: datetime, due: datetime) -> None:
    (timer,) = born(on, now)
    assert timer.due_at == due
    derived = ring(timer, due, birthday={"on": on})
    (told,), (following,) = derived.events, derived.arm
    year = due.astimezone(PARIS).year
    assert (told.occurred_at, told.identity) == (due, f"person:{SEED}:{year}:0")
    assert told.props["days_before"] == 0 and told.props["birthday"] == due.astimezone(PARIS).date().isoformat()
    assert following.payload["year"] == year + 1 and following.due_at > due + 364 * DAY


def test_days_before_are_told_each_by_itself() -> None:
    early, exact = sorted(born("01-03", asked=settings(birthday={"days_before": [0, 7]})), key=lambda one: one.due_at)
    # A week before the third of January is in the year before.
    assert (early.due_at, exact.due_at) == (nine(2026, 12, 27), nine(2027, 1, 3))
    assert early.key != exact.key
    (week,) = ring(early, early.due_at, birthday={"on": "01-03"}).events
    assert (week.props["days_before"], week.props["birthday"], week.identity) == (
        7,
        "2027-01-03",
        f"person:{SEED}:2027:7",
    )
    # Between the two only the later one is still to come.
    between = born("01-03", nine(2026, 12, 28), settings(birthday={"days_before": [0, 7]}))
    assert {one.due_at for one in between} == {nine(2027, 1, 3), nine(2027, 12, 27)}


def test_a_birthday_looks_where_the_person_lives_and_when_they_were_born_by_now() -> None:
    (timer,) = born("11-03")
    # They have moved to New York: six hours later.
    moved = ring(timer, timer.due_at, birthday={"on": "11-03"}, person={"timezone": "America/New_York"})
    assert not moved.events and [one.due_at for one in moved.arm] == [nine(2026, 11, 3, "America/New_York")]
    other = ring(timer, timer.due_at, birthday={"on": "11-20"})
    assert not other.events and [one.due_at for one in other.arm] == [nine(2026, 11, 20)]
    assert ring(timer, timer.due_at, birthday={"on": None}) == Derived()
    # After three days without a clock it is told once, with its own moment, and the next one is the next year's.
    late = ring(timer, timer.due_at + 3 * DAY, birthday={"on": "11-03"})
    assert [one.occurred_at for one in late.events] == [timer.due_at]
    assert [one.due_at for one in late.arm] == [nine(2027, 11, 3)]


def test_nobody_hears_nobody_is_armed() -> None:
    known = event("birthday_told", T0, birthday="11-03")
    assert signals.derive(known, facts(), SignalSettings(), T0) == Derived()
    assert born("11-03", asked=settings(birthday={"at": "07:30"}))[0].due_at == nine(2026, 11, 3) - 90 * timedelta(
        minutes=1
    )


# --- what is used up


def shelf(*products: dict[str, Any], **more: Any) -> SignalSettings:
    return settings(replenishment_due={"products": list(products), **more})


def bought(*lines: dict[str, Any], order_id: int = 17, at: datetime = T0, **props: Any) -> Any:
    return event("order_placed", at, key="tok", order_id=order_id, items=list(lines), **props)


def line(product: int = 101, variant: int = 1010, quantity: int = 1, **more: Any) -> dict[str, Any]:
    return {"product_id": product, "variant_id": variant, "sku": f"S{variant}", "quantity": quantity, **more}


def clocks(order: Any, asked: SignalSettings, products: Any = None) -> dict[str, float]:
    """After how many days, by product."""
    derived = signals.derive(order, facts(products=products or {}), asked, T0)
    found = [one for one in derived.arm if one.signal == "replenishment_due"]
    return {one.key: (one.due_at - order.occurred_at) / DAY for one in found}


TABLE_ROWS = [
    pytest.param("supplement-30", 30, 23, marks=pytest.mark.row("S5-130")),
    pytest.param("coffee-1lb", 21, 12, marks=pytest.mark.row("S5-131")),
    pytest.param("skincare-60ml", 60, 40, marks=pytest.mark.row("S5-132")),
    pytest.param("pet-food-15lb", 45, 28, marks=pytest.mark.row("S5-133")),
    pytest.param("razor-blades-8", 60, 53, marks=pytest.mark.row("S5-134")),
    # Of the second example: 75, where the formula would say 83.
    pytest.param("supplement-90", 90, 75),
]


@pytest.mark.parametrize(("kind", "cycle", "first"), TABLE_ROWS)
def test_the_table_of_consumption(kind: str, cycle: int, first: int) -> None:
    assert TABLE[kind]["cycle_days"] == cycle
    assert clocks(bought(line()), shelf({"product": 101, "kind": kind})) == {"101": first}


def test_without_a_first_day_it_is_a_week_before_the_end() -> None:
    assert clocks(bought(line()), shelf({"product": 101, "cycle_days": 30})) == {"101": 23}
    assert clocks(bought(line()), shelf({"product": 101, "cycle_days": 90})) == {"101": 83}
    assert clocks(bought(line()), shelf({"product": 101, "cycle_days": 5})) == {"101": 1}
    assert clocks(bought(line()), shelf({"product": 101, "cycle_days": 30}, days_before=10)) == {"101": 20}
    # A cycle of its own says nothing of its kind's first day; a first day of its own does.
    own = {"product": 101, "kind": "coffee-1lb", "cycle_days": 40}
    assert clocks(bought(line()), shelf(own)) == {"101": 33}
    assert clocks(bought(line()), shelf({**own, "first_reminder_day": 31})) == {"101": 31}
    kinds = {"coffee-1lb": {"cycle_days": 14}}
    assert clocks(bought(line()), shelf({"product": 101, "kind": "coffee-1lb"}, kinds=kinds)) == {"101": 7}


def test_the_most_exact_line_counts() -> None:
    rows = [
        {"tag": "Drinks", "cycle_days": 18},
        {"product_type": "Coffee", "cycle_days": 19},
        {"product": 101, "cycle_days": 20},
        {"sku": "S1010", "cycle_days": 21},
        {"variant": 1010, "cycle_days": 22},
    ]
    known = {"101": {"product_type": "Coffee", "tags": ["Drinks", "New"]}}
    found = [clocks(bought(line()), shelf(*rows[: n + 1]), known)["101"] for n in range(len(rows))]
    assert found == [11, 12, 13, 14, 15]
    assert clocks(bought(line()), shelf(*rows[:2])) == {}
    assert clocks(bought(line(variant=1)), shelf(*rows), known) == {"101": 13}


def test_pieces_lines_and_orders_that_count_for_nothing() -> None:
    each = {"product": 101, "kind": "supplement-30", "per_piece": True}
    assert clocks(bought(line(quantity=3)), shelf(each)) == {"101": 83}
    assert clocks(bought(line(quantity=3)), shelf({**each, "per_piece": False})) == {"101": 23}
    both = shelf({"variant": 1, "cycle_days": 30}, {"variant": 2, "cycle_days": 90}, {"product": 102, "cycle_days": 10})
    # Of two variants the one that lasts longer; another product has its own clock.
    assert clocks(bought(line(variant=1), line(variant=2), line(102, 3)), both) == {"101": 83, "102": 3}
    assert clocks(bought(line(), test=True), shelf(each)) == {}
    assert clocks(bought({"product_id": None, "title": "Gift wrap"}), shelf(each)) == {}


def purchase(order_id: int = 17, at: datetime = T0, **changes: Any) -> dict[str, Any]:
    told = {"order_id": order_id, "bought_at": at.isoformat(), "title": "Coffee", "quantity": 2, "sold": True}
    return {"product_id": 101, "variant_id": 1010, **told, **changes}


def coffee() -> ArmTimer:
    derived = signals.derive(bought(line()), facts(), shelf({"product": 101, "kind": "coffee-1lb"}), T0)
    return next(one for one in derived.arm if one.signal == "replenishment_due")


@pytest.mark.row("S5-127")
def test_a_reorder_starts_the_clock_anew_and_each_order_is_told_once() -> None:
    timer = coffee()
    (told,) = ring(timer, timer.due_at, purchase=purchase()).events
    assert (told.key, told.occurred_at, told.identity) == ("101", T0 + 12 * DAY, "order:17:101")
    assert told.props["reorder_url"] == "https://goods.example/cart/1010:2"
    assert told.props["anchor_at"] == told.props["bought_at"] == T0.isoformat()
    again = T0 + 10 * DAY
    derived = ring(timer, timer.due_at, purchase=purchase(18, again))
    assert not derived.events and [one.due_at for one in derived.arm] == [again + 12 * DAY]
    (later,) = ring(derived.arm[0], again + 12 * DAY, purchase=purchase(18, again)).events
    assert later.identity == "order:18:101"
    # That order was cancelled: what was bought before has its name still, and is not told twice.
    (before,) = ring(derived.arm[0], again + 12 * DAY, purchase=purchase()).events
    assert before.identity == told.identity


@pytest.mark.parametrize("found", [None, purchase(sold=False)])
def test_what_was_given_back_or_is_not_sold_any_more_is_left_out(found: Any) -> None:
    timer = coffee()
    assert ring(timer, timer.due_at, purchase=found) == Derived()


def test_the_past_of_what_was_bought() -> None:
    asked = shelf({"tag": "Drinks", "kind": "coffee-1lb"})
    detail = {**line(), "order_id": 17, "product_type": "Coffee", "tags": ["Drinks"]}
    past = SIGNALS["replenishment_due"].past
    assert past is not None
    clock = past.clock(Anchor(7, SEED, "101", T0, None, detail), asked, T0)
    assert clock is not None and clock.timer == coffee() and clock.tells == "order:17:101"
    assert past.clock(Anchor(7, SEED, "101", T0, None, {**detail, "tags": []}), asked, T0) is None
    # One that is put off counts from later, and tells the same.
    late = put_off(clock.timer, T0 + 100 * DAY)
    (told,) = ring(late, T0 + 100 * DAY, purchase=purchase()).events
    assert told.identity == clock.tells and told.props["anchor_at"] == (T0 + 88 * DAY).isoformat()


@pytest.mark.parametrize(
    "wrong",
    [
        {"product": 101},
        {"kind": "coffee-1lb"},
        {"product": 101, "tag": "x", "kind": "coffee-1lb"},
        {"product": 101, "kind": "tea"},
        {"product": 101, "cycle_days": 10, "first_reminder_day": 11},
        {"product": 101, "cycle_days": 0},
    ],
)
def test_lines_that_make_no_sense_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        shelf(wrong)


def test_a_kind_of_its_own() -> None:
    chosen = ReplenishmentSchema().load(
        {"kinds": {"tea": {"cycle_days": 50}}, "products": [{"sku": "T", "kind": "tea"}]}
    )
    found = cycle_of({"sku": "T", "product_id": 1}, {}, chosen)
    assert found is not None and (found.first, found.days) == (43, 50)


# --- renewals

RENEWS = T0 + 20 * DAY


def started(renews: datetime = RENEWS, asked: SignalSettings | None = None, now: datetime = T0) -> dict[str, ArmTimer]:
    known = event("subscription_started", now, subscription="sub:1", renews_at=renews.isoformat())
    return {one.key: one for one in signals.derive(known, facts(), asked or settings(), now).arm}


def held(renews: datetime | None = RENEWS, active: bool = True) -> dict[str, Any]:
    return {"active": active, "renews_at": renews.isoformat() if renews else None, "plan": "Coffee club"}


@pytest.mark.row("S2-12")
def test_a_renewal_is_told_some_days_before_once_for_each() -> None:
    clocks = started(asked=settings(renewal_upcoming={"days_before": [14, 3]}))
    assert {key: one.due_at for key, one in clocks.items()} == {
        "sub:1:14": RENEWS - 14 * DAY,
        "sub:1:3": RENEWS - 3 * DAY,
    }
    names = set()
    for one in clocks.values():
        (told,) = ring(one, one.due_at, subscription=held()).events
        assert told.key == "sub:1" and told.props["plan"] == "Coffee club"
        names.add(told.identity)
    assert len(names) == 2
    # The one whose day has passed is not told any more.
    assert set(started(T0 + 5 * DAY, settings(renewal_upcoming={"days_before": [14, 3]}))) == {"sub:1:3"}


def test_a_renewal_looks_at_the_subscription_as_it_is_by_now() -> None:
    (timer,) = started().values()
    assert timer.due_at == RENEWS - 7 * DAY
    put = ring(timer, timer.due_at, subscription=held(RENEWS + 30 * DAY))
    assert not put.events and [one.due_at for one in put.arm] == [RENEWS + 23 * DAY]
    for over in (None, held(active=False), held(None), held(T0 + 10 * DAY)):
        found = ring(timer, timer.due_at, subscription=over)
        assert not found.events and not found.arm, over
    # The control.
    assert ring(timer, timer.due_at + HOUR, subscription=held()).events
    past = SIGNALS["renewal_upcoming"].past
    assert past is not None
    clock = past.clock(Anchor(7, SEED, "sub:1:7", RENEWS, None), settings(), T0)
    assert clock is not None and clock.timer == timer
    assert ring(timer, timer.due_at, subscription=held()).events[0].identity == clock.tells
