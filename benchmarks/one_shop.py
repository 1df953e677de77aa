"""One shop gets more than its account at the provider takes: the lag must be what the limits make it, and shown.

40 webhooks a second, each of another person, for an account that takes 10 contacts a second, of which we use 80 %.
So 32 more people wait with every second, the oldest of them for 0.8 seconds more, and working off what waits takes
4 seconds more. All three are looked up in /healthz while it goes on, and compared. In the provider's log no call may
follow a refusal (429) of the same kind before the window that refused it has ended.

The baseline is the usual way (`benchmarks/usual_way.py`), which runs into the limit.
"""

from __future__ import annotations

import math
import threading
from collections.abc import Mapping, Sequence
from time import time
from typing import Any

from benchmarks import inbox, usual_way
from benchmarks.arrivals import Effects, send
from benchmarks.progress import say
from benchmarks.shoppers import take_turns
from benchmarks.stage import APP_SECRET, Stage
from connector.clock import monotonic, pause

RATE = 40.0
# The general tier's limit on contacts and the share of it that is ours; calls per second.
PUBLISHED, SHARE = 10.0, 0.8
TOLERANCE = 0.15
# The start does not count: nothing waits yet.
_FIRST_LOOK, _LOOK_SECONDS = 10.0, 5.0
_BASELINE_SECONDS = 20.0
# For the retries of the usual way to be over.
_SETTLE_SECONDS = 12.0


def run(seconds: float) -> dict[str, Any]:
    """``seconds`` of arrivals, at least 15; the baseline gets at most 20."""
    seconds = max(seconds, _FIRST_LOOK + _LOOK_SECONDS)
    ours, usual = int(RATE * seconds), int(RATE * min(seconds, _BASELINE_SECONDS))
    with Stage(shops=1, customers=ours + usual + 2) as stage:
        shops = stage.shoppers()
        deliveries = list(take_turns(shops, ours, time()))
        _, log = stage.requests_since(0)
        looks: list[dict[str, Any]] = []
        sending = threading.Thread(target=lambda: _watch(stage, seconds, looks))
        sending.start()
        arrivals = send(stage.url, deliveries, RATE, APP_SECRET)
        sending.join()
        calls, log = stage.requests_since(log)
        baseline = _usual_way(stage, list(take_turns(shops, usual, time())))
        left = inbox.left(stage)
    contacts = [call for call in calls if call.get("bucket") == "/contacts/*" and call["accepted"]]
    used = len(contacts) / seconds
    unwaited = calls_into_closed_windows(calls)
    worst = max((look["worst_difference"] for look in looks), default=math.inf)
    return {
        "webhooks_per_second": RATE,
        "seconds": seconds,
        "not_acknowledged": sum(not arrival.acknowledged for arrival in arrivals),
        "contacts_per_second": round(used, 2),
        "arithmetic": {
            "contacts_per_second": PUBLISHED * SHARE,
            "waiting_per_second": RATE - PUBLISHED * SHARE,
            "lag_seconds_per_second": round(1 - PUBLISHED * SHARE / RATE, 3),
            "drain_seconds_per_second": round((RATE - PUBLISHED * SHARE) / (PUBLISHED * SHARE), 3),
        },
        "looks_at_healthz": looks,
        "worst_difference": round(worst, 3),
        "refused_with_429": sum(call["status"] == 429 for call in calls),
        "calls_into_closed_windows": unwaited,
        "left_at_the_end": {kind: rows for kind, rows in left.items() if rows},
        "baseline": baseline,
        "aim": {"worst_difference": TOLERANCE, "calls_into_closed_windows": 0},
        "met": worst <= TOLERANCE and unwaited == 0,
    }


def _watch(stage: Stage, seconds: float, looks: list[dict[str, Any]]) -> None:
    """Compare what /healthz says with the arithmetic, now and then."""
    began = monotonic()
    pause(_FIRST_LOOK)
    while (elapsed := monotonic() - began) <= seconds:
        health = stage.health()
        shown = health["waiting"]["contacts"]
        drain = next((one["seconds"] for one in health["draining"] if one["bucket"] == "contacts"), 0.0)
        waiting = (RATE - PUBLISHED * SHARE) * elapsed
        pairs = {
            "waiting": (shown["count"], waiting),
            "lag_seconds": (shown["age"], (1 - PUBLISHED * SHARE / RATE) * elapsed),
            "drain_seconds": (drain, waiting / (PUBLISHED * SHARE)),
        }
        look: dict[str, Any] = {"after_seconds": round(elapsed, 1)}
        for name, (said, reckoned) in pairs.items():
            look[name] = {"shown": round(said, 1), "by_arithmetic": round(reckoned, 1)}
        look["worst_difference"] = round(max(abs(said - reckoned) / reckoned for said, reckoned in pairs.values()), 3)
        looks.append(look)
        say(f"  {look}")
        pause(_LOOK_SECONDS - (monotonic() - began) % _LOOK_SECONDS)


def _usual_way(stage: Stage, deliveries: list[Any]) -> dict[str, Any]:
    """What becomes of the same arrivals when nobody knows of the limit beforehand."""
    _, log = stage.requests_since(0)
    with usual_way.running(stage) as url:
        arrivals = send(url, deliveries, RATE, APP_SECRET)
        pause(_SETTLE_SECONDS)
        calls, _ = stage.requests_since(log)
    account = usual_way.account_of(stage.domains[0])
    theirs = [call for call in calls if call["account"] == account]
    effects = Effects()
    effects.add(theirs)
    lost = sum(effects.of(a.delivery, account) is None for a in arrivals if a.acknowledged)
    return {
        "what": "Flask, one RQ job per webhook, one call per job, three retries",
        "acknowledged": sum(arrival.acknowledged for arrival in arrivals),
        "never_accepted": lost,
        "refused_with_429": sum(call["status"] == 429 for call in theirs),
        "calls_into_closed_windows": calls_into_closed_windows(theirs),
    }


def calls_into_closed_windows(calls: Sequence[Mapping[str, Any]]) -> int:
    """Calls that began after the answer to a 429 of the same account and bucket, in the very window that refused it.

    The provider's windows of these buckets are whole seconds of real time. What was on its way does not count.
    """

    def window(call: Mapping[str, Any], moment: str) -> tuple[str, str, int]:
        return call["account"], call.get("bucket", ""), math.floor(call[moment])

    closed: dict[tuple[str, str, int], float] = {}
    for call in calls:
        if call["status"] == 429:
            key = window(call, "answered_at")
            closed[key] = min(call["answered_at"], closed.get(key, math.inf))
    return sum(call["first_byte_at"] > closed.get(window(call, "first_byte_at"), math.inf) for call in calls)
