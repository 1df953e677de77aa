"""Where the time goes: every stage of the way of a delivery, one after the other in this process.

The product's own workers stand still meanwhile, so that what each stage costs can be told apart: processor
milliseconds of Python and of PostgreSQL, statements, calls of the provider, all per delivery. A second round, under
the profiler (which counts processor time too), says which packages and functions the Python part consists of.
"""

from __future__ import annotations

import cProfile
import pstats
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from time import process_time
from typing import Any

from sqlalchemy import event

from benchmarks import inbox
from benchmarks.backlog import UNBOUND
from benchmarks.progress import say
from benchmarks.shoppers import take_turns
from benchmarks.stage import PROJECT, Stage
from connector.clock import monotonic, pause
from connector.db.session import transaction
from connector.shops import Shop, load
from connector.work import work_of

SHOPS = 4
# In the order in which one makes work for the next.
STAGES = ("intake", "fetch", "flows", "deliver", "sync")
_FUNCTIONS = 12
# Nothing is waited for longer than this, or something is stuck. Seconds.
_PATIENCE = 120.0
# Longer than wishes wait for others to join them.
_JOINED_SECONDS = 3.0


def run(rows: int) -> dict[str, Any]:
    """What each stage costs for one of ``rows`` deliveries, mixed as in the other benchmarks."""
    with Stage(shops=SHOPS, customers=2 * rows // SHOPS + 2, wire_rate=UNBOUND) as stage:
        people = stage.shoppers()
        with stage.workers_held():
            with transaction(stage.deps.engine) as connection:
                shops = [load(connection, shop_id) for shop_id in stage.shop_ids.values()]
            measured: dict[str, list[_Spent]] = {}
            profiled: dict[str, list[_Spent]] = {}
            for figures, profiling in ((measured, False), (profiled, True)):
                now = datetime.now(UTC)
                inbox.fill(stage, take_turns(people, rows, now.timestamp()), now)
                # Once more after the wishes that wait for others to join.
                for round_ in (1, 2):
                    for name in STAGES:
                        spent = _drain(stage, shops, name, cProfile.Profile(process_time) if profiling else None)
                        figures.setdefault(name, []).append(spent)
                    if round_ == 1:
                        pause(_JOINED_SECONDS)
                say(f"  {rows} deliveries through {len(STAGES)} stages; left {inbox.left(stage)}")
            costs = {name: _per_row(spent, rows) for name, spent in measured.items()}
            return {
                "rows": rows,
                "stages": costs,
                "all_stages": {unit: round(sum(cost[unit] for cost in costs.values()), 3) for unit in costs[STAGES[0]]},
                "profile": {
                    name: _profile([s.profile for s in spent if s.profile]) for name, spent in profiled.items()
                },
                "not_done": inbox.unprocessed(stage),
            }


@dataclass
class _Spent:
    python: float = 0.0
    wall: float = 0.0
    postgres: float = 0.0
    statements: int = 0
    calls: int = 0
    profile: cProfile.Profile | None = None


def _drain(stage: Stage, shops: list[Shop], name: str, profile: cProfile.Profile | None) -> _Spent:
    """Work off everything of one kind that is due."""
    spent = _Spent(profile=profile)
    _, log = stage.requests_since(0)
    postgres, python, wall = stage.cpu()["postgres"], process_time(), monotonic()
    with _statements(stage, spent):
        if profile:
            profile.enable()
        _until_nothing_is_due(lambda shop: work_of(name)(stage.deps, shop).more, shops)
        if profile:
            profile.disable()
    spent.python, spent.wall = process_time() - python, monotonic() - wall
    spent.postgres = stage.cpu()["postgres"] - postgres
    spent.calls = len(stage.requests_since(log)[0])
    return spent


def _until_nothing_is_due(batch: Callable[[Shop], bool], shops: list[Shop]) -> None:
    deadline = monotonic() + _PATIENCE
    for shop in shops:
        while batch(shop) and monotonic() < deadline:
            pass


@contextmanager
def _statements(stage: Stage, spent: _Spent) -> Iterator[None]:
    def count(*ignored: Any) -> None:
        spent.statements += 1

    event.listen(stage.deps.engine, "before_cursor_execute", count)
    try:
        yield
    finally:
        event.remove(stage.deps.engine, "before_cursor_execute", count)


def _per_row(spent: list[_Spent], rows: int) -> dict[str, float]:
    return {
        "python_cpu_ms": round(sum(s.python for s in spent) * 1000 / rows, 3),
        "postgres_cpu_ms": round(sum(s.postgres for s in spent) * 1000 / rows, 3),
        "statements": round(sum(s.statements for s in spent) / rows, 2),
        "provider_calls": round(sum(s.calls for s in spent) / rows, 2),
        "wall_ms": round(sum(s.wall for s in spent) * 1000 / rows, 3),
    }


def _profile(profiles: list[cProfile.Profile]) -> dict[str, Any]:
    """Shares of the time by package, and the project's own functions that take longest with all they call."""
    stats = pstats.Stats(*profiles)
    rows: dict[tuple[str, int, str], tuple[int, int, float, float, Any]] = stats.stats  # type: ignore[attr-defined]
    whole = sum(own for _, _, own, _, _ in rows.values()) or 1.0
    packages: dict[str, float] = {}
    ours = []
    for (file, _, function), (_, calls, own, cumulative, _) in rows.items():
        packages[_package(file, function)] = packages.get(_package(file, function), 0.0) + own
        if file.startswith(str(PROJECT)) and "benchmarks" not in file:
            place = Path(file).relative_to(PROJECT).as_posix()
            ours.append((cumulative, {"function": f"{place}:{function}", "calls": calls}))
    ours.sort(key=lambda entry: -entry[0])
    shares = sorted(packages.items(), key=lambda entry: -entry[1])
    return {
        "share_by_package": {name: round(own / whole, 3) for name, own in shares if own / whole >= 0.01},
        "functions": [{**entry, "share": round(cumulative / whole, 3)} for cumulative, entry in ours[:_FUNCTIONS]],
    }


def _package(file: str, function: str) -> str:
    """The package that a function belongs to; what is built in goes by its own name's."""
    if file == "~":
        for name in ("psycopg", "orjson", "socket", "ssl", "select", "lock"):
            if name in function:
                return {"select": "waiting", "socket": "waiting", "lock": "waiting"}.get(name, name)
        return "builtins"
    if file.startswith(str(PROJECT)):
        return Path(file).relative_to(PROJECT).parts[0]
    parts = Path(file).parts
    if "site-packages" in parts:
        return parts[parts.index("site-packages") + 1]
    return "standard library"
