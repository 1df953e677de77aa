"""What a flow needs of a shop beside people: channels to write by, and somebody who tells what it begins with.

By the names of ``connector.capabilities``. What is missing stops no publication: a message whose channel is not there
is left out, and a flow whose trigger nobody tells lets nobody in.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from flows.core.model import FlowVersion
from flows.core.vocabulary_of_behaviour import RAW

_STARTS: Mapping[str, str] = {
    **dict.fromkeys(
        (
            "browse_abandoned", "search_without_purchase", "product_viewed_n_times", "category_browsed",
            "first_site_visit", "form_submitted", "login", "support_ticket_opened", "support_ticket_closed", *RAW,
        ),
        "outside",
    ),
    **dict.fromkeys(
        (
            "tier_upgraded", "tier_downgraded", "tier_downgrade_risk", "close_to_upgrade", "points_earned",
            "points_spent", "points_expiring", "reward_available", "loyalty_changed", "loyalty_told",
        ),
        "loyalty",
    ),
    **dict.fromkeys(("birthday", "birthday_told"), "birthdays"),
    **dict.fromkeys(("review_submitted", "review_published"), "reviews"),
    **dict.fromkeys(
        (
            "renewal_upcoming", "subscription_started", "subscription_renewed", "subscription_changed",
            "subscription_cancelled",
        ),
        "subscriptions",
    ),
}  # fmt: skip
"""Event -> who has to tell it, of those that the store does not tell of itself."""
_DOES: Mapping[str, str] = {"coupon": "codes", "tag": "tags", "points": "loyalty", "tier": "loyalty"}
"""Kind of step -> what it needs to be done."""
_CUSTOM = "custom:"


@dataclass(frozen=True, slots=True)
class Requirement:
    """``vital``: without it the flow lets nobody in or sends nothing; else it does without. ``why``: what for."""

    capability: str
    why: str
    vital: bool


def requirements(flow: FlowVersion) -> list[Requirement]:
    """What this flow needs, the vital first, each once."""
    found: dict[str, Requirement] = {}
    for one in sorted(_all(flow), key=lambda one: not one.vital):
        found.setdefault(one.capability, one)
    return list(found.values())


def _all(flow: FlowVersion) -> Iterator[Requirement]:
    channels = {message.channel for message in flow.messages.values()}
    for channel in ("email", "sms", "whatsapp", "push"):
        if channel in channels:
            yield Requirement(channel, "its messages", len(channels) == 1)
    event = flow.trigger.on
    teller = "outside" if event.startswith(_CUSTOM) else _STARTS.get(event)
    if teller is not None:
        yield Requirement(teller, "what it begins with", True)
    for step in flow.steps.values():
        if step.kind in _DOES:
            yield Requirement(_DOES[step.kind], f"the step {step.id}", False)
    if any(path.startswith("shop.offers.") for path in _names(flow.definition)):
        yield Requirement("offers", "what it offers", False)
    if any(path.startswith("person.loyalty.") for path in _names(flow.definition)):
        yield Requirement("loyalty", "points and tiers that it reads", False)


def _names(value: Any) -> Iterator[str]:
    """Every name and every text in the definition."""
    if isinstance(value, Mapping):
        for name, inner in value.items():
            yield str(name)
            yield from _names(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _names(inner)
    elif isinstance(value, str):
        yield value
