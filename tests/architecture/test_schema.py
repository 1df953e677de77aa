"""No clock in the database, and the shop first in every key."""

from __future__ import annotations

import ast
import re

import pytest
from sqlalchemy import BigInteger, Column, MetaData, PrimaryKeyConstraint, Table, UniqueConstraint
from sqlalchemy.sql.schema import DefaultClause

import connector.models
from connector.db.schema import Moment, metadata
from tests.architecture.project import PACKAGES, files, path_of, texts, tree

assert connector.models

_CLOCK = re.compile(
    r"\b(now|timeofday|(clock|statement|transaction)_timestamp)\s*\(\s*\)"
    r"|\b(current_(timestamp|date|time)|localtime(stamp)?)\b",
    re.IGNORECASE,
)
# `func.now()` and its kin, written with SQLAlchemy.
_FUNCTIONS = {
    "now", "current_timestamp", "current_date", "current_time", "localtime", "localtimestamp", "clock_timestamp",
    "statement_timestamp", "transaction_timestamp", "timeofday", "sysdate",
}  # fmt: skip
# An index or key may begin with something else only for the reason given.
_CROSSES_SHOPS = {
    "shops": "a shop is what the others begin with",
    "uq_shops_domain": "deliveries name a shop by its domain",
    "ix_inbox_keys_received_at": "old keys of all shops are removed by age",
    "ix_checkouts_products": "an index of values, which has no beginning; the store's product ids are one shop's only",
    "ix_orders_products": "the same",
    "staff": "staff belong to the installation",
    "uq_staff_email": "staff sign in before it is known which shop they look at",
    "staff_sessions": "the same",
    "staff_invitations": "the same",
    "staff_recovery_codes": "the same",
}


# Why a statement may ask PostgreSQL for the time.
_COMPARES_CLOCKS = {"connector/doctor/checks/database_time.py": "it looks whether that clock and ours agree"}


def clocks(module: ast.Module) -> list[str]:
    """Where a module has the database say what time it is."""
    found = [text.strip()[:80] for text in texts(module) if _CLOCK.search(text)]
    for node in ast.walk(module):
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "func":
            found += [f"func.{node.attr}"] if node.attr in _FUNCTIONS else []
    return found


def test_no_statement_reads_the_clock_of_the_database() -> None:
    found = {path_of(file): said for file in files(*PACKAGES) if (said := clocks(tree(file)))}
    assert set(found) == set(_COMPARES_CLOCKS), found


@pytest.mark.parametrize(
    "source",
    [
        "x = 'SELECT 1 WHERE due_at < now()'",
        "x = f'created_at TIMESTAMP DEFAULT CURRENT_TIMESTAMP {y}'",
        "Column('at', Moment, server_default=func.now())",
        "x = text('UPDATE t SET at = Clock_Timestamp ( )')",
    ],
)
def test_clocks_in_statements_are_found(source: str) -> None:
    assert clocks(ast.parse(source))


@pytest.mark.parametrize("source", ["def f():\n    'Never now().'\n", "x = 'known, nowhere, :now'", "clock.now()"])
def test_words_that_only_look_like_clocks_are_none(source: str) -> None:
    assert clocks(ast.parse(source)) == []


def defaults_of_time(tables: MetaData) -> list[str]:
    """Columns of time whose value the server would fill in."""
    return [
        f"{table.name}.{column.name}"
        for table in tables.sorted_tables
        for column in table.columns
        if column.server_default is not None
        and (column.type.python_type.__module__ == "datetime" or _CLOCK.search(_text(column.server_default)))
    ]


def _text(default: object) -> str:
    return str(default.arg) if isinstance(default, DefaultClause) else str(default)


def test_no_column_has_a_time_of_the_server() -> None:
    assert defaults_of_time(metadata) == []


def keys_without_the_shop(tables: MetaData) -> list[str]:
    """Tables, unique keys and indexes that do not begin with ``shop_id``."""
    found = []
    for table in tables.sorted_tables:
        groups = [(index.name, index.expressions) for index in table.indexes]
        for constraint in table.constraints:
            if isinstance(constraint, PrimaryKeyConstraint):
                groups.append((table.name, constraint.columns))
            elif isinstance(constraint, UniqueConstraint):
                groups.append((constraint.name, constraint.columns))
        found += [str(name) for name, columns in groups if [getattr(c, "name", "") for c in columns][:1] != ["shop_id"]]
    return sorted(found)


def test_every_key_begins_with_the_shop() -> None:
    assert len(metadata.tables) > 20
    assert keys_without_the_shop(metadata) == sorted(_CROSSES_SHOPS)


def test_what_breaks_the_rules_of_tables_is_found() -> None:
    tables = MetaData()
    Table(
        "broken",
        tables,
        Column("id", BigInteger, primary_key=True),
        Column("shop_id", BigInteger, primary_key=True),
        Column("made_at", Moment, server_default="2026-01-01"),
        UniqueConstraint("made_at", name="uq_broken"),
    )
    assert defaults_of_time(tables) == ["broken.made_at"]
    assert keys_without_the_shop(tables) == ["broken", "uq_broken"]
