"""JSON lines on stdout that cannot carry anything personal: what may be logged is a list of names.

A line has an event name of our own choosing and values under allowed names; everything else is dropped and
counted. Strings are cut, and whatever in them looks like an address, a number or a secret is blotted out.
Libraries log through the same door: of their records only the place, the unformatted message and the class of
an exception go out, never its text, because database errors quote rows.
"""

from __future__ import annotations

import logging
import re
import sys
import traceback
from collections.abc import Mapping, MutableMapping
from typing import Any, Protocol, TextIO

import orjson
import structlog

from connector.clock import Clock

ALLOWED = frozenset(
    "event level ts logger process shop_id person_id run_id outbox_id inbox_id event_id flow step kind "
    "source topic lane state reason outcome code status count rows attempt seconds queue route method error "
    "where version limit bucket signal channel message library".split()
)
LONGEST = 200
_NAME = re.compile(r"[a-z][a-z0-9_.]{0,63}\Z")
# Addresses, telephone and card numbers, and long runs that may be tokens, signatures or keys.
_PERSONAL = re.compile(r"\S+@\S+|\+?\d(?:[\s().-]{0,2}\d){6,}|(?=[A-Za-z+/=_.-]*\d)[A-Za-z0-9+/=_.-]{24,}")
_UUID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\Z")
# Libraries that tell at INFO what they do at every call.
_CHATTY = ("alembic", "httpx", "httpcore", "urllib3")


class LogSettings(Protocol):
    """The part of the settings that logging needs."""

    @property
    def log_level(self) -> str: ...

    @property
    def clock(self) -> Clock: ...


def setup(settings: LogSettings, stream: TextIO | None = None) -> None:
    """Send everything that this process logs to ``stream`` (stdout). Called once, by the process entry."""
    handler = logging.StreamHandler(stream or sys.stdout)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            processors=[_only_allowed, _Stamp(settings.clock), _render],
            foreign_pre_chain=[_foreign],
        )
    )
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(settings.log_level.upper())
    for name in _CHATTY:
        logging.getLogger(name).setLevel(max(logging.WARNING, root.level))
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            structlog.stdlib.add_logger_name,
            structlog.stdlib.add_log_level,
            structlog.contextvars.merge_contextvars,
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=False,
    )


def get(name: str) -> Any:
    """A logger: ``log.info("webhook_stored", shop_id=1, count=3)``. Names outside ALLOWED do not go out."""
    return structlog.stdlib.get_logger(name)


def blot(text: str, longest: int = LONGEST) -> str:
    """The text without what looks personal or secret, cut to so many characters.

    >>> blot("no room for ann@example.com at +1 555 010 9999")
    'no room for [...] at [...]'
    """
    return _PERSONAL.sub("[...]", text[: 4 * longest])[:longest]


class _Stamp:
    """Machine time, from the clock like every time."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock

    def __call__(self, _: Any, __: str, line: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
        line["ts"] = self._clock.machine().isoformat(timespec="milliseconds")
        return line


def _foreign(_: Any, __: str, line: MutableMapping[str, Any]) -> Mapping[str, Any]:
    record: logging.LogRecord = line["_record"]
    return {
        "event": "library",
        "logger": record.name,
        "level": record.levelname.lower(),
        "message": record.msg if isinstance(record.msg, str) else type(record.msg).__name__,
        "exc_info": line.get("exc_info"),
        "_record": record,
        "_from_structlog": False,
    }


def _only_allowed(_: Any, __: str, line: MutableMapping[str, Any]) -> dict[str, Any]:
    for name in ("_record", "_from_structlog"):
        line.pop(name, None)
    failure = line.pop("exc_info", None)
    clean = {name: _value(value) for name, value in line.items() if name in ALLOWED}
    name = str(line.get("event", ""))
    clean["event"] = name if _NAME.match(name) else "unnamed"
    dropped = sum(name not in ALLOWED for name in line)
    if dropped:
        clean["dropped"] = dropped
    if failure:
        clean |= _failure(failure)
    return clean


def _failure(failure: Any) -> dict[str, str]:
    """The class of an exception and the innermost place; its text may quote data."""
    error = sys.exc_info()[1] if failure is True else failure
    if isinstance(error, tuple):
        error = error[1]
    if not isinstance(error, BaseException):
        return {}
    frames = traceback.extract_tb(error.__traceback__)
    where = f"{frames[-1].filename.rsplit('/', 1)[-1]}:{frames[-1].lineno}" if frames else ""
    return {"error": type(error).__name__, "where": where}


def _value(value: Any) -> Any:
    if value is None or isinstance(value, bool | int | float):
        return value
    text = str(value)
    return text if _UUID.match(text) else blot(text)


def _render(_: Any, __: str, line: MutableMapping[str, Any]) -> str:
    # Control characters are escaped by JSON, so one line stays one line.
    return orjson.dumps(line, option=orjson.OPT_SORT_KEYS, default=str).decode()
