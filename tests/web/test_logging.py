"""The shape of a log line: allowed names only, nothing personal, one line per event."""

from __future__ import annotations

import io
import json
import logging
from collections.abc import Iterator
from typing import Any
from uuid import UUID

import pytest

from connector import logging as connector_logging
from connector.settings import Settings


class _Lines:
    def __init__(self) -> None:
        self.stream = io.StringIO()

    def all(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.stream.getvalue().splitlines()]

    def only(self) -> dict[str, Any]:
        [line] = self.all()
        return line


@pytest.fixture
def lines() -> Iterator[_Lines]:
    root = logging.getLogger()
    handlers, level = root.handlers, root.level
    found = _Lines()
    # Business time far from machine time: the stamp must be the latter.
    connector_logging.setup(Settings(clock_start=0.0, clock_epoch=0.0, log_level="INFO"), found.stream)
    yield found
    root.handlers, root.level = handlers, level


def test_a_line_has_its_allowed_values_and_machine_time(lines: _Lines) -> None:
    connector_logging.get("webhooks.intake").info("webhook_stored", shop_id=7, count=3, seconds=0.5)
    line = lines.only()
    assert line.pop("ts")[:4] >= "2026"
    assert line == {
        "event": "webhook_stored",
        "level": "info",
        "logger": "webhooks.intake",
        "shop_id": 7,
        "count": 3,
        "seconds": 0.5,
    }


def test_names_that_are_not_allowed_are_dropped_and_counted(lines: _Lines) -> None:
    connector_logging.get("x").info("sent", email="ann@example.com", body={"phone": 1}, shop_id=1)
    line = lines.only()
    assert line["dropped"] == 2
    assert "ann" not in json.dumps(line)


@pytest.mark.parametrize(
    "value",
    [
        "ann@example.com",
        "mail to ann.bell+x@mail.example.com now",
        "+1 (555) 010-9999",
        "tel:+33612345678",
        "shpat_0123456789abcdef0123456789abcdef",
        "xkeysib-" + "a1" * 30,
        "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0",
        {"customer": "ann@example.com"},
    ],
)
def test_what_looks_personal_or_secret_is_blotted_out(lines: _Lines, value: object) -> None:
    connector_logging.get("x").info("odd", reason=value)
    assert "[...]" in lines.only()["reason"]
    for part in ("ann", "555", "612345678", "0123456789abcdef", "a1a1", "eyJ"):
        assert part not in json.dumps(lines.only()["reason"])


def test_our_own_ids_and_names_stay_readable(lines: _Lines) -> None:
    run = UUID("6f0e9f6e-5d0b-5a3e-9a53-2f6f1b0c7a11")
    values = {
        "run_id": run,
        "flow": "post-purchase-cross-sell-recommendations",
        "reason": "not_while_in_post_purchase_flow",
        "topic": "customers_email_marketing_consent/update",
        "inbox_id": 123456789012,
    }
    connector_logging.get("x").info("decided_and_this_is_a_long_name", **values)
    line = lines.only()
    assert {name: line[name] for name in values} == values | {"run_id": str(run)}
    assert line["event"] == "decided_and_this_is_a_long_name"


def test_an_event_that_is_no_name_is_not_repeated(lines: _Lines) -> None:
    connector_logging.get("x").info("Hello ann@example.com")
    assert lines.only()["event"] == "unnamed"


def test_one_event_is_one_line_of_limited_length(lines: _Lines) -> None:
    connector_logging.get("x").warning("odd", reason='a\r\n{"level":"fake"}' * 1000)
    assert len(lines.stream.getvalue().splitlines()) == 1
    assert len(lines.only()["reason"]) <= connector_logging.LONGEST


def test_libraries_say_where_and_what_but_not_with_which_values(lines: _Lines) -> None:
    try:
        raise ValueError("Key (email)=(ann@example.com) exists")
    except ValueError:
        logging.getLogger("some.library").exception("cannot store %s", "Zebulon Quixworth")
    line = lines.only()
    assert (line["event"], line["logger"], line["message"]) == ("library", "some.library", "cannot store %s")
    assert line["error"] == "ValueError"
    assert "Zebulon" not in lines.stream.getvalue()
    assert "example.com" not in lines.stream.getvalue()
    assert "Traceback" not in lines.stream.getvalue()


def test_an_exception_of_ours_is_told_by_class_and_place(lines: _Lines) -> None:
    try:
        raise KeyError("ann@example.com")
    except KeyError:
        connector_logging.get("x").exception("step_failed", shop_id=1)
    line = lines.only()
    assert (line["error"], line["level"]) == ("KeyError", "error")
    assert line["where"].startswith("test_logging.py:")
    assert "ann" not in lines.stream.getvalue()


def test_below_the_level_nothing_is_written(lines: _Lines) -> None:
    connector_logging.get("x").debug("detail", count=1)
    logging.getLogger("httpx").info("HTTP Request: GET https://example.com/ann@example.com")
    assert lines.all() == []
