"""Statements that are built once: putting one together costs several times what running it does."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any

import orjson
from sqlalchemy import Column, ColumnElement, Connection, Table, TextClause, any_, bindparam, text
from sqlalchemy.dialects.postgresql import ARRAY, Insert, insert


@cache
def replacing(table: Table, columns: Sequence[str]) -> Insert:
    """Insert a row, or replace these columns of the one that has its key. ``columns``: a tuple.

    Rows are given to ``execute`` as parameters.
    """
    statement = insert(table)
    return statement.on_conflict_do_update(
        index_elements=[column.name for column in table.primary_key],
        set_={name: statement.excluded[name] for name in columns},
    )


def among(column: Column[Any], name: str) -> ColumnElement[bool]:
    """Whether the column holds one of the values of the parameter ``name``, a list: one text whatever its length."""
    return column == any_(bindparam(name, type_=ARRAY(column.type)))


def write_rows(connection: Connection, table: Table, rows: Sequence[Mapping[str, Any]]) -> None:
    """Insert these whole rows, or replace those that have their keys: one statement, however many they are.

    Each row is found by its key, whatever the planner believes of the table. ``rows``: in the order of their keys, so
    that two who write the same ones wait for each other in one order; at least one.
    """
    # Names of columns are no plain texts to orjson; amounts go as text.
    as_json = orjson.dumps(rows, default=str, option=orjson.OPT_NON_STR_KEYS).decode()
    connection.execute(_whole(table), {"rows": as_json})


@cache
def _whole(table: Table) -> TextClause:
    names = ", ".join(f'"{column.name}"' for column in table.c)
    key = ", ".join(column.name for column in table.primary_key)
    rest = ", ".join(f'"{column.name}" = excluded."{column.name}"' for column in table.c if not column.primary_key)
    return text(
        f"""
INSERT INTO {table.name} ({names})
SELECT {names} FROM json_populate_recordset(NULL::{table.name}, CAST(:rows AS json))
ON CONFLICT ({key}) DO {f"UPDATE SET {rest}" if rest else "NOTHING"}
"""  # noqa: S608  of the tables' own names only
    )


def add_rows(connection: Connection, table: Table, rows: Sequence[Mapping[str, Any]]) -> None:
    """Insert these rows; one whose key is there already stays as it is. One statement, however many they are.

    ``rows``: all with the same columns, at least one row; the others of the table get their defaults.
    """
    as_json = orjson.dumps(rows, default=str, option=orjson.OPT_NON_STR_KEYS).decode()
    connection.execute(_new(table, tuple(str(name) for name in rows[0])), {"rows": as_json})


@cache
def _new(table: Table, columns: tuple[str, ...]) -> TextClause:
    names = ", ".join(f'"{name}"' for name in columns)
    return text(
        f"""
INSERT INTO {table.name} ({names})
SELECT {names} FROM json_populate_recordset(NULL::{table.name}, CAST(:rows AS json))
ON CONFLICT DO NOTHING
"""  # noqa: S608  of the tables' own names only
    )


def reserve(connection: Connection, table: Table, count: int) -> list[int]:
    """So many numbers of the sequence that counts the table's ``id``, the lowest last."""
    given = {"table": table.name, "count": count}
    return sorted(connection.scalars(_RESERVE, given), reverse=True)


_RESERVE = text("SELECT nextval(pg_get_serial_sequence(:table, 'id')) FROM generate_series(1, :count)")
