"""Records that were read from the store are applied, and what we hold of them then."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from connector.scope import Scope
from sync.applying import apply_batch
from sync.reruns.entities.entity import Entity, Held
from sync.reruns.reading import Nodes


@dataclass(frozen=True)
class Applied:
    """By the store's ids: what we hold now, which of it is new or newer than before, and what failed with why."""

    held: dict[int, Held]
    changed: frozenset[int]
    problems: Mapping[int, str]


def apply(scope: Scope, entity: Entity, ids: Sequence[int], nodes: Nodes) -> Applied:
    """Apply these records; ``ids`` may name more, which are left as they are."""
    done = apply_batch(scope, entity.kind, list(nodes.values()))
    held = entity.held(scope.connection, scope.shop_id, ids)
    return Applied(held, frozenset(done.created | done.changed), done.failed)
