"""Finding people: what is looked up in an index, also among many, and what is found all the same."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import Connection, Select, text

from connector import paging
from connector.admin import people, people_search
from connector.models.person import persons
from connector.shops import Shop
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


FINDS = {
    "anna": "name", "De_M": "name", "de_marco ANNA": "name", "Maria": "name", "a Maria De": "name",
    "MARIA anna": "name", "am": "email", "am@example.com": "email",
    # Half an address is none, and what is in the middle of a word is not looked for.
    "am@ex": None, "aria": None,
}  # fmt: skip


def test_somebody_is_found_among_many(crowd: Office) -> None:
    (mine, other) = crowd.desks
    with crowd.transaction() as connection:
        for wanted, by in FINDS.items():
            found = people.search(connection, mine.shop.shop, wanted)
            assert [(one.name, one.by) for one in found] == ([("Anna Maria De_Marco", by)] if by else []), wanted
            assert people.search(connection, other.shop.shop, wanted) == []


def test_every_way_of_looking_is_a_read_of_an_index(crowd: Office) -> None:
    (mine, _) = crowd.desks
    with crowd.transaction() as connection:
        for wanted in ("first777", "anna", "anna maria", "#1001", "am@example.com", "+49 151 2345678"):
            for by, query in people_search._ways(mine.shop.shop, wanted):
                plan = _plan(connection, query)
                assert "Index" in plan and "Seq Scan on persons" not in plan, (wanted, by, plan)
        (last, first, *inner) = (_plan(connection, query) for by, query in _names(mine.shop.shop, "maria"))
        assert "ix_persons_last_name_begins" in last and "ix_persons_first_name_begins" in first
        assert [f"ix_persons_{name}_name_inner" in plan for name, plan in zip(("last", "first"), inner, strict=True)]
        # In the order of the index: however many begin so, no more are read than a page holds.
        assert not any("Sort" in plan for plan in (last, first, *inner))
        # The control: what is in the middle has no index.
        middle = people_search._people(mine.shop.shop).where(persons.c.first_name.icontains("aria"))
        assert "Seq Scan on persons" in _plan(connection, middle)


def _names(shop: Shop, wanted: str) -> list[tuple[str, Select[Any]]]:
    return [way for way in people_search._ways(shop, wanted) if way[0] == "name"]


def test_the_newest_are_listed_page_by_page(crowd: Office) -> None:
    (mine, other) = crowd.desks
    with crowd.transaction() as connection:
        page = people.newest(connection, mine.shop.shop, None)
        after = people.newest(connection, mine.shop.shop, page.next)
        ids = [one.id for one in (*page.rows, *after.rows)]
        assert len(page.rows) == paging.SIZE and ids == sorted(set(ids), reverse=True)
        assert len(people.newest(connection, other.shop.shop, None).rows) == 2


def _plan(connection: Connection, query: Select[tuple[object, ...]]) -> str:
    sql = query.limit(25).compile(connection, compile_kwargs={"literal_binds": True})
    return "\n".join(row[0] for row in connection.exec_driver_sql(f"EXPLAIN {str(sql).replace('%', '%%')}"))
