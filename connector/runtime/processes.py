"""What the product consists of: one line per process. The Procfile says the same; a test compares the two."""

from __future__ import annotations

import sys
from dataclasses import dataclass

from connector.queue.bells import QUEUES


@dataclass(frozen=True)
class Process:
    """``wave``: processes of wave 0 are ended first, so that nothing new comes in while the others finish."""

    name: str
    command: tuple[str, ...]
    wave: int


def web(host: str, port: int, workers: int) -> Process:
    """A worker that dies is replaced at once; one that will not end is killed after 2 s.

    Each worker takes 512 connections with 64 kB of buffer and 64 requests at a time, which is also the most that one
    commit stores.
    """
    arguments = (
        f"--interface wsgi --no-ws --host {host} --port {port} --workers {workers} "
        "--blocking-threads 64 --backpressure 512 --http1-buffer-size 65536 "
        "--respawn-failed-workers --respawn-interval 0.5 --workers-kill-timeout 2 connector.wsgi:app"
    )
    return Process("web", (sys.executable, "-m", "granian", *arguments.split()), wave=0)


def clock() -> Process:
    return Process("clock", (sys.executable, "-m", "connector.clockwork"), wave=0)


def workers() -> tuple[Process, ...]:
    """One per queue: no kind of work waits behind another."""
    return tuple(Process(queue, (sys.executable, "-m", "connector.worker", queue), wave=1) for queue in QUEUES)


def everything(host: str, port: int, web_workers: int) -> tuple[Process, ...]:
    return (web(host, port, web_workers), *workers(), clock())
