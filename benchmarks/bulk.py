"""How long a change of somebody whom Brevo knows takes to get there, alone and beside bulk work.

The published limits of the general plan are on: 10 contacts a second, of which we use 80 %. ``lone``: one change at a
time. ``together``: twenty at one moment, more than two seconds of calls, without and with a backlog of contacts that
leave by single calls, the worst for others; what the backlog adds is beyond the arithmetic of the limits, which holds
without it too. The control is the same backlog in one line with them (``benchmarks/unlaned.py``).
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from math import inf
from typing import Any

from sqlalchemy import text

from benchmarks import crowd, known
from benchmarks.arrivals import spread
from benchmarks.known import Change
from benchmarks.progress import say
from benchmarks.stage import Stage, wait_for
from connector.db.session import transaction
from connector.shops import load

AIM_ADDED, AIM_LONE_P95 = 2.0, 2.0
TOGETHER, ROUNDS, LONE = 20, 2, 20
BACKLOG = 2_000
_PATIENCE = 20.0
_BETWEEN = 1.3
# By itself, however many there are.
_SINGLY = {"IMPORT_AFTER_SECONDS": "100000"}
_LEFT = text("SELECT count(*) FROM sync_state WHERE entity = 'contact' AND quiet AND state IN ('due', 'leased')")


def run() -> dict[str, Any]:
    """All figures in seconds, from when the store has the change to when the provider has taken it."""
    with Stage(shops=1, customers=TOGETHER + 1, settings=_SINGLY) as stage:
        emails = _introduced(stage)
        lone = [_told(stage, [emails[0]], f"Lone {one}")[0] for one in range(LONE)]
        without = [max(_told(stage, emails, f"Before {one}")) for one in range(ROUNDS)]
        beside, left = _beside(stage, emails, ROUNDS)
    with Stage(shops=1, customers=TOGETHER + 1, settings=_SINGLY, up=("benchmarks.unlaned",)) as stage:
        control, _ = _beside(stage, _introduced(stage), 1)
    added, unlaned = round(max(beside) - max(without), 2), round(max(control) - max(without), 2)
    figures = spread(lone)
    say(f"  lone {figures}; {TOGETHER} together: {without}, beside bulk {beside}, in one line {control}")
    return {
        "lone": figures,
        "together": TOGETHER,
        "seconds_until_the_last": beside,
        "backlog_left_at_the_end": left,
        "added_seconds_at_most": added,
        "baseline": {"what": "no backlog", "seconds_until_the_last": without},
        "control": {"what": "bulk and live changes in one line", "seconds_until_the_last": control, "added": unlaned},
        "aim": {"added_seconds_at_most": AIM_ADDED, "lone_p95": AIM_LONE_P95},
        # Without a backlog to the end nothing was shown.
        "met": added <= AIM_ADDED and left > 0 and figures.get("p95", inf) <= AIM_LONE_P95,
    }


def _introduced(stage: Stage) -> list[str]:
    (shop,) = stage.shoppers()
    return known.introduce(stage, shop, TOGETHER)


def _beside(stage: Stage, emails: Sequence[str], rounds: int) -> tuple[list[float], int]:
    """The same beside a backlog, and how much of that is left."""
    (shop_id,) = stage.shop_ids.values()
    with transaction(stage.deps.engine) as connection:
        ids = crowd.add(connection, shop_id, BACKLOG, datetime.now(UTC))
        shop = load(connection, shop_id)
    crowd.wish_quietly(stage.deps, shop, ids)
    if not wait_for(lambda: 0 < _left(stage) < BACKLOG - TOGETHER, _PATIENCE):
        raise RuntimeError("the backlog is not worked on")
    return [max(_told(stage, emails, f"Beside {one}")) for one in range(rounds)], _left(stage)


def _left(stage: Stage) -> int:
    with transaction(stage.deps.engine) as connection:
        return int(connection.scalar(_LEFT) or 0)


def _told(stage: Stage, emails: Sequence[str], name: str) -> list[float]:
    """Change all of these people at once; seconds until the provider has taken each."""
    _, log = stage.requests_since(0)
    made = known.change(stage, stage.domains[0], [Change(0.0, email, name) for email in emails])
    taken: dict[str, float] = {}

    def told() -> bool:
        nonlocal log
        calls, log = stage.requests_since(log)
        for call in calls:
            email = str((call.get("remark") or {}).get("email"))
            if call["accepted"] and (email, name) in made and call["answered_at"] > made[email, name]:
                taken.setdefault(email, call["answered_at"])
        return taken.keys() >= set(emails)

    if not wait_for(told, _PATIENCE, 0.1):
        return [_PATIENCE]
    # For what the change owes besides, and windows of the limits, to be over.
    wait_for(lambda: False, _BETWEEN)
    return [round(taken[email] - made[email, name], 2) for email in emails]
