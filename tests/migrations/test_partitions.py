"""Months are made ahead of time; a row of a month that was not made lands in the default partition."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from sqlalchemy import Connection, Engine, insert, text

from connector.db import partitions
from connector.models.inbox import inbox

NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)


def tables_of(connection: Connection, parent: str) -> set[str]:
    return set(
        connection.scalars(
            text("SELECT inhrelid::regclass::text FROM pg_inherits WHERE inhparent = CAST(:parent AS regclass)"),
            {"parent": parent},
        )
    )


def receive(connection: Connection, at: datetime) -> str:
    """Store a delivery received then; returns the partition that took it."""
    connection.execute(
        insert(inbox).values(
            shop_id=1, received_at=at, received_real=at, source="shopify", topic="orders/create", external_id="x",
            lane="commerce", state="new", raw=b"{}", headers={}, attempts=0,
        )
    )  # fmt: skip
    return str(
        connection.scalar(
            text("SELECT tableoid::regclass::text FROM inbox WHERE received_at = :at ORDER BY id DESC LIMIT 1"),
            {"at": at},
        )
    )


def test_this_month_and_the_next_three_are_made_once(connection: Connection) -> None:
    months = ["2026_11", "2026_12", "2027_01", "2027_02"]
    made = partitions.ensure(connection, NOW)
    assert sorted(made) == sorted(f"{table}_{month}" for table in partitions.PARTITIONED for month in months)
    for table in partitions.PARTITIONED:
        assert tables_of(connection, table) == {f"{table}_other", *(f"{table}_{month}" for month in months)}
    assert partitions.ensure(connection, NOW) == []
    assert partitions.ensure(connection, datetime(2026, 12, 1, tzinfo=UTC)) == [
        f"{table}_2027_03" for table in partitions.PARTITIONED
    ]


def test_rows_go_to_their_month_to_the_last_moment(connection: Connection) -> None:
    partitions.ensure(connection, NOW)
    assert receive(connection, datetime(2026, 11, 1, tzinfo=UTC)) == "inbox_2026_11"
    assert receive(connection, datetime(2026, 11, 30, 23, 59, 59, 999999, tzinfo=UTC)) == "inbox_2026_11"
    assert receive(connection, datetime(2026, 12, 1, tzinfo=UTC)) == "inbox_2026_12"
    assert receive(connection, datetime(2025, 1, 1, tzinfo=UTC)) == "inbox_other"


def test_a_month_with_rows_in_the_default_partition_is_left_there(connection: Connection) -> None:
    assert receive(connection, NOW) == "inbox_other"
    made = partitions.ensure(connection, NOW)
    assert "inbox_2026_11" not in made
    assert {"inbox_2026_12", "events_2026_11", "attempts_2026_11"} <= set(made)
    # The transaction goes on, the row is still there, and so is the place for the next one of that month.
    assert receive(connection, NOW) == "inbox_other"
    assert connection.scalar(text("SELECT count(*) FROM inbox")) == 2


def test_a_month_is_dropped_without_touching_the_others(connection: Connection) -> None:
    partitions.ensure(connection, NOW)
    receive(connection, NOW)
    receive(connection, datetime(2026, 12, 5, tzinfo=UTC))
    connection.execute(text("DROP TABLE inbox_2026_11"))
    assert connection.scalar(text("SELECT count(*) FROM inbox")) == 1


def test_every_partitioned_table_has_a_default_and_is_kept_ahead(connection: Connection) -> None:
    partitioned = set(connection.scalars(text("SELECT partrelid::regclass::text FROM pg_partitioned_table")))
    assert partitioned == set(partitions.PARTITIONED)
    for table in partitioned:
        assert f"{table}_other" in tables_of(connection, table)


@pytest.mark.parametrize("month", [1, 12])
def test_the_turn_of_the_year(engine: Engine, month: int) -> None:
    with engine.connect() as connection:
        made = partitions.ensure(connection, datetime(2027, month, 31, tzinfo=UTC), months_ahead=1)
    following = "2027_02" if month == 1 else "2028_01"
    assert made[:2] == [f"inbox_2027_{month:02}", f"inbox_{following}"]
