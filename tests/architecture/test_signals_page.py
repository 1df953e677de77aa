"""docs/signals.md says what can be set of signals, with the defaults, and how long what is consumed lasts."""

from __future__ import annotations

import orjson

from connector.signal_settings import SCHEMAS
from flows.core.signals.consumption import TABLE
from tests.architecture.project import PROJECT, first_code, table_rows

PAGE = PROJECT / "docs/signals.md"


def rows() -> dict[str, list[str]]:
    return {first_code(row[0]): row for row in table_rows(PAGE, 3)}


def shown(value: object) -> str:
    """A default as the page writes it."""
    return "none" if value in (None, {}, []) else f"`{orjson.dumps(value, default=str).decode()}`"


def test_every_setting_is_listed_with_its_default() -> None:
    defaults = {
        f"{name}.{field}": shown(schema().load({})[field])
        for name, schema in SCHEMAS.items()
        for field in schema().fields
    }
    assert {name: row[1] for name, row in rows().items() if "." in name} == defaults
    assert all(row[2] for row in rows().values())


def test_the_words_are_those_of_the_schemas() -> None:
    listed = rows()
    for name, schema in SCHEMAS.items():
        for field, one in schema().fields.items():
            about = one.metadata.get("description")
            assert about is None or listed[f"{name}.{field}"][2] == about, f"{name}.{field}"


def test_the_table_of_consumption_is_the_shipped_one() -> None:
    table = {name: tuple(row[1:]) for name, row in rows().items() if "." not in name}
    assert table == {name: (str(one["cycle_days"]), str(one["first_reminder_day"])) for name, one in TABLE.items()}
