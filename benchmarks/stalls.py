"""How long an acknowledgement takes when something behind it does not work.

200 orders a second arrive at the whole product, first while all is well (the baseline), then while the provider
refuses connections, then while PostgreSQL writes one checkpoint after another. Each delivery's time runs from the
moment it should have been sent, so that none waits unnoticed.
"""

from __future__ import annotations

import contextlib
import os
import signal
import threading
from collections.abc import Iterator
from typing import Any

import psycopg

from benchmarks.progress import say
from benchmarks.senders import Answers, Load, send
from benchmarks.stage import APP_SECRET, Stage

RATE = 200.0
SECONDS = 15.0
CONNECTIONS = 64
AIM_P99_MS = 250.0


def run(seconds: float = SECONDS) -> dict[str, Any]:
    """Milliseconds by situation; none may be lost or refused."""
    with Stage() as stage:
        load = Load(stage.port, "stalls", seconds, CONNECTIONS, rate=RATE, domain=stage.domains[0], secret=APP_SECRET)
        _send(load, "warm", 3.0)
        calm = _send(load, "calm", seconds)
        with _checkpoints(stage.deps.settings.database_url) as done:
            checkpoints = {**_send(load, "checkpoints", seconds), "written": len(done)}
        _end_provider(stage)
        provider_down = _send(load, "provider_down", seconds)
    situations = {"provider_down": provider_down, "checkpoints": checkpoints}
    return {
        "webhooks_per_second": RATE,
        **situations,
        "baseline": {"what": "the same while all is well", **calm},
        "aim": {"p99_ms": AIM_P99_MS, "refused_or_broken": 0},
        "met": all(s["p99_ms"] <= AIM_P99_MS and s["refused_or_broken"] == 0 for s in situations.values()),
    }


def _send(load: Load, situation: str, seconds: float) -> dict[str, Any]:
    answers = send(Load(**{**vars(load), "mark": situation, "seconds": seconds}))
    figures = _figures(answers)
    say(f"  {situation}: {figures}")
    return figures


def _figures(answers: Answers) -> dict[str, Any]:
    shares = {"p50_ms": 0.5, "p99_ms": 0.99, "max_ms": 1.0}
    refused = sum(answers.statuses.values()) - answers.acknowledged
    return {
        **{name: round(answers.percentile(share) * 1000, 1) for name, share in shares.items()},
        "acknowledged": answers.acknowledged,
        "refused_or_broken": refused + answers.broken,
    }


@contextlib.contextmanager
def _checkpoints(url: str) -> Iterator[list[int]]:
    """One after another until the end of the block; the list holds one entry for each that was written."""
    done: list[int] = []
    ending = threading.Event()

    def work() -> None:
        with psycopg.connect(url.replace("+psycopg", "", 1), autocommit=True) as connection:
            while not ending.is_set():
                connection.execute("CHECKPOINT")
                done.append(1)

    thread = threading.Thread(target=work)
    thread.start()
    try:
        yield done
    finally:
        ending.set()
        thread.join()


def _end_provider(stage: Stage) -> None:
    """From now on its port refuses connections."""
    for pid, name in stage.roots.items():
        if name == "provider":
            os.kill(pid, signal.SIGKILL)
