"""Flows made by chance, in the language as merchants write it: for tests of what must hold for any flow."""

from __future__ import annotations

from collections.abc import Sequence
from random import Random
from typing import Any

Data = dict[str, Any]

MESSAGES = ("one", "two", "three", "four")
TRIGGERS: tuple[Data, ...] = (
    {"on": "newsletter_subscribed"},
    {"on": "checkout_abandoned", "after": "1h", "key": "event.checkout_token"},
    {"on": "checkout_started", "key": "event.checkout_token"},
)
_CONDITIONS: tuple[Data, ...] = (
    {"person.orders_count": 0},
    {"person.orders_count": {"gte": 1}},
    {"person.country": {"in": ["US", "FR"]}},
    {"person.consent.sms": "subscribed"},
    {"not": {"person.first_name": {"exists": True}}},
    {"any": [{"person.last_name": {"exists": True}}, {"person.orders_count": {"lt": 2}}]},
)
_OF_CHECKOUTS: tuple[Data, ...] = (*_CONDITIONS, {"event.total": {"gt": 20}})
_WAITS: tuple[Any, ...] = (
    *("20m", "1h", "5h", "1d", "2d"),
    {"until": "+6h from trigger"},
    {"until": "+1d from trigger"},
    {"until": "09:00"},
    {"until": "22:30"},
)
_EXITS = ("order_placed", "unsubscribed")


def random_flow(chance: Random, name: str) -> Data:
    """A flow that ends within weeks, leaves at an order and at an opt-out, and writes up to a few emails."""
    trigger = chance.choice(TRIGGERS)
    data: Data = {
        "flow": name,
        "name": name,
        "trigger": trigger,
        "reentry": chance.choice(["never", "always", {"after": "1d"}]),
        "priority": chance.choice([10, 50, 90]),
        "cap": chance.choice(["count", "own"]),
        "exit": list(_EXITS),
        "steps": _steps(chance, _OF_CHECKOUTS if "key" in trigger else _CONDITIONS, 2),
    }
    if chance.random() < 0.4:
        data["goal"] = {"on": "order_placed", "within": "3d"}
    if chance.random() < 0.2:
        data["hold_out"] = 20
    if chance.random() < 0.3:
        data["limit"] = chance.choice(["1d", "3d"])
    return data


def _steps(chance: Random, asked: Sequence[Data], depth: int) -> list[Data]:
    return [_step(chance, asked, depth) for _ in range(chance.randint(1, 3))]


def _step(chance: Random, asked: Sequence[Data], depth: int) -> Data:
    kind = chance.choice(["email", "email", "wait", "wait", "when", "cases", "split", "await"][: 8 if depth else 4])
    match kind:
        case "email":
            return {"email": chance.choice(MESSAGES)}
        case "wait":
            return {"wait": chance.choice(_WAITS)}
        case "when":
            return {
                "when": chance.choice(asked),
                "then": _steps(chance, asked, depth - 1),
                "else": _steps(chance, asked, depth - 1),
            }
        case "cases":
            cases = [{"when": one, "then": _steps(chance, asked, depth - 1)} for one in chance.sample(asked, 2)]
            return {"cases": cases, "else": _steps(chance, asked, depth - 1)}
        case "split":
            shares = chance.choice([(50, 50), (10, 90)])
            arms = {arm: _steps(chance, asked, depth - 1) for arm in ("a", "b")}
            return {
                "split": {
                    "name": f"split-{chance.randrange(10**6)}",
                    "shares": dict(zip(arms, shares, strict=True)),
                    "arms": arms,
                }
            }
        case _:
            awaited = {"for": "checkout_started", "at_most": chance.choice(["2h", "1d"])}
            return {"wait": awaited, "then": [{"email": chance.choice(MESSAGES)}], "else": _steps(chance, asked, 0)}
