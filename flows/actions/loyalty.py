"""What points and tiers of the loyalty programme have in common. They are ours to change (the store is told of it
afterwards), so there is nothing to call: the change and the end of the action are one transaction, and happen once.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from connector.deps import Deps
from connector.scope import Scope
from connector.shops import Shop
from flows.actions.action import NotDone, NotYet, Prepared, Result, Task
from flows.actions.records import Changed, Why
from flows.core.standing import CAUSED_BY

# Business seconds until it is asked again whether the store has told where somebody stands.
_UNTOLD_SECONDS = 60.0


def prepared(scope: Scope, task: Task, field: str) -> Prepared:
    """What is wanted of ``field``, points or tier. Raises NotYet, NotDone."""
    why = task.records.unready(scope, task.row["person_id"], field)
    if why == "standing_unknown":
        raise NotYet(why, _UNTOLD_SECONDS)
    if why is not None:
        raise NotDone(why)
    return {**task.row["data"], "records": task.records}


def act(deps: Deps, shop: Shop, prepared: Prepared) -> Mapping[str, Any]:
    """Nobody is called."""
    return {}


def besides(prepared: Prepared) -> dict[str, Any]:
    """What the event says that tells of the change."""
    return {name: prepared[name] for name in ("reason", CAUSED_BY) if prepared.get(name)}


def done(answer: Changed | Why) -> Result:
    """Raises NotDone when it was not."""
    if isinstance(answer, str):
        raise NotDone(answer)
    return answer
