"""What the figures have to be, by plain loops over the rows as they are: nothing of this is the product's."""

from __future__ import annotations

from collections import Counter, defaultdict
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from tests.analytics.history import rows
from tests.sync.world import World

Key = tuple[str, int, str, str, str, date]
"""(flow, version, step, message, channel, day)"""
WINDOWS = {
    ("email", "clicked_at"): 5,
    ("email", "opened_at"): 5,
    ("sms", "clicked_at"): 2,
    ("sms", "sent_at"): 1,
    ("whatsapp", "clicked_at"): 2,
    ("whatsapp", "opened_at"): 2,
}
"""Days; what is not here counts for nothing."""
RANKS = ("clicked_at", "opened_at", "sent_at")
DOLLAR = Decimal("0.9")


def attributed(world: World, windows: dict[tuple[str, str], int] | None = None, *, last: bool = True) -> dict[int, Any]:
    """{order: (message's key, touch, moment, amount, refunded, revenue)}; ``last``: the last touch, else the first."""
    windows = WINDOWS if windows is None else windows
    messages = [row for row in rows(world, "outbox") if row["message"] and row["state"] == "sent"]
    rates = {row["currency"]: row["rate"] for row in rows(world, "currency_rates")} | {"EUR": Decimal(1)}
    found = {}
    for order in rows(world, "orders"):
        if order["counted"] is None or order["person_id"] is None:
            continue
        touches = []
        for message in messages:
            if message["person_id"] != order["person_id"]:
                continue
            for rank, name in enumerate(RANKS):
                days, moment = windows.get((message["channel"], name)), message[name]
                if days and moment and moment <= order["created_at"] <= moment + timedelta(days=days):
                    touches.append((moment, -rank, message["id"], message, name.removesuffix("_at")))
        if touches:
            moment, _, _, message, touch = max(touches) if last else min(touches)
            rate = rates.get(order["currency"])
            revenue = None if rate is None else (order["counted"] * rate).quantize(Decimal("0.0001"))
            refunded = order["gross"] - order["counted"]
            found[order["id"]] = (message, touch, moment, order["gross"], refunded, revenue, order["created_at"])
    return found


def figures(world: World, zone: str) -> dict[Key, dict[str, Any]]:
    """{cohort and day: {what: how many}}, without what is 0."""
    counts: defaultdict[Key, Counter[str]] = defaultdict(Counter)
    there = ZoneInfo(zone)

    def at(moment: datetime, row: Any, *, people: bool = False) -> Counter[str]:
        sent = ("", "", "") if people else (row["step"], row["message"], row["channel"])
        return counts[(row["flow"], row["version"], *sent, moment.astimezone(there).date())]

    for row in rows(world, "outbox"):
        if not row["message"]:
            continue
        found = at(row["sent_at"] or row["due_at"], row)
        if row["state"] in ("sent", "skipped", "failed"):
            found[row["state"]] += 1
        if row["state"] == "sent" and row["cost"]:
            found["cost"] += row["cost"]
        for name in ("delivered", "opened", "clicked", "unsubscribed", "bounced", "complained"):
            found[name] += row[f"{name}_at"] is not None
    for row in rows(world, "runs"):
        found = at(row["entered_at"], row, people=True)
        found["entered"] += 1
        ended = "completed" if row["outcome"] == "completed" else "exited"
        found["inside" if row["state"] == "live" else ended] += 1
    for row in rows(world, "goal_watches"):
        if row["reached_at"]:
            found = at(row["opened_at"], row, people=True)
            found["converted"] += 1
            found["conversion_seconds"] += int((row["reached_at"] - row["opened_at"]).total_seconds())
    for message, _, _, _, _, revenue, placed in attributed(world).values():
        found = at(placed, message)
        found["orders"] += 1
        found["unpriced"] += revenue is None
        found["revenue"] += revenue or 0
    plain = {key: {name: n for name, n in found.items() if n} for key, found in counts.items()}
    return {key: found for key, found in plain.items() if found}


def steps(world: World) -> dict[tuple[str, int, str, str], int]:
    """{(flow, version, step, what): people}."""
    found: Counter[tuple[str, int, str, str]] = Counter()
    inside = {row["id"]: row for row in rows(world, "runs")}
    for row in inside.values():
        what = "inside" if row["state"] == "live" else f"ended:{row['outcome']}"
        found[row["flow"], row["version"], row["position"]["at"] or "", what] += 1
    for run, step in {(row["run_id"], row["step"]) for row in rows(world, "trail")}:
        found[inside[run]["flow"], inside[run]["version"], step, "reached"] += 1
    return dict(found)
