"""How many deliveries are durably acknowledged in a second, beside the usual way and beside doing nothing at all.

Three contestants take the same load in turns, each with two worker processes, on the same cores as the load, as
PostgreSQL and as Redis: ours; the usual way (Flask on gunicorn's threads, one INSERT and one job per request); and the
floor, a Flask handler on our server that verifies and forgets.
"""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Iterator
from statistics import median
from typing import Any

import psycopg

from benchmarks import cpu, usual_intake
from benchmarks.intake_stage import Servers, running, servers, wait_until_it_listens
from benchmarks.progress import say
from benchmarks.senders import Answers, Load, send
from benchmarks.stage import free_port
from connector.runtime import processes

WORKERS = 2
ROUNDS = 3
SECONDS = 4.0
CONNECTIONS = (32, 128)
AIMS = {"times_the_usual_way": 4.0, "share_of_bare": 0.5}


def run(rounds: int = ROUNDS, seconds: float = SECONDS) -> dict[str, Any]:
    """Figures by number of connections; ``acknowledged`` and ``stored`` over all rounds must be equal."""
    figures: dict[str, Any] = {}
    acknowledged = 0
    with servers() as installation, _contestants(installation) as ports:
        for port in ports.values():
            send(Load(port, f"warm{port:05}", seconds=1.0, connections=16))
        stored_before = installation.count("inbox")
        for connections in CONNECTIONS:
            answers: dict[str, list[Answers]] = {name: [] for name in ports}
            for number in range(rounds):
                for name, port in ports.items():
                    before = _processor_seconds()
                    took = send(Load(port, f"{connections:04}{number:04}", seconds, connections))
                    took.cpu_seconds = _processor_seconds() - before
                    say(f"{name}, {connections} connections: {took.per_second:,.0f}/s {dict(took.statuses)}")
                    answers[name].append(took)
            acknowledged += sum(took.acknowledged for took in answers["connector"])
            figures[f"connections_{connections}"] = _figures(answers)
        figures["acknowledged"] = acknowledged
        figures["stored"] = installation.count("inbox") - stored_before
    ratios = {name: min(figures[f"connections_{c}"][name] for c in CONNECTIONS) for name in AIMS}
    met = all(ratios[name] >= aim for name, aim in AIMS.items()) and figures["stored"] >= acknowledged
    return {**figures, **ratios, "aim": AIMS, "met": met}


def _figures(answers: dict[str, list[Answers]]) -> dict[str, Any]:
    rates = {name: median(took.per_second for took in rounds) for name, rounds in answers.items()}
    return {
        "durable_per_second": round(rates["connector"]),
        "p50_ms": _milliseconds(answers["connector"], 0.5),
        "p99_ms": _milliseconds(answers["connector"], 0.99),
        "cpu_us": _microseconds(answers["connector"]),
        "refused_or_broken": sum(
            took.broken + sum(took.statuses.values()) - took.acknowledged for took in answers["connector"]
        ),
        "baseline": {
            name: {
                "per_second": round(rates[name]),
                "p99_ms": _milliseconds(answers[name], 0.99),
                "cpu_us": _microseconds(answers[name]),
            }
            for name in ("usual", "bare")
        },
        "times_the_usual_way": round(rates["connector"] / rates["usual"], 2),
        "share_of_bare": round(rates["connector"] / rates["bare"], 2),
    }


def _processor_seconds() -> float:
    """Of everything that was started here: the contestant whose turn it is, the servers and the load."""
    return sum(cpu.used({os.getpid(): "load"}).values())


def _microseconds(rounds: list[Answers]) -> int:
    """Of processor time for each delivery."""
    return round(median(took.cpu_seconds / max(1, took.acknowledged) for took in rounds) * 1e6)


def _milliseconds(rounds: list[Answers], share: float) -> float:
    return round(median(took.percentile(share) for took in rounds) * 1000, 1)


@contextlib.contextmanager
def _contestants(installation: Servers) -> Iterator[dict[str, int]]:
    """All three, up; the port of each. The one whose turn it is not is idle."""
    with psycopg.connect(installation.postgres.dsn) as connection:
        connection.execute(usual_intake.TABLE)
    ports = {name: free_port() for name in ("connector", "usual", "bare")}
    ours = processes.web("127.0.0.1", ports["connector"], WORKERS).command
    # Our own server with our own arguments, another application.
    bare = processes.web("127.0.0.1", ports["bare"], WORKERS).command
    usual = (
        f"-m gunicorn --worker-class gthread --workers {WORKERS} --threads {usual_intake.THREADS} --keep-alive 60"
        f" --bind 127.0.0.1:{ports['usual']} benchmarks.usual_intake:create_app()"
    )
    commands = {
        "connector": ours,
        "usual": (sys.executable, *usual.split()),
        "bare": (*bare[:-1], "benchmarks.bare_intake:app"),
    }
    with contextlib.ExitStack() as up:
        for name, command in commands.items():
            log = installation.folder / f"{name}.log"
            process = up.enter_context(running(command, installation.env, log))
            wait_until_it_listens(ports[name], process)
        yield ports
