from __future__ import annotations

import gc
import os

import pytest
import structlog

# What collecting the tests makes is needed to the end. Looking through it for garbage, again and again, is a tenth of
# what collecting and running them takes.
gc.disable()

pytest_plugins = ["tests.services", "tests.platforms", "tests.rows"]

# Where no test sets up logging, a traceback is plain: drawn with all its variables, one takes seconds.
structlog.configure(
    processors=[
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.dev.ConsoleRenderer(colors=False, exception_formatter=structlog.dev.plain_traceback),
    ]
)


# Seconds: a test that may take so long may be as long as all others together.
_GIANT = 2700


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """The whole product first: what takes longest is then one worker's, one after the other, while the others have
    enough of the short ones (``--dist worksteal`` in the Makefile); and none of it is left for the end. Giants are the
    first of a worker each: none begins when another has ended."""
    items.sort(key=lambda item: not item.nodeid.startswith("tests/e2e/"))
    workers = getattr(config, "workerinput", {}).get("workercount", 1)
    giants = [item for item in items if (mark := item.get_closest_marker("timeout")) and mark.args[0] >= _GIANT]
    share, others = len(items) // workers, [item for item in items if item not in giants]
    for number, giant in enumerate(giants):
        others.insert(number % workers * share, giant)
    items[:] = others


def pytest_collection_finish() -> None:
    gc.collect()
    gc.freeze()
    gc.enable()


def pytest_xdist_auto_num_workers() -> int:
    """``-n auto``: one more than there are cores, because a third of the time tests wait for what runs beside them."""
    return len(os.sched_getaffinity(0)) + 1
