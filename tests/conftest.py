from __future__ import annotations

import os

import structlog

pytest_plugins = ["tests.services", "tests.rows"]

# Where no test sets up logging, a traceback is plain: drawn with all its variables, one takes seconds.
structlog.configure(
    processors=[
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.dev.ConsoleRenderer(colors=False, exception_formatter=structlog.dev.plain_traceback),
    ]
)


def pytest_xdist_auto_num_workers() -> int:
    """``-n auto``: one more than there are cores, because a third of the time tests wait for what runs beside them."""
    return len(os.sched_getaffinity(0)) + 1
