"""A merge under way, and the rules that are the same for many tables."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Table, update

from connector.scope import Scope


@dataclass(frozen=True)
class Merge:
    """``gone`` becomes ``kept``; both are locked, and ``persons`` says so already."""

    scope: Scope
    kept: int
    gone: int

    @property
    def given(self) -> dict[str, Any]:
        """What the statements of the rules are given."""
        scope = self.scope
        return {
            "shop_id": scope.shop_id,
            "kept": self.kept,
            "gone": self.gone,
            "now": scope.now,
            "machine": scope.machine,
        }


Rule = Callable[[Merge], int]
"""Does to one table what a merge means to it; how many rows that were."""


def follows(table: Table) -> Rule:
    """The rows are the kept one's from now on, unchanged but for that."""

    def move(merge: Merge) -> int:
        return merge.scope.connection.execute(
            update(table)
            .where(table.c.shop_id == merge.scope.shop_id, table.c.person_id == merge.gone)
            .values(person_id=merge.kept)
        ).rowcount

    return move


def stays(table: Table, reason: str) -> Rule:
    """The rows go on naming the one that is gone, for this reason; readers ask ``sync.merging.everyone``."""
    assert reason, table.name
    return lambda merge: 0
