"""How fast a backlog drains, and where the time goes.

``run``: rows lie in the inbox of a running product, and the whole path works them off: normalising, reading from the
store, deciding, telling Brevo. The rate windows pass so fast that they never bind (the limiter is asked all the
same), so that what is measured is the product. The baseline is the drain with half the workers.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from benchmarks import cpu, inbox
from benchmarks.progress import say
from benchmarks.shoppers import take_turns
from benchmarks.stage import Stage
from connector.clock import monotonic, pause

SHOPS = 20
# Rate windows of both sides: 8 calls a second become 8,000.
UNBOUND = 1_000.0
_LOOK_SECONDS = 0.5


def run(rows: int, *, patience: float = 300.0) -> dict[str, Any]:
    """Drain ``rows`` with one and with two processes per queue, each for at most ``patience`` seconds."""
    alone = drain(rows, 1, patience)
    return {"rows": rows, "shops": SHOPS, "two_workers": drain(rows, 2, patience), "baseline": {"one_worker": alone}}


def drain(rows: int, workers: int, patience: float) -> dict[str, Any]:
    """Figures of one drain. Seconds are None for what was not done within ``patience``."""
    with Stage(shops=SHOPS, customers=rows // SHOPS + 1, wire_rate=UNBOUND, workers=workers) as stage:
        now = datetime.now(UTC)
        deliveries = list(take_turns(stage.shoppers(), rows, now.timestamp()))
        _, log = stage.requests_since(0)
        before = stage.cpu()
        inbox.fill(stage, deliveries, now)
        began = monotonic()
        emptied: dict[str, float | None] = {}
        at_t2: dict[str, float] = {}
        while monotonic() - began < patience:
            pause(_LOOK_SECONDS)
            stage.check_alive()
            left = inbox.left(stage)
            elapsed = round(monotonic() - began, 2)
            for kind, count in left.items():
                # The last moment at which something was there.
                emptied[kind] = None if count else emptied.get(kind) or elapsed
            if not left["inbox"] and not at_t2:
                at_t2 = stage.cpu()
                say(f"  {workers} worker(s): inbox empty after {elapsed:.1f} s; left {left}")
            if not any(left.values()):
                break
        elapsed = monotonic() - began
        after = stage.cpu()
        calls, _ = stage.requests_since(log)
        return _figures(rows, elapsed, emptied, before, at_t2 or after, after, calls) | {
            "left": {kind: count for kind, count in left.items() if count},
            "not_done": inbox.unprocessed(stage),
        }


def _figures(
    rows: int,
    elapsed: float,
    emptied: dict[str, float | None],
    before: dict[str, float],
    at_t2: dict[str, float],
    after: dict[str, float],
    calls: list[dict[str, Any]],
) -> dict[str, Any]:
    normalised, whole = emptied.get("inbox"), max((s or elapsed for s in emptied.values()), default=elapsed)
    spent = cpu.between(before, after)
    paths: dict[str, int] = {}
    for call in calls:
        paths[f"{call['method']} {call['path']}"] = paths.get(f"{call['method']} {call['path']}", 0) + 1
    return {
        "inbox_rows_per_second": round(rows / normalised, 1) if normalised else None,
        "whole_rows_per_second": round(rows / whole, 1) if all(emptied.values()) else None,
        "emptied_after_seconds": emptied,
        "provider_calls": paths,
        "cpu_seconds_until_inbox_empty": cpu.between(before, at_t2),
        "cpu_seconds": spent,
        "cpu_ms_per_row": {name: round(seconds * 1000 / rows, 2) for name, seconds in spent.items() if seconds},
    }
