"""Somebody works on each queue."""

from __future__ import annotations

from collections.abc import Iterator

from connector import pulse
from connector.doctor.finding import Check, Finding, broken
from connector.doctor.subject import Installation
from connector.queue.bells import QUEUES


def _run(installation: Installation) -> Iterator[Finding]:
    deps = installation.deps
    signs = pulse.signs(deps.redis, [pulse.worker(queue) for queue in QUEUES], deps.clock.machine())
    for queue in QUEUES:
        sign = signs[pulse.worker(queue)]
        if sign.state != "alive":
            last = "within a day" if sign.age is None else f"for {sign.age:.0f} s"
            yield broken(
                f"No worker of the queue {queue} has shown itself {last}.",
                f"Start one: `connector worker` runs one per queue, `connector worker {queue}` this one.",
            )


CHECK = Check("workers", "Each queue has a worker.", _run, needs=("redis",))
