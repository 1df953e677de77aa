"""``python -m benchmarks [NAME ...]``: runs the benchmarks and prints one JSON object.

``{"machine": {...}, "benchmarks": {NAME: {figures, "baseline": {...}, "aim": {...}, "met": true}}}``. Progress goes to
the standard error. The exit status is 0 when all ran, whatever they measured; with ``--strict`` it is 1 when an aim
was missed. A benchmark that breaks is reported with its error, and the status is 2. See docs/benchmarks.md.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import platform
import signal
import sys
import traceback
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks import (
    acknowledgements,
    admin_pages,
    applying,
    backlog,
    bulk,
    calls,
    decisions,
    due_steps,
    isolation,
    latency,
    one_shop,
    sends,
    simulation,
    stages,
    stalls,
)
from benchmarks.progress import say
from connector.clock import monotonic


@dataclass(frozen=True)
class Size:
    """``seconds`` of arrivals and ``rows`` of a backlog; None: as the benchmark has it."""

    seconds: float | None = None
    rows: int | None = None


BENCHMARKS: Mapping[str, Callable[[Size], dict[str, Any]]] = {
    "decisions": lambda size: decisions.run(),
    "simulation": lambda size: simulation.run(),
    "acknowledgements": lambda size: acknowledgements.run(),
    "stalls": lambda size: stalls.run(),
    "latency": lambda size: latency.run(size.seconds or 120.0),
    "one_shop": lambda size: one_shop.run(size.seconds or 60.0),
    "isolation": lambda size: isolation.run(size.rows or 50_000),
    "bulk": lambda size: bulk.run(),
    "calls": lambda size: calls.run(size.rows or 100_000),
    "sends": lambda size: sends.run(min(size.rows or 1_600, 4_000)),
    "stages": lambda size: stages.run(min(size.rows or 1_000, 2_000)),
    "backlog": lambda size: backlog.run(size.rows or 20_000),
    "applying": lambda size: applying.run(size.rows or 5_000),
    "due_steps": lambda size: due_steps.run(size.rows or due_steps.ROWS),
    "admin_pages": lambda size: admin_pages.run(size.rows or admin_pages.PEOPLE),
}


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"all, or some of: {', '.join(BENCHMARKS)}")
    parser.add_argument("--seconds", type=float, help="how long webhooks arrive (latency 120, one_shop 60)")
    parser.add_argument(
        "--rows",
        type=int,
        help="how much there is (admin_pages 100000 people, backlog 20000, calls 100000, due_steps 100000,"
        " isolation 50000, stages 1000, sends 1600)",
    )
    parser.add_argument("--strict", action="store_true", help="exit with 1 when an aim is missed")
    chosen = parser.parse_args()
    if unknown := set(chosen.names) - set(BENCHMARKS):
        parser.error(f"unknown: {', '.join(sorted(unknown))}; there are {', '.join(BENCHMARKS)}")
    # What a benchmark has started is ended on the way out, so the way out is taken on SIGTERM too.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    size = Size(chosen.seconds, chosen.rows)
    # Logs of what runs in this process go where progress goes.
    with contextlib.redirect_stdout(sys.stderr):
        results = {name: _run(name, size) for name in BENCHMARKS if name in (chosen.names or BENCHMARKS)}
    print(json.dumps({"machine": _machine(), "benchmarks": results}, indent=1))
    if any("error" in result for result in results.values()):
        return 2
    missed = [name for name, result in results.items() if result.get("met") is False]
    return 1 if chosen.strict and missed else 0


def _run(name: str, size: Size) -> dict[str, Any]:
    load, began = round(os.getloadavg()[0], 2), monotonic()
    say(f"{name} (load of the machine: {load})")
    try:
        result = BENCHMARKS[name](size)
    except Exception as error:
        # The others are still worth running; what went wrong is told in full to whoever watches.
        traceback.print_exc(file=sys.stderr)
        result = {"error": f"{type(error).__name__}: {error}"[:500]}
    took = round(monotonic() - began, 1)
    say(f"{name}: {took:.0f} s, aim met: {result.get('met', 'none set')}")
    return {**result, "took_seconds": took, "load_before": load}


def _machine() -> dict[str, Any]:
    """What figures of different runs may be compared by."""
    info = Path("/proc/cpuinfo")
    models = [line.partition(":")[2].strip() for line in _lines(info) if line.startswith("model name")]
    return {
        "cores": len(os.sched_getaffinity(0)),
        "processor": models[0] if models else platform.processor(),
        "system": platform.platform(),
        "python": platform.python_version(),
    }


def _lines(file: Path) -> list[str]:
    try:
        return file.read_text().splitlines()
    except OSError:
        return []


if __name__ == "__main__":
    sys.exit(main())
