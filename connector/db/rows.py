"""Statements that are built once: putting one together costs several times what running it does."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import Any

from sqlalchemy import Column, ColumnElement, Table, any_, bindparam
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
