"""Finding people: what is looked up in an index, also among many, and what is found all the same."""

from __future__ import annotations

import pytest
from sqlalchemy import Connection, Select, text

from connector.admin import people
from tests.admin.office import Office

MANY = 20_000


@pytest.fixture
def crowd(office: Office) -> Office:
    """Many people of whom Maria is one."""
    (mine, _) = office.desks
    with office.transaction() as connection:
        connection.execute(
            text(
                "INSERT INTO persons (shop_id, seed, email, first_name, last_name, tags, orders_count, total_spent,"
                " version, created_at) SELECT :shop, gen_random_uuid(), 'p' || n || '@example.com', 'First' || n,"
                " 'Last' || n, '[]', 0, 0, 1, '2026-01-01T00:00:00Z' FROM generate_series(1, :many) AS n"
            ),
            {"shop": mine.shop.id, "many": MANY},
        )
        connection.execute(
            text(
                "UPDATE persons SET first_name = 'Anna Maria', last_name = 'De_Marco', email = 'am@example.com'"
                " WHERE email = 'p777@example.com'"
            )
        )
        connection.execute(text("ANALYZE persons"))
    return office


@pytest.mark.parametrize(
    ("wanted", "by"),
    [("anna", "name"), ("De_M", "name"), ("de_marco ANNA", "name"), ("am@ex", "part"), ("Maria", "part of a name"),
     ("a Maria De", "part of a name"), ("am", "email")],
)  # fmt: skip
def test_somebody_is_found_among_many(crowd: Office, wanted: str, by: str) -> None:
    (mine, other) = crowd.desks
    with crowd.transaction() as connection:
        found = people.search(connection, mine.shop.shop, wanted)
        elsewhere = people.search(connection, other.shop.shop, wanted)
    if by == "part":
        assert found == [], "half an address is none"
        return
    assert [(one.name, one.by) for one in found] == [("Anna Maria De_Marco", by)]
    assert elsewhere == []


def test_the_beginning_of_a_name_is_looked_up(crowd: Office) -> None:
    (mine, _) = crowd.desks
    ways = people._ways(mine.shop.shop, "first777")
    with crowd.transaction() as connection:
        plans = {by: _plan(connection, query) for by, query in ways}
    assert "ix_persons_first_name_begins" in plans["name"] and "ix_persons_last_name_begins" in plans["name"]
    assert "ix_persons_email_begins" in plans["email"]
    # The control: what is in the middle has no index.
    assert "_begins" not in plans["part of a name"]


def _plan(connection: Connection, query: Select[tuple[object, ...]]) -> str:
    sql = query.limit(25).compile(connection, compile_kwargs={"literal_binds": True})
    return "\n".join(row[0] for row in connection.exec_driver_sql(f"EXPLAIN {str(sql).replace('%', '%%')}"))
