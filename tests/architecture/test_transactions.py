"""One place commits: whatever else writes is given a connection."""

from __future__ import annotations

import ast

import pytest

from tests.architecture.project import PACKAGES, files, path_of, tree

# Why a connection without transactions is right there.
WITHOUT_TRANSACTIONS = {
    "connector/db/session.py": "what is one statement needs no transaction around it (autocommitted)",
    "webhooks/line.py": "the intake's one statement per group is its own transaction",
    "connector/runtime/postgres.py": "CREATE DATABASE cannot run inside a transaction",
}


def commits(module: ast.Module) -> list[int]:
    """Lines that commit or open a transaction of their own (a savepoint inside one does neither)."""
    return [
        node.lineno
        for node in ast.walk(module)
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and node.func.attr in ("commit", "begin", "rollback")
    ]


def goes_without(module: ast.Module) -> bool:
    return any(
        isinstance(node, ast.keyword) and (node.arg == "autocommit" or "AUTOCOMMIT" in ast.unparse(node.value))
        for node in ast.walk(module)
    )


def test_one_place_commits() -> None:
    found = [f"{path_of(file)}:{line}" for file in files(*PACKAGES) for line in commits(tree(file))]
    assert [place.partition(":")[0] for place in found] == ["connector/db/session.py"], found


def test_connections_without_transactions_have_a_reason() -> None:
    assert {path_of(file) for file in files(*PACKAGES) if goes_without(tree(file))} == set(WITHOUT_TRANSACTIONS)


@pytest.mark.parametrize("source", ["connection.commit()", "with engine.begin() as c: pass", "x.rollback()"])
def test_commits_are_found(source: str) -> None:
    assert commits(ast.parse(source))


@pytest.mark.parametrize("source", ["connect(url, autocommit=True)", "e.options(isolation_level='AUTOCOMMIT')"])
def test_connections_without_transactions_are_found(source: str) -> None:
    assert goes_without(ast.parse(source))


def test_a_savepoint_commits_nothing() -> None:
    assert commits(ast.parse("with connection.begin_nested(): pass")) == []
