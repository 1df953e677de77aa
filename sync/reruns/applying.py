"""Records that were read from the store are applied, each by itself: one that fails takes no other with it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy.exc import DBAPIError, OperationalError

from connector.logging import get
from connector.scope import Scope
from sync import fetch
from sync.copies.turn import DEFECTS
from sync.node_values import number
from sync.privacy.late import of_the_living
from sync.readers import READERS
from sync.reruns.entities.entity import Entity, Held
from sync.reruns.reading import Nodes

log = get(__name__)


@dataclass(frozen=True)
class Applied:
    """By the store's ids: what we hold now, which of it is new or newer than before, and what failed with why."""

    held: dict[int, Held]
    changed: frozenset[int]
    problems: dict[int, str]


def apply(scope: Scope, entity: Entity, ids: Sequence[int], nodes: Nodes) -> Applied:
    """Apply these records, with the shop's NORMALISE lock held; ``ids`` may name more, which are left as they are.

    What a delivery has asked to be read is left to that, at once: what is new in it is news.
    """
    _, refresh = READERS[entity.kind]
    before = entity.held(scope.connection, scope.shop_id, ids)
    news = fetch.awaited(scope.connection, scope.shop_id, entity.kind, list(nodes))
    problems = {}
    living = {number(node["id"]) for node in of_the_living(scope, list(nodes.values()))}
    for record_id, node in nodes.items():
        if record_id not in living:
            continue
        if record_id in news:
            fetch.wish(scope, entity.kind, record_id)
            continue
        try:
            with scope.savepoint():
                refresh(scope, node)
        except OperationalError:
            raise
        except (*DEFECTS, DBAPIError) as error:
            name = type(error).__name__
            log.error("rerun_defective", shop_id=scope.shop_id, entity=entity.name, id=record_id, error=name)
            problems[record_id] = f"It cannot be applied: {name}: {error}"
    scope.pay()
    held = entity.held(scope.connection, scope.shop_id, ids)
    changed = frozenset(one for one in held if one not in before or held[one].version != before[one].version)
    return Applied(held, changed, problems)
