"""Signals of orders, payments and carts: each edge, and that a fact has one name however often it is derived."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from marshmallow import ValidationError

from connector.shops import ShopSettingsSchema
from connector.signal_settings import SCHEMAS, chosen
from flows.core import signals
from flows.core.signals import ArmTimer, CancelTimer, Derived, NewEvent, SignalSettings
from tests.core.examples import DAY, FACTS, HOUR, T0, event

HEARD = frozenset(
    {
        *("milestone_order", "high_value_order", "order_count_reached", "total_spent_reached"),
        *("confirmed_orders_reached", "payment_still_pending", "cart_abandoned", "days_since_first_order"),
    }
)
SEED = "2b1f"


def facts(**person: Any) -> dict[str, Any]:
    shop = {**FACTS["shop"], "currency": "EUR", "url": "https://goods.example"}
    return {**FACTS, "shop": shop, "person": {**FACTS["person"], "id": 7, **person}}


def ordered(before: int = 0, total: str = "20.00", spent: str = "0.00", **props: Any) -> Any:
    told = {"order_id": 17, "currency": "EUR", "total": total, "orders_before": before, "spent_before": spent}
    return event("order_placed", T0, key="tok", **{**told, **props})


def settings(**values: Any) -> SignalSettings:
    loaded = ShopSettingsSchema().load({"signals": values})["signals"]
    return SignalSettings(heard=HEARD, values=loaded)


def told(name: str, placed: Any, asked: SignalSettings | None = None, **person: Any) -> list[NewEvent]:
    derived = signals.derive(placed, facts(**person), asked or settings(), T0)
    return [one for one in derived.events if one.name == name]


# --- milestones


@pytest.mark.row("S2-04")
@pytest.mark.parametrize("before", range(25))
def test_milestones_are_the_very_fifth_tenth_and_twentieth_order(before: int) -> None:
    numbers = [one.props["number"] for one in told("milestone_order", ordered(before))]
    assert numbers == ([before + 1] if before + 1 in (5, 10, 20) else [])


@pytest.mark.row("S2-04")
def test_a_milestone_has_one_name_whichever_order_reaches_it_and_whoever_the_person_was() -> None:
    (first,) = told("milestone_order", ordered(4))
    # The fifth was cancelled, and another order is the fifth now.
    (again,) = told("milestone_order", ordered(4, order_id=18))
    assert first.identity == again.identity == f"person:{SEED}:5"
    (merged,) = told("milestone_order", ordered(4), was=["9c", "77"])
    assert merged.also == ("person:9c:5", "person:77:5") and first.also == ()
    # The control: the tenth is another fact.
    assert told("milestone_order", ordered(9))[0].identity != first.identity


def test_milestones_can_be_set_and_orders_that_count_for_nothing_are_none() -> None:
    asked = settings(milestone_order={"orders": [2, 3]})
    assert [len(told("milestone_order", ordered(n), asked)) for n in range(5)] == [0, 1, 1, 0, 0]
    assert not told("milestone_order", ordered(4, test=True))
    assert not told("milestone_order", event("order_placed", T0, orders_before=4, historical=True))
    assert not told("milestone_order", event("order_placed", T0, order_id=1), orders_count=None)


def test_what_nobody_hears_is_not_told() -> None:
    assert not told("milestone_order", ordered(4), SignalSettings())
    assert told("milestone_order", ordered(4))


def test_a_number_of_orders_is_told_of_the_person() -> None:
    counts = [told("order_count_reached", ordered(n)) for n in range(4)]
    assert [len(one) for one in counts] == [0, 0, 1, 0]
    (third,) = counts[2]
    assert (third.subject, third.key, third.props["orders"]) == ("person:7", None, 3)


@pytest.mark.row("S3-09")
def test_a_number_of_paid_orders_is_told_when_the_last_of_them_is_paid() -> None:
    def paid(number: int | None, **props: Any) -> int:
        happened = event("order_paid", T0, key="tok", order_id=17, orders_paid=number, **props)
        return len(told("confirmed_orders_reached", happened))

    assert [paid(number) for number in (None, 2, 3, 4)] == [0, 0, 1, 0]
    assert not paid(3, test=True) and not told("confirmed_orders_reached", ordered(2, orders_paid=3))


# --- amounts


@pytest.mark.row("S2-03", "S5-229")
@pytest.mark.parametrize(
    ("total", "currency", "threshold"),
    [
        ("99.99", "EUR", None),
        ("100.00", "EUR", "100"),
        ("249.99", "EUR", "100"),
        ("250", "EUR", "250"),
        ("900", "EUR", "499.50"),
        # It cannot be compared.
        ("900", "USD", None),
        (None, "EUR", None),
        ("900", None, "499.50"),
    ],
)
def test_an_order_of_high_value_is_told_once_with_the_highest_amount_it_reaches(
    total: str | None, currency: str | None, threshold: str | None
) -> None:
    asked = settings(high_value_order={"amounts": [250, "100.00", "499.50"]})
    found = told("high_value_order", ordered(total=total, currency=currency), asked)
    assert [one.props["threshold"] for one in found] == ([threshold] if threshold else [])


def test_the_shipped_amounts() -> None:
    assert len(told("high_value_order", ordered(total="100.00"))) == 1
    assert not told("high_value_order", ordered(total="99.99"))
    assert len(told("total_spent_reached", ordered(total="1.00", spent="499.00"))) == 1


@pytest.mark.parametrize(
    ("spent", "total", "reached"),
    [
        ("0", "499.99", []),
        ("0", "500", ["500"]),
        ("499.99", "0.01", ["500"]),
        ("500", "10", []),
        # One order may bring somebody to several.
        ("10", "2000", ["500", "1000"]),
        ("999.99", "0.01", ["1000"]),
        (None, "5000", []),
    ],
)
def test_what_was_spent_in_all(spent: str | None, total: str, reached: list[str]) -> None:
    asked = settings(total_spent_reached={"amounts": [1000, 500]})
    found = told("total_spent_reached", ordered(total=total, spent=spent), asked)  # type: ignore[arg-type]
    assert [one.props["threshold"] for one in found] == reached
    assert [one.identity for one in found] == [f"person:{SEED}:{one}" for one in reached]


# --- settings


def test_every_default_is_one_that_may_be_set() -> None:
    for name, schema in SCHEMAS.items():
        shipped = schema().load({})
        assert chosen(ShopSettingsSchema().load({}), name) == shipped
        plain = {field: schema().dump(shipped)[field] for field in shipped}
        assert schema().load(plain) == shipped, name


@pytest.mark.parametrize(
    "wrong",
    [
        {"milestone_order": {"orders": [0]}},
        {"milestone_order": {"order": [5]}},
        {"high_value_order": {"amounts": ["-1"]}},
        {"high_value_order": {"amounts": ["much"]}},
        {"nonsense": {}},
    ],
)
def test_wrong_settings_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        ShopSettingsSchema().load({"signals": wrong})


# --- payments


def order(status: str = "pending", **changes: Any) -> dict[str, Any]:
    """The order as the facts tell it."""
    told = {"order_id": 17, "total": "20.00", "currency": "EUR", "items": [{"title": "Mug"}], "order_name": "#17"}
    times = {"placed_at": T0.isoformat(), "cancelled_at": None, "deleted_at": None}
    return {**told, **times, "financial_status": status, **changes}


def clocks(happened: Any, name: str, asked: SignalSettings | None = None) -> list[ArmTimer]:
    derived = signals.derive(happened, facts(), asked or settings(), T0)
    return [one for one in derived.arm if one.signal == name]


def ring(timer: ArmTimer, at: Any, **more: Any) -> Derived:
    return signals.fire(timer.signal, timer.payload, {**facts(), **more}, at)


@pytest.mark.row("S3-04")
@pytest.mark.parametrize(
    ("status", "changes", "is_told"),
    [
        ("pending", {}, True),
        ("partially_paid", {}, True),
        ("paid", {}, False),
        ("authorized", {}, False),
        ("refunded", {}, False),
        (None, {}, False),
        ("pending", {"cancelled_at": T0.isoformat()}, False),
        ("pending", {"deleted_at": T0.isoformat()}, False),
    ],
)
def test_an_order_that_is_still_unpaid(status: str, changes: dict[str, Any], is_told: bool) -> None:
    (timer,) = clocks(ordered(financial_status="pending"), "payment_still_pending")
    assert (timer.key, timer.due_at) == ("17", T0 + DAY)
    derived = ring(timer, timer.due_at, order=order(status, **changes))
    assert [one.identity for one in derived.events] == (["order:17:86400"] if is_told else [])
    for one in derived.events:
        assert one.props["order_name"] == "#17" and one.occurred_at == T0 + DAY and one.key == "17"


def test_unpaid_orders_have_clocks_and_paid_ones_lose_them() -> None:
    assert not clocks(ordered(financial_status="paid"), "payment_still_pending")
    assert not clocks(ordered(financial_status="pending", test=True), "payment_still_pending")
    assert len(clocks(event("payment_pending", T0, order_id=17), "payment_still_pending")) == 1
    for name in ("order_paid", "order_cancelled", "order_deleted"):
        derived = signals.derive(event(name, T0, order_id=17), facts(), settings(), T0)
        assert CancelTimer("payment_still_pending", "17") in derived.cancel
    # The control: a clock that nobody hears.
    assert not clocks(ordered(financial_status="pending"), "payment_still_pending", SignalSettings())


def test_each_threshold_of_a_pending_payment_is_told_once() -> None:
    asked = SignalSettings({"payment_still_pending": (2 * HOUR, 3 * DAY)}, HEARD)
    (timer,) = clocks(ordered(financial_status="pending"), "payment_still_pending", asked)
    first = ring(timer, T0 + 2 * HOUR, order=order())
    second = ring(first.arm[0], T0 + 3 * DAY, order=order())
    assert [one.props["after_seconds"] for one in (*first.events, *second.events)] == [7200, 3 * 86400]
    assert not second.arm
    # Late word of the payment itself: it is the order's own time that counts.
    (late,) = clocks(event("payment_pending", T0 + HOUR, order_id=17), "payment_still_pending", asked)
    assert ring(late, T0 + 3 * HOUR, order=order()).events[0].identity == first.events[0].identity


# --- carts

ITEMS = [{"title": "Mug", "variant_id": 1010, "quantity": 2}]


def cart(**changes: Any) -> dict[str, Any]:
    told = {"items": ITEMS, "total": "20.00", "currency": "EUR", "taken_further": False}
    return {**told, "source_updated_at": T0.isoformat(), **changes}


def filled(**props: Any) -> ArmTimer:
    put = event("cart_updated", T0, key="c1", **{"cart_token": "c1", "items": ITEMS, "total": "20.00", **props})
    (timer,) = clocks(put, "cart_abandoned")
    return timer


@pytest.mark.row("S1-12", "S2-05", "S5-230")
def test_a_cart_that_is_left_behind() -> None:
    timer = filled()
    assert (timer.key, timer.due_at) == ("c1", T0 + HOUR)
    (one,) = ring(timer, timer.due_at, cart=cart()).events
    assert (one.subject, one.key, one.occurred_at) == ("cart:c1", "c1", T0 + HOUR)
    assert one.props["recovery_url"] == "https://goods.example/cart/1010:2"
    assert one.props["anchor_at"] == T0.isoformat()
    # A cart whose items cannot all be named has no such address.
    (other,) = ring(timer, timer.due_at, cart=cart(items=[*ITEMS, {"title": "Gift", "variant_id": None}])).events
    assert other.props["recovery_url"] is None


@pytest.mark.parametrize(
    "found",
    [
        {"cart": None},
        # A checkout was begun with it: that one tells.
        {"cart": cart(taken_further=True)},
        {"cart": cart(items=[])},
        {"cart": cart(total="0.00")},
        {"cart": cart(), "person": {**facts()["person"], "last_order_at": T0.isoformat()}},
    ],
)
def test_nothing_is_told_of_a_cart_that_is_over(found: dict[str, Any]) -> None:
    assert ring(filled(), T0 + HOUR, **found) == Derived()


def test_a_cart_that_changed_since_is_given_its_whole_hour() -> None:
    change = T0 + timedelta(minutes=30)
    derived = ring(filled(), T0 + HOUR, cart=cart(source_updated_at=change.isoformat()))
    assert not derived.events and [one.due_at for one in derived.arm] == [change + HOUR]
    assert len(ring(derived.arm[0], change + HOUR, cart=cart(source_updated_at=change.isoformat())).events) == 1


# --- time since the first order


@pytest.mark.row("S5-047")
def test_time_since_the_first_order_is_told_once_for_a_person() -> None:
    asked = SignalSettings({"days_since_first_order": (10 * DAY, 30 * DAY)}, HEARD)
    (timer,) = clocks(ordered(), "days_since_first_order", asked)
    assert not clocks(ordered(before=1), "days_since_first_order", asked)
    known = {"person": facts(first_order_at=T0.isoformat())["person"]}
    first = ring(timer, T0 + 10 * DAY, **known)
    second = ring(first.arm[0], T0 + 30 * DAY, **known)
    names = [one.identity for one in (*first.events, *second.events)]
    assert names == [f"person:{SEED}:{10 * 86400}", f"person:{SEED}:{30 * 86400}"] and not second.arm
    # An earlier order has become known: it is that one's time, and the same fact.
    earlier = {"person": facts(first_order_at=(T0 - 5 * DAY).isoformat(), was=["9c"])["person"]}
    (told_again,) = ring(timer, T0 + 10 * DAY, **earlier).events
    assert told_again.identity == names[0] and told_again.occurred_at == T0 + 5 * DAY
    assert told_again.also == (f"person:9c:{10 * 86400}",)


def test_amounts_are_exact() -> None:
    asked = settings(total_spent_reached={"amounts": ["0.3"]})
    assert Decimal("0.1") + Decimal("0.2") == Decimal("0.3")
    assert len(told("total_spent_reached", ordered(total="0.2", spent="0.1"), asked)) == 1
