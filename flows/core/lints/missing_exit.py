"""A flow goes on although what it is about is over: somebody has bought, paid, cancelled or come back."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from flows.core.conditions import evaluate, truth
from flows.core.facts import family
from flows.core.lints.lint import Lint, Remark, Subject
from flows.core.model import FlowVersion

_ORDERED = frozenset({"order_placed"})
_DAY = timedelta(days=1)
# How many orders somebody has is the same whenever it is asked.
_ANY = datetime(2026, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Rule:
    """Flows with one of these `triggers` are ended by one of the events `by`. `at_once`: also those that send one
    message right at the beginning, which may be held up. `of_its_key`: it is enough that the event ends the run that it
    is about."""

    triggers: frozenset[str]
    by: frozenset[str]
    sentence: str
    todo: str
    at_once: bool = False
    of_its_key: bool = False


_LEFT_BEHIND = frozenset({"checkout_abandoned", "cart_abandoned", "browse_abandoned", "search_without_purchase"})
RULES = (
    Rule(
        _LEFT_BEHIND,
        _ORDERED,
        "Whoever orders is still reminded of what they left",
        "Add order_placed to exit, without match: they may have bought it in another way",
        at_once=True,
    ),
    Rule(
        frozenset({"product_viewed", "product_viewed_n_times", "category_browsed", "price_dropped", "back_in_stock",
                   "low_stock", "lapsed", "unengaged", "replenishment_due"}),
        _ORDERED,
        "Whoever orders is still written to as if they had not",
        "Add order_placed to exit",
    ),
    Rule(
        frozenset({"payment_still_pending", "payment_pending", "payment_failed"}),
        frozenset({"order_paid", "order_placed"}),
        "Whoever has paid is still asked to",
        "Add order_paid to exit",
        at_once=True,
        of_its_key=True,
    ),
    Rule(
        frozenset({"renewal_upcoming"}),
        frozenset({"subscription_cancelled", "subscription_renewed", "subscription_changed"}),
        "Whoever has ended the subscription is still told that it renews",
        "Add subscription_cancelled to exit",
        of_its_key=True,
    ),
    Rule(
        frozenset({"points_expiring"}),
        frozenset({"points_spent", "loyalty_changed", "order_placed"}),
        "Whoever has spent the points is still told that they expire",
        "Add points_spent to exit",
    ),
    Rule(
        frozenset({"tier_downgrade_risk"}),
        frozenset({"tier_upgraded", "tier_downgraded", "order_placed", "loyalty_changed"}),
        "Whoever has kept or lost the tier is still told that it is at risk",
        "Add order_placed to exit",
    ),
)  # fmt: skip
_ORDERS = frozenset({"order_placed", "order_paid", "first_order", "repeat_order", "milestone_order", "high_value_order",
                     "order_fulfilled", "order_shipped", "order_delivered"})  # fmt: skip
_UNDONE = frozenset({"order_cancelled", "order_refunded", "order_returned"})


def look(subject: Subject) -> Iterator[Remark]:
    flow = subject.flow
    later = _last(subject)
    if later is None:
        return
    for rule in RULES:
        if flow.trigger.on in rule.triggers and (rule.at_once or later > timedelta(0)):
            if not ended_by(flow, rule.by, of_its_key=rule.of_its_key):
                yield Remark(_place(flow), rule.sentence, rule.todo)
    if later > timedelta(0) and _for_newcomers(flow) and not ended_by(flow, _ORDERED | {"first_order"}):
        sentence = "It is for people without an order, and goes on when they have one"
        yield Remark(_place(flow), sentence, "Add order_placed to exit")
    if flow.trigger.on in _ORDERS and _speaks_later_of_the_order(subject):
        if not ended_by(flow, _UNDONE, of_its_key=True):
            sentence = "It speaks of an order days later, also when that was cancelled or sent back"
            todo = "Add {on: order_cancelled, match: event.order_id} to exit"
            yield Remark(_place(flow), sentence, todo)


def ended_by(flow: FlowVersion, events: frozenset[str], *, of_its_key: bool = False) -> bool:
    """Whether one of these ends every run of the person, or (`of_its_key`) the one that it is about."""
    rules = (rule for rule in flow.exit_rules if rule.on in events and rule.where is None)
    if any(rule.match is None or of_its_key for rule in rules):
        return True
    goal = flow.goal
    return goal is not None and goal.event in events and (goal.match is None or of_its_key)


def _last(subject: Subject) -> timedelta | None:
    """When its last message leaves, counted from entering; None when it sends none."""
    times = [sending.at for way in subject.plan.ways for sending in way.sendings]
    return max(times) - subject.plan.begins if times else None


def _for_newcomers(flow: FlowVersion) -> bool:
    if flow.audience is None or "orders_count" not in str(flow.definition.get("audience")):
        return False
    someone = {"person": {"orders_count": 1}}
    verdict = evaluate(flow.audience, someone, _ANY)
    # Cannot tell, when something else is asked as well: then it is the first thing that says no.
    return truth(verdict) == "no" and family(verdict.because.leaf.field) == "person"


def _speaks_later_of_the_order(subject: Subject) -> bool:
    begins = subject.plan.begins
    return any(
        sending.at - begins > _DAY and subject.shows(sending.message.name).about_order
        for way in subject.plan.ways
        for sending in way.sendings
    )


def _place(flow: FlowVersion) -> tuple[str, ...]:
    return ("exit",) if "exit" in flow.definition else ("trigger",)


MISSING_EXIT = Lint("missing_exit", __doc__, look)
