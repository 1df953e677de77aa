from __future__ import annotations

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
