"""``connector up`` whose workers stay with a shop until nothing of it is left: the control of the isolation.

``python -m benchmarks.stubborn`` starts everything, ``python -m benchmarks.stubborn QUEUE`` is one such worker.
"""

from __future__ import annotations

import sys
from collections.abc import Callable

from connector import worker
from connector.deps import Deps
from connector.queue.bells import QUEUES
from connector.runtime import processes, up

Work = Callable[[Deps, str, int], bool]


def staying(work: Work) -> Work:
    """``connector.worker.work``, again and again until there is nothing more."""

    def stay(deps: Deps, kind: str, shop_id: int) -> bool:
        while work(deps, kind, shop_id):
            pass
        return False

    return stay


def _workers() -> tuple[processes.Process, ...]:
    command = (sys.executable, "-m", "benchmarks.stubborn")
    return tuple(processes.Process(queue, (*command, queue), wave=1) for queue in QUEUES)


if __name__ == "__main__":
    if len(sys.argv) > 1:
        vars(worker)["work"] = staying(worker.work)
        worker.main(sys.argv[1])
    else:
        vars(processes)["workers"] = _workers
        sys.exit(up.run(up.own_environment()))
