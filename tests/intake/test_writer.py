"""T1 below the requests: groups, what PostgreSQL cannot hold, how bodies are kept."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime

import pytest
from sqlalchemy import Engine, text

from connector.clock import monotonic
from tests.intake.senders import Counted, add_shop, all_at_once, rows
from webhooks import writer as writer_module
from webhooks.writer import InboxRow, NotStored, Writer

NOW = datetime(2026, 11, 21, 10, 0, 0, 123456, UTC)
BODY = b'{"id": 1, "title": "tea and more tea"}' * 200


@dataclass
class Storing:
    writer: Writer
    shop_id: int

    def store(self, external_id: str, *, topic: str = "orders/create", raw: bytes = BODY) -> bool:
        headers = {"topic": topic, "name": "a\\b \"c\" 'd'"}
        row = InboxRow(self.shop_id, "shopify", external_id, topic, "commerce", raw, headers, NOW, NOW)
        return self.writer.store(row, monotonic() + 3)


@pytest.fixture
def storing(database_url: str, engine: Engine, counted: Counted) -> Iterator[Storing]:
    made = Writer(database_url, 3.5, counted)
    made.start()
    yield Storing(made, add_shop(engine))
    made.stop()


def test_a_row_is_kept_as_it_was_given(storing: Storing, engine: Engine) -> None:
    every_byte = bytes(range(256))
    assert storing.store("first", raw=every_byte)
    assert not storing.store("first", raw=b"another body")
    (row,) = rows(engine)
    assert (row["raw"], row["headers"]["name"]) == (every_byte, "a\\b \"c\" 'd'")
    assert (row["received_at"], row["received_real"]) == (NOW, NOW)
    assert (row["state"], row["reason"], row["lane"], row["attempts"]) == ("new", None, "commerce", 0)


def test_deliveries_that_arrive_together_share_a_commit(storing: Storing, engine: Engine, counted: Counted) -> None:
    storing.store("connected")
    before = len(counted.groups)
    assert all(all_at_once([lambda n=n: storing.store(f"together-{n}") for n in range(30)]))
    assert sum(counted.groups[before:]) == 30
    assert len(counted.groups) - before < 15


def test_what_postgresql_cannot_hold_costs_the_others_of_its_group_nothing(
    storing: Storing, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writer_module, "_GATHER_SECONDS", 0.2)

    def store(number: int) -> bool:
        try:
            return storing.store(f"row-{number}", topic="with \x00" if number == 3 else "orders/create")
        except NotStored:
            return False

    assert all_at_once([lambda n=n: store(n) for n in range(6)]) == [True, True, True, False, True, True]
    assert {row["external_id"] for row in rows(engine)} == {f"row-{n}" for n in (0, 1, 2, 4, 5)}


def test_bodies_are_compressed_the_quick_way_where_the_server_knows_it(storing: Storing, engine: Engine) -> None:
    with engine.connect() as connection:
        known = connection.scalar(text("SELECT enumvals FROM pg_settings WHERE name = 'default_toast_compression'"))
    storing.store("large")
    with engine.begin() as connection:
        # The control: the same body, stored over a connection as others make it.
        connection.execute(
            text(
                "INSERT INTO inbox (shop_id, received_at, received_real, source, topic, external_id, lane, state, raw,"
                " headers, attempts) SELECT shop_id, received_at, received_real, source, topic, 'by hand', lane,"
                " state, :raw, headers, attempts FROM inbox"
            ),
            {"raw": BODY},
        )
        found = connection.execute(text("SELECT external_id, pg_column_compression(raw) FROM inbox ORDER BY id"))
        assert [tuple(row) for row in found] == [
            ("large", "lz4" if "lz4" in (known or ()) else "pglz"),
            ("by hand", "pglz"),
        ]
