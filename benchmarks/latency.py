"""From the acknowledgement of a webhook to the provider's acceptance of what it means.

``run``: 50 webhooks a second (customers, checkouts and orders in equal parts, all of different people) over 20 shops
with 20 accounts, the published limits on, of which the product leaves 20 % free. The baseline, on the same stage
afterwards, is the usual way (`benchmarks/usual_way.py`): it makes one call per webhook and keeps nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from time import time
from typing import Any

from benchmarks import cpu, inbox, usual_way
from benchmarks.arrivals import Arrival, Effects, send, spread
from benchmarks.progress import say
from benchmarks.shoppers import TOPICS, Shoppers, take_turns
from benchmarks.stage import APP_SECRET, Stage, account_of, wait_for
from connector.clock import monotonic, pause

SHOPS = 20
RATE = 50.0
AIM_P95 = 2.0
_WARM_UP = 3 * SHOPS
# What has not arrived so long after the last webhook is missing. Seconds.
_PATIENCE = 30.0
_BASELINE_SHARE = 0.25


def run(seconds: float) -> dict[str, Any]:
    """Figures in seconds; the baseline gets a quarter of the time."""
    count, usual = int(RATE * seconds), int(RATE * seconds * _BASELINE_SHARE)
    people = (_WARM_UP + count + usual) // SHOPS + 2
    with Stage(shops=SHOPS, customers=people) as stage:
        shops = stage.shoppers()
        ours = measure(stage, stage.url, account_of, shops, count)
        left = inbox.left(stage)
        say(f"  ours: {ours['seconds']}")
        with usual_way.running(stage) as url:
            baseline = measure(stage, url, usual_way.account_of, shops, usual)
        say(f"  the usual way: {baseline['seconds']}")
    return {
        "webhooks_per_second": RATE,
        "shops": SHOPS,
        **ours,
        "left": {kind: rows for kind, rows in left.items() if rows},
        "baseline": {"what": "Flask, one RQ job per webhook, one call per job", **baseline},
        "aim": {"p95_seconds": AIM_P95, "missing": 0},
        "met": ours["missing"] == 0 and ours["seconds"].get("p95", AIM_P95 + 1) <= AIM_P95,
    }


def measure(
    stage: Stage, url: str, account: Callable[[str], str], shops: Sequence[Shoppers], count: int
) -> dict[str, Any]:
    """Send ``count`` webhooks to ``url`` and wait for what they mean."""
    deliveries = list(take_turns(shops, _WARM_UP // 2 + count, time()))
    warm, counted = deliveries[: _WARM_UP // 2], deliveries[_WARM_UP // 2 :]
    send(url, warm, RATE / 2, APP_SECRET)
    pause(1.0)
    _, log = stage.requests_since(0)
    before, began = stage.cpu(), monotonic()
    arrivals = send(url, counted, RATE, APP_SECRET)
    calls, log = stage.requests_since(log)
    effects = Effects()
    effects.add(calls)

    def told() -> bool:
        nonlocal log
        fresh, log = stage.requests_since(log)
        calls.extend(fresh)
        effects.add(fresh)
        return all(effects.of(a.delivery, account(a.delivery.shop)) for a in arrivals if a.acknowledged)

    wait_for(told, _PATIENCE, 0.5)
    elapsed = monotonic() - began
    return {
        **delays(arrivals, effects, account),
        "refused_with_429": sum(call["status"] == 429 for call in calls),
        "provider_calls_per_webhook": round(len(calls) / len(counted), 2),
        "cpu_cores_used": {
            name: round(spent / elapsed, 3) for name, spent in cpu.between(before, stage.cpu()).items() if spent
        },
    }


def delays(arrivals: Sequence[Arrival], effects: Effects, account: Callable[[str], str]) -> dict[str, Any]:
    """How long each took, all together and by topic; and what did not arrive."""
    took: dict[str, list[float]] = {topic: [] for topic in TOPICS}
    missing = 0
    for arrival in arrivals:
        accepted = effects.of(arrival.delivery, account(arrival.delivery.shop))
        if not arrival.acknowledged:
            continue
        if accepted is None:
            missing += 1
        else:
            # Accepted before our answer was read: no time at all has passed since.
            took[arrival.delivery.topic].append(max(0.0, accepted - arrival.answered))
    return {
        "seconds": spread([one for several in took.values() for one in several]),
        "seconds_by_topic": {topic: spread(several) for topic, several in took.items()},
        "acknowledgement_seconds": spread([a.answered - a.due for a in arrivals if a.acknowledged]),
        "not_acknowledged": sum(not a.acknowledged for a in arrivals),
        "missing": missing,
    }
