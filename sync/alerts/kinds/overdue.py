"""Tasks, about customers or reviews, whose time has long been over."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

from sqlalchemy import bindparam, select

from connector.models.task import tasks
from sync.alerts.kinds.kind import Finding, Kind, Looking

_LATE = timedelta(days=3)
_MOST = 100
_OVERDUE = (
    select(tasks.c.id)
    .where(tasks.c.shop_id == bindparam("shop"), tasks.c.state == "open", tasks.c.due_at < bindparam("before"))
    .limit(_MOST)
)


def _look(look: Looking) -> Iterator[Finding]:
    found = len(look.connection.scalars(_OVERDUE, {"shop": look.shop.id, "before": look.now - _LATE}).all())
    if found:
        many = f"{found}{' or more' if found == _MOST else ''} tasks are" if found > 1 else "A task is"
        yield Finding(
            f"{many} more than three days late. Do them or drop them on the page Tasks: flows may wait for that.",
            detail={"tasks": found},
        )


OVERDUE = Kind("overdue_tasks", "Tasks are late", _look)
