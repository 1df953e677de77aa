"""The signals: one module and one line here each."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Any

from flows.core.facts import Facts
from flows.core.model import Event
from flows.core.signals.birthday import BIRTHDAY
from flows.core.signals.browse_abandoned import BROWSE_ABANDONED
from flows.core.signals.cart_abandoned import CART_ABANDONED
from flows.core.signals.category_browsed import CATEGORY_BROWSED
from flows.core.signals.checkout_abandoned import CHECKOUT_ABANDONED
from flows.core.signals.close_to_upgrade import CLOSE_TO_UPGRADE
from flows.core.signals.confirmed_orders_reached import CONFIRMED_ORDERS_REACHED
from flows.core.signals.days_since_first_order import DAYS_SINCE_FIRST_ORDER
from flows.core.signals.first_order import FIRST_ORDER
from flows.core.signals.first_order_anniversary import FIRST_ORDER_ANNIVERSARY
from flows.core.signals.first_site_visit import FIRST_SITE_VISIT
from flows.core.signals.high_value_order import HIGH_VALUE_ORDER
from flows.core.signals.lapsed import LAPSED
from flows.core.signals.milestone_order import MILESTONE_ORDER
from flows.core.signals.newsletter_subscribed import NEWSLETTER_SUBSCRIBED
from flows.core.signals.opened_n_in_a_row import OPENED_N_IN_A_ROW
from flows.core.signals.order_count_reached import ORDER_COUNT_REACHED
from flows.core.signals.payment_still_pending import PAYMENT_STILL_PENDING
from flows.core.signals.points_earned import POINTS_EARNED
from flows.core.signals.points_expiring import POINTS_EXPIRING
from flows.core.signals.points_spent import POINTS_SPENT
from flows.core.signals.product_viewed_n_times import PRODUCT_VIEWED_N_TIMES
from flows.core.signals.renewal_upcoming import RENEWAL_UPCOMING
from flows.core.signals.repeat_order import REPEAT_ORDER
from flows.core.signals.replenishment_due import REPLENISHMENT_DUE
from flows.core.signals.reward_available import REWARD_AVAILABLE
from flows.core.signals.schedule import SCHEDULE
from flows.core.signals.score_reached import SCORE_REACHED
from flows.core.signals.search_without_purchase import SEARCH_WITHOUT_PURCHASE
from flows.core.signals.signal import (
    Anchor,
    ArmTimer,
    CancelTimer,
    Derived,
    NewEvent,
    Past,
    PastClock,
    Signal,
    SignalSettings,
    put_off,
)
from flows.core.signals.tier_downgrade_risk import TIER_DOWNGRADE_RISK
from flows.core.signals.tier_downgraded import TIER_DOWNGRADED
from flows.core.signals.tier_upgraded import TIER_UPGRADED
from flows.core.signals.total_spent_reached import TOTAL_SPENT_REACHED
from flows.core.signals.unengaged import UNENGAGED

__all__ = [
    "SIGNALS",
    "Anchor",
    "ArmTimer",
    "CancelTimer",
    "Derived",
    "NewEvent",
    "Past",
    "PastClock",
    "Signal",
    "SignalSettings",
    "derive",
    "fire",
    "listens",
    "needs_of_clock",
    "needs_of_event",
    "put_off",
    "threshold",
]

SIGNALS: Mapping[str, Signal] = {
    signal.name: signal
    for signal in (
        NEWSLETTER_SUBSCRIBED,
        FIRST_ORDER,
        REPEAT_ORDER,
        MILESTONE_ORDER,
        HIGH_VALUE_ORDER,
        ORDER_COUNT_REACHED,
        CONFIRMED_ORDERS_REACHED,
        TOTAL_SPENT_REACHED,
        CHECKOUT_ABANDONED,
        CART_ABANDONED,
        PAYMENT_STILL_PENDING,
        LAPSED,
        DAYS_SINCE_FIRST_ORDER,
        REPLENISHMENT_DUE,
        FIRST_ORDER_ANNIVERSARY,
        BIRTHDAY,
        RENEWAL_UPCOMING,
        POINTS_EARNED,
        POINTS_SPENT,
        TIER_UPGRADED,
        TIER_DOWNGRADED,
        CLOSE_TO_UPGRADE,
        REWARD_AVAILABLE,
        POINTS_EXPIRING,
        TIER_DOWNGRADE_RISK,
        FIRST_SITE_VISIT,
        PRODUCT_VIEWED_N_TIMES,
        CATEGORY_BROWSED,
        BROWSE_ABANDONED,
        SEARCH_WITHOUT_PURCHASE,
        OPENED_N_IN_A_ROW,
        UNENGAGED,
        SCORE_REACHED,
        SCHEDULE,
    )
}


def derive(event: Event, facts: Facts, settings: SignalSettings, now: datetime) -> Derived:
    """What follows from one event: events to append, clocks to arm and to stop. Imported history: nothing.

    Facts: the families of `needs_of_event(event.name)`.
    """
    if event.historical:
        return Derived()
    found = [signal.derive(event, facts, settings, now) for signal in _derived_from(event.name, settings.heard)]
    return Derived(
        tuple(new for derived in found for new in derived.events),
        tuple(timer for derived in found for timer in derived.arm),
        tuple(timer for derived in found for timer in derived.cancel),
    )


def fire(signal: str, payload: Mapping[str, Any], facts: Facts, now: datetime) -> Derived:
    """What follows from a signal's clock that fell due, looking at the last change as the facts tell it.

    Facts: the families of `needs_of_clock(signal)`. For checkout_abandoned: ``person``, and as ``checkout``
    the one of the payload's checkout_token: ``{source_updated_at, completed_at, items, total, currency,
    recovery_url, cart_token}``. Raises LookupError for a signal without a clock.
    """
    clock = SIGNALS[signal].fire
    if clock is None:
        raise LookupError(f"{signal} has no clock")
    return clock(payload, facts, now)


def _hearing(heard: frozenset[str]) -> Iterator[Signal]:
    return (signal for signal in SIGNALS.values() if signal.name in heard or not signal.only_heard)


@lru_cache(maxsize=4096)
def _derived_from(event: str, heard: frozenset[str]) -> tuple[Signal, ...]:
    """Kept, because each event of a shop is asked about and most are of a few names."""
    return tuple(signal for signal in _hearing(heard) if event in signal.listens)


def listens(heard: frozenset[str]) -> frozenset[str]:
    """The names of the events that some signal is derived from, while these are heard (`SignalSettings.heard`)."""
    return frozenset[str]().union(*(signal.listens for signal in _hearing(heard)))


def needs_of_event(name: str) -> frozenset[str]:
    """The families of facts that `derive` reads for an event of this name."""
    return frozenset[str]().union(*(s.needs for s in SIGNALS.values() if name in s.listens and s.fire is None))


def needs_of_clock(signal: str) -> frozenset[str]:
    """The families of facts that `fire` reads for this signal."""
    return SIGNALS[signal].needs


def threshold(name: str) -> timedelta | None:
    """The span of a signal's clock when no flow says otherwise; None for other events."""
    return SIGNALS[name].threshold if name in SIGNALS else None
