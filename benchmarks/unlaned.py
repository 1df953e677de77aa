"""``connector up`` whose contacts in bulk wait in one line with live changes: the control of ``bulk``.

``python -m benchmarks.unlaned`` starts everything, ``python -m benchmarks.unlaned QUEUE`` is one such worker.
"""

from __future__ import annotations

import sys
from dataclasses import replace
from functools import partial

from connector import worker
from connector.queue.bells import QUEUES
from connector.runtime import processes, up
from connector.work import work_of
from sync.copies import RESOURCES
from sync.copies.sending import send_due


def _workers() -> tuple[processes.Process, ...]:
    command = (sys.executable, "-m", "benchmarks.unlaned")
    return tuple(processes.Process(queue, (*command, queue), wave=1) for queue in QUEUES)


if __name__ == "__main__":
    if len(sys.argv) > 1:
        everything = tuple(replace(one, quiet=None) if one.entity == "contact" else one for one in RESOURCES)
        together = partial(send_due, resources=everything)
        vars(worker)["work_of"] = lambda kind: together if kind == "sync" else work_of(kind)
        worker.main(sys.argv[1])
    else:
        vars(processes)["workers"] = _workers
        sys.exit(up.run(up.own_environment()))
