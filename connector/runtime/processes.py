"""What the product consists of: one line per process. The Procfile says the same; a test compares the two."""

from __future__ import annotations

import sys
from dataclasses import dataclass

from connector.queue.bells import QUEUES


@dataclass(frozen=True)
class Process:
    """``wave``: processes of wave 0 are ended first, so that nothing new comes in while the others finish.

    ``command`` starts it as a program of its own. With ``entry`` ("module:function", called with ``arguments``) it
    begins, where that can be, as a copy of its supervisor, which has imported ``loads`` (modules; "module:function" is
    called).
    """

    name: str
    command: tuple[str, ...]
    wave: int
    entry: str = ""
    arguments: tuple[str, ...] = ()
    loads: tuple[str, ...] = ()


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
    command = (sys.executable, "-m", "granian", *arguments.split())
    loads = ("granian.cli", "connector.app", "webhooks.writer")
    return Process("web", command, wave=0, entry="granian.cli:entrypoint", loads=loads)


def clock() -> Process:
    command = (sys.executable, "-m", "connector.clockwork")
    return Process("clock", command, wave=0, entry="connector.clockwork:main")


def workers() -> tuple[Process, ...]:
    """One per queue: no kind of work waits behind another."""
    return tuple(map(_worker, QUEUES))


def _worker(queue: str) -> Process:
    command = (sys.executable, "-m", "connector.worker", queue)
    loads = ("connector.worker", "connector.work:load_every")
    return Process(queue, command, wave=1, entry="connector.worker:main", arguments=(queue,), loads=loads)


def everything(host: str, port: int, web_workers: int) -> tuple[Process, ...]:
    return (web(host, port, web_workers), *workers(), clock())
