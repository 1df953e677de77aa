from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flows.core import signals
from flows.core.signals import ArmTimer, CancelTimer, Derived, SignalSettings
from tests.core.examples import DAY, FACTS, HOUR, T0, event, flow

PLAIN = SignalSettings()
ITEMS = [{"title": "Mug", "quantity": 1}]


def checkout(**changes: Any) -> dict[str, Any]:
    """The checkout as the facts tell it."""
    changed_at: datetime = changes.pop("changed_at", T0)
    return {
        "source_updated_at": changed_at.isoformat(),
        "completed_at": None,
        "items": ITEMS,
        "total": "60.00",
        "currency": "EUR",
        "recovery_url": "https://shop.example/r",
        **changes,
    }


def changed(at: datetime = T0, name: str = "checkout_updated", **props: Any) -> Any:
    props = {"checkout_token": "tok", "items": ITEMS, "total": "60.00", **props}
    return event(name, at, key="tok", **props)


def armed(settings: SignalSettings = PLAIN, at: datetime = T0) -> ArmTimer:
    (timer,) = signals.derive(changed(at), FACTS, settings, at).arm
    return timer


def fire(timer: ArmTimer, now: datetime, **facts: Any) -> Derived:
    return signals.fire(timer.signal, timer.payload, {**FACTS, "checkout": checkout(), **facts}, now)


@pytest.mark.parametrize(
    ("old", "new", "channel", "told"),
    [
        (None, "subscribed", "email", True),
        ("pending", "subscribed", "email", True),
        ("unsubscribed", "subscribed", "email", True),
        ("subscribed", "subscribed", "email", False),
        ("subscribed", "unsubscribed", "email", False),
        (None, "pending", "email", False),
        (None, "subscribed", "sms", False),
    ],
)
def test_newsletter_subscribed(old: str | None, new: str, channel: str, told: bool) -> None:
    consent = event("consent_changed", T0, old=old, new=new, channel=channel, source="store")
    derived = signals.derive(consent, FACTS, PLAIN, T0 + DAY)
    assert [new.name for new in derived.events] == (["newsletter_subscribed"] if told else [])
    for new_event in derived.events:
        assert new_event.occurred_at == T0


@pytest.mark.parametrize(
    ("props", "count", "told"),
    [
        ({"orders_before": 0}, 5, "first_order"),
        ({"orders_before": 1}, 1, "repeat_order"),
        ({}, 1, "first_order"),
        ({}, 2, "repeat_order"),
        ({}, 0, None),
        ({}, None, None),
        ({"orders_before": 0, "test": True}, 1, None),
        ({"orders_before": 0, "source_name": "pos"}, 1, None),
        ({"orders_before": 3, "source_name": "shopify_draft_order"}, 1, None),
        ({"orders_before": 0, "source_name": "web"}, 1, "first_order"),
    ],
)
@pytest.mark.row("S5-040", "S5-041", "S5-227", "S5-228")
def test_first_and_repeat_order(props: dict[str, Any], count: int | None, told: str | None) -> None:
    facts = {"person": {"orders_count": count} if count is not None else {}}
    order = event("order_placed", T0, key="tok", order_id=1, total="5.00", **props)
    derived = signals.derive(order, facts, PLAIN, T0)
    assert [new.name for new in derived.events] == ([told] if told else [])


def test_orders_that_are_kept_out_can_be_let_in() -> None:
    everything = SignalSettings(test_orders=True, pos_orders=True, draft_orders=True)
    for props in ({"test": True}, {"source_name": "pos"}, {"source_name": "shopify_draft_order"}):
        order = event("order_placed", T0, orders_before=0, **props)
        assert len(signals.derive(order, FACTS, everything, T0).events) == 1
        assert not signals.derive(order, FACTS, PLAIN, T0).events


def test_history_derives_nothing() -> None:
    for imported in (
        event("order_placed", T0, orders_before=0, historical=True),
        event("consent_changed", T0, old=None, new="subscribed", channel="email", historical=True),
        event("checkout_started", T0, key="tok", items=ITEMS, total="60.00", historical=True),
    ):
        assert signals.derive(imported, FACTS, PLAIN, T0) == Derived()


def test_one_clock_from_the_last_change() -> None:
    timer = armed()
    assert (timer.signal, timer.key, timer.due_at, timer.anchor_at) == ("checkout_abandoned", "tok", T0 + HOUR, T0)
    (told,) = fire(timer, timer.due_at).events
    assert (told.occurred_at, told.key, told.subject) == (T0 + HOUR, "tok", "checkout:tok")
    assert told.props["anchor_at"] == T0.isoformat() and told.props["items"] == ITEMS


def test_a_checkout_that_changed_since_is_given_its_whole_hour() -> None:
    change = T0 + timedelta(minutes=40)
    derived = fire(armed(), T0 + HOUR, checkout=checkout(changed_at=change))
    assert not derived.events
    (again,) = derived.arm
    assert again.due_at == change + HOUR and again.anchor_at == change
    (told,) = fire(again, again.due_at, checkout=checkout(changed_at=change)).events
    assert told.occurred_at == change + HOUR


@pytest.mark.parametrize(
    "found",
    [
        {"checkout": checkout(completed_at=T0.isoformat())},
        {"checkout": checkout(items=[])},
        {"checkout": checkout(total="0.00")},
        {"checkout": None},
        {"person": {"last_order_at": (T0 + timedelta(minutes=5)).isoformat()}},
        # The store's times have whole seconds: in the same second it may well be the order of this checkout.
        {"person": {"last_order_at": T0.isoformat()}},
    ],
)
def test_nothing_is_told_of_a_checkout_that_is_over(found: dict[str, Any]) -> None:
    assert fire(armed(), T0 + HOUR, **found) == Derived()


def test_an_order_from_before_does_not_hide_a_new_checkout() -> None:
    earlier = {"person": {"last_order_at": (T0 - timedelta(seconds=1)).isoformat()}}
    assert len(fire(armed(), T0 + HOUR, **earlier).events) == 1


@pytest.mark.parametrize("name", ["order_placed", "checkout_completed"])
def test_what_ends_a_checkout_stops_its_clock(name: str) -> None:
    derived = signals.derive(event(name, T0, key="tok", orders_before=4), FACTS, PLAIN, T0)
    assert derived.cancel == (CancelTimer("checkout_abandoned", "tok"),) and not derived.arm


@pytest.mark.parametrize("props", [{"items": []}, {"total": "0.00"}, {"total": None}, {"total": "free"}])
def test_an_empty_checkout_arms_nothing(props: dict[str, Any]) -> None:
    assert signals.derive(changed(**props), FACTS, PLAIN, T0) == Derived()


def test_late_word_of_an_empty_checkout_does_not_stop_the_clock_of_a_full_one() -> None:
    for late in (changed(items=[]), event("cart_cleared", T0, key="tok", checkout_token="tok", items=[])):
        assert not signals.derive(late, FACTS, PLAIN, T0 + HOUR).cancel


def test_every_threshold_that_a_flow_asks_for_is_told_once() -> None:
    both = [flow(), flow(trigger={"on": "checkout_abandoned", "after": "4h", "key": "event.checkout_token"})]
    asked = SignalSettings.of(both)
    assert asked.thresholds == {"checkout_abandoned": (HOUR, 4 * HOUR)}
    first = fire(armed(asked), T0 + HOUR)
    assert [new.props["after_seconds"] for new in first.events] == [3600]
    second = fire(first.arm[0], T0 + 4 * HOUR)
    assert [new.props["after_seconds"] for new in second.events] == [4 * 3600] and not second.arm
    assert second.events[0].identity != first.events[0].identity
    # A change in between starts again with the first.
    change = T0 + 2 * HOUR
    restarted = fire(first.arm[0], T0 + 4 * HOUR, checkout=checkout(changed_at=change))
    assert [new.occurred_at for new in restarted.events] == [change + HOUR]


@settings(max_examples=200, deadline=None)
@given(st.lists(st.integers(1, 200), min_size=1, max_size=8), st.randoms(use_true_random=False))
def test_in_whatever_order_changes_are_told_the_signal_is_the_same(gaps: list[int], shuffler: Any) -> None:
    """The promise behind it: one signal, an hour after the very last change, for any order of the changes."""
    moments = [T0 + timedelta(minutes=sum(gaps[: n + 1])) for n in range(len(gaps))]
    last = moments[-1]
    shuffler.shuffle(moments)
    clock: ArmTimer | None = None
    for moment in moments:
        (timer,) = signals.derive(changed(moment), FACTS, PLAIN, last).arm
        if clock is None or timer.due_at < clock.due_at:
            clock = timer
    told = []
    while clock is not None:
        derived = fire(clock, max(clock.due_at, last), checkout=checkout(changed_at=last))
        told += derived.events
        clock = derived.arm[0] if derived.arm else None
    assert [new.occurred_at for new in told] == [last + HOUR]


def test_facts_that_signals_read_are_declared() -> None:
    assert signals.needs_of_event("order_placed") == {"person", "shop"}
    assert signals.needs_of_event("checkout_updated") == set()
    assert signals.needs_of_clock("checkout_abandoned") == {"checkout", "person"}
    with pytest.raises(LookupError, match="no clock"):
        signals.fire("first_order", {}, FACTS, T0)
