"""How many steps of flows a second decides when the waits of many people end, beside two baselines in the same run:
the usual way (one job for each step, one session of an ORM each) and a bare loop that writes the same rows.

Everything is on a PostgreSQL and a Redis of its own, as durable as a shop's. The contestants are worker processes, as
many of each, and take turns; each turn takes other people.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from statistics import median
from typing import Any

from sqlalchemy import select

from benchmarks import cpu, due_steps_bare, due_steps_claims, due_steps_promptness, usual_steps
from benchmarks.due_steps_crowd import START, Crowd, bytes_per_run, gather, left_due, left_undecided, make_due
from benchmarks.due_steps_crowd import buys as buy
from benchmarks.own_servers import OwnServers, add_shop
from benchmarks.progress import say
from connector.clock import monotonic, pause
from connector.db.session import transaction
from connector.models.flow import runs
from connector.queue.bells import ring

ROWS = 100_000
ROUNDS = 3
_FEWEST = 20_000
AIMS = {"usual_way": 10.0, "bare": 0.2, "bytes_per_run": 1_000.0, "microseconds_per_buyer": 300.0}
_PATIENCE = 180.0
_LOOK_SECONDS = 0.01
# Of the usual way fewer are due at a time and fewer wait: it is slower, and more of them would take it longer.
_USUAL_SHARE = 10
# As often as the clock process looks for what is due.
_TICK_SECONDS = 0.25

Patterns = Mapping[str, due_steps_bare.Pattern]


def run(rows: int = ROWS) -> dict[str, Any]:
    """Steps per second with ``rows`` people waiting, by one and by two workers of each kind."""
    rows = max(rows, _FEWEST)
    due = min(rows // 30, 10_000)
    with OwnServers(START.timestamp(), due_steps_promptness.POSTGRES) as servers:
        deps = servers.deps
        with transaction(deps.engine) as connection:
            shop = add_shop(connection, deps.clock.now(), country="US")
        began = monotonic()
        crowd = gather(deps.engine, shop, rows, deps.clock.now())
        with transaction(deps.engine) as connection:
            size = bytes_per_run(connection)
        usual_steps.prepare(deps.engine, rows)
        say(f"  {rows:,} people wait after {monotonic() - began:.0f} s, {size['whole']:.0f} bytes each")
        bench = _Bench(servers, crowd, due)
        figures = {f"{count}_workers": bench.compare(count) for count in (1, 2)}
        ended = bench.buyers()
        prompt = due_steps_promptness.measure(servers, crowd, max(3, min(15, rows // 10_000)))
        claims = due_steps_claims.compare(servers, crowd, min(rows // 8, 10_000))
    ratios = [figures[f"{count}_workers"]["ratio"] for count in (1, 2)]
    met = (
        prompt["seconds"]["p99"] <= due_steps_promptness.AIM
        and claims["ratio"]["many_to_few"] <= due_steps_claims.AIMS["many_to_few"]
        and claims["ratio"]["rate_beside_a_snapshot"] >= due_steps_claims.AIMS["rate_beside_a_snapshot"]
        and all(one["usual_way"] >= AIMS["usual_way"] and one["bare"] >= AIMS["bare"] for one in ratios)
        and size["whole"] <= AIMS["bytes_per_run"]
        and ended["microseconds_per_buyer"] <= AIMS["microseconds_per_buyer"]
    )
    return {
        "waiting": rows,
        **figures,
        "bytes_per_waiting_run": size,
        "buyers": ended,
        "due_to_acted": prompt,
        "claims": claims,
        "aim": AIMS,
        "met": met,
    }


class _Bench:
    """``due`` people have their turn at a time."""

    def __init__(self, servers: OwnServers, crowd: Crowd, due: int) -> None:
        self._servers, self._crowd, self._due = servers, crowd, due
        self._deps = servers.deps
        self._usual = iter(range(1, crowd.people + 1))

    def compare(self, workers: int) -> dict[str, Any]:
        """All three, with so many worker processes each."""
        with contextlib.ExitStack() as running:
            for number in range(workers):
                running.enter_context(self._servers.process(f"flows-{number}", "-m", "connector.worker", "flows"))
                running.enter_context(self._bare_worker(number))
                schedules = ["scheduler"] if number == 0 else []
                its = self._servers.process(f"usual-{number}", "-m", "benchmarks.usual_steps", *schedules)
                running.enter_context(its)
            # The first turns load and compile, and show what a step writes.
            shown = self._ours(warm=True)
            patterns = self._patterns(shown)
            self._bare(workers, patterns, warm=True)
            self._usual_way(warm=True)
            found: dict[str, list[dict[str, float]]] = {"ours": [], "bare": [], "usual_way": []}
            for _ in range(ROUNDS):
                found["ours"].append(self._ours()[0])
                found["bare"].append(self._bare(workers, patterns))
                found["usual_way"].append(self._usual_way())
        rates = {name: _figures(turns) for name, turns in found.items()}
        ours = rates["ours"]["steps_per_second"]
        ratio = {name: round(ours / rates[name]["steps_per_second"], 2) for name in ("usual_way", "bare")}
        beside = f"{ratio['usual_way']} x the usual way, {ratio['bare']} of bare"
        say(f"  {workers} worker(s): {ours:,.0f} steps/s; {beside}")
        return {
            **rates["ours"],
            "rows_per_step": {flow: one.rows() for flow, one in patterns.items()},
            "baseline": {
                "usual_way": {"what": "one RQ job and one ORM session for each step", **rates["usual_way"]},
                "bare": {"what": "psycopg alone, the same rows, nothing decided", **rates["bare"]},
            },
            "ratio": ratio,
        }

    def buyers(self) -> dict[str, Any]:
        """What it costs to end the waits of people who buy, and to see that the goal was reached: what their order
        takes more than another one of theirs, when they wait for nothing any more."""
        with self._servers.process("flows-0", "-m", "connector.worker", "flows"):
            rounds = []
            for count in (self._due // 10, *[self._due] * ROUNDS):
                chosen = self._crowd.some(count)
                rounds.append([self._bought(chosen, nth) for nth in (1, 2)])
            with transaction(self._deps.engine) as connection:
                mine = select(runs.c.state).where(runs.c.shop_id == self._crowd.shop.id, runs.c.person_id == chosen[0])
                assert connection.scalar(mine) == "done", "an order has not ended the wait"
        waiting, free = (median(pair[place] for pair in rounds[1:]) for place in (0, 1))
        say(f"  {waiting - free:.0f} us more for each buyer who waits; the whole order takes {waiting:.0f}")
        return {
            "microseconds_per_buyer": round(waiting - free),
            "whole_order_microseconds": round(waiting),
            "order_of_somebody_who_does_not_wait_microseconds": round(free),
        }

    def _bought(self, chosen: Sequence[int], nth: int) -> float:
        """Microseconds for each of these orders."""
        with transaction(self._deps.engine) as connection:
            buy(connection, self._crowd, chosen, self._deps.clock.now(), nth)
        measured = self._measured(len(chosen), self._ring, lambda: self._look(left_undecided), again=True)
        return 1e6 * measured["seconds"] / measured["count"]

    def _ours(self, *, warm: bool = False) -> tuple[dict[str, float], list[int]]:
        chosen = self._fall_due(self._due // 10 if warm else self._due)
        now = self._deps.clock.now()
        return self._measured(len(chosen), self._ring, lambda: self._look(left_due, now), again=True), chosen

    def _bare(self, workers: int, patterns: Patterns, *, warm: bool = False) -> dict[str, float]:
        chosen = self._fall_due(self._due // 10 if warm else self._due)
        now = self._deps.clock.now()
        return self._measured(
            len(chosen),
            lambda: due_steps_bare.tell(self._deps.redis, patterns, now, workers),
            lambda: self._look(left_due, now),
        )

    def _usual_way(self, *, warm: bool = False) -> dict[str, float]:
        count = max(20, self._due // _USUAL_SHARE)
        chosen = [number for number, _ in zip(self._usual, range(count // 10 if warm else count), strict=False)]
        known = self._usual_log()
        usual_steps.put_off(self._deps.redis, chosen, 2.0)
        # How long the scheduler takes to look is not counted.
        deadline = monotonic() + _PATIENCE
        while (done := self._usual_log() - known) == 0 and monotonic() < deadline:
            pause(_LOOK_SECONDS)
        whole = known + len(chosen)
        return self._measured(len(chosen) - done, lambda: None, lambda: whole - self._usual_log())

    def _usual_log(self) -> int:
        with transaction(self._deps.engine) as connection:
            return int(connection.exec_driver_sql("SELECT count(*) FROM usual_log").scalar_one())

    def _bare_worker(self, number: int) -> contextlib.AbstractContextManager[int]:
        shop = str(self._crowd.shop.id)
        return self._servers.process(f"bare-{number}", "-m", "benchmarks.due_steps_bare", BENCH_SHOP=shop)

    def _patterns(self, shown: tuple[dict[str, float], list[int]]) -> Patterns:
        chosen = shown[1]
        of = {"bench-cart": next(n for n in chosen if n % 2 == 0), "bench-news": next(n for n in chosen if n % 2)}
        with transaction(self._deps.engine) as connection:
            return due_steps_bare.patterns(connection, self._crowd.shop.id, of)

    def _fall_due(self, count: int) -> list[int]:
        chosen, now = self._crowd.some(count), self._deps.clock.now()
        with transaction(self._deps.engine) as connection:
            make_due(connection, self._crowd, chosen, now - timedelta(minutes=1), now - timedelta(seconds=1))
        return chosen

    def _ring(self) -> None:
        ring(self._deps.redis, "flows", self._crowd.shop.id)

    def _look(self, left: Callable[..., int], *given: datetime) -> int:
        with transaction(self._deps.engine) as connection:
            return left(connection, self._crowd, *given)

    def _measured(
        self, count: int, begin: Callable[[], None], left: Callable[[], int], *, again: bool = False
    ) -> dict[str, float]:
        """``again``: begin anew with every tick, as the clock process does for as long as something is due."""
        roots = {self._servers.postgres_pid: "postgres"}
        before, began = cpu.used(roots), monotonic()
        begin()
        rung = began
        while (waiting := left()) > 0:
            if monotonic() - began > _PATIENCE:
                said = {name: self._servers.log_of(f"{name}-0") for name in ("flows", "bare", "usual")}
                raise RuntimeError(f"{waiting} of {count} steps were not decided: {said}")
            if again and monotonic() - rung > _TICK_SECONDS:
                begin()
                rung = monotonic()
            pause(_LOOK_SECONDS)
        return {"count": count, "seconds": monotonic() - began, **cpu.between(before, cpu.used(roots))}


def _figures(turns: list[dict[str, float]]) -> dict[str, float]:
    """The median of the turns."""
    return {
        "steps_per_second": round(median(one["count"] / one["seconds"] for one in turns), 1),
        "postgres_cpu_us": round(1e6 * median(one.get("postgres", 0.0) / one["count"] for one in turns)),
    }
