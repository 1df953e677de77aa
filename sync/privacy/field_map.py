"""Every table, with what it holds of a person, why, how it is found and what an erasure does to it.

``tests/privacy/test_field_map.py`` fails for a table or column that is not declared here.
"""

from __future__ import annotations

from collections.abc import Iterable

from sqlalchemy import MetaData

from sync.privacy import held_figures, held_people, held_staff, held_trade, held_work
from sync.privacy.held import Held

# In the order of erasure: what is found by way of another table comes before it.
FIELD_MAP: tuple[Held, ...] = (
    *held_work.HELD,
    *held_staff.HELD,
    *held_trade.HELD,
    *held_people.HELD,
    *held_figures.HELD,
)


def faults(tables: MetaData, declared: Iterable[Held] = FIELD_MAP) -> list[str]:
    """What of these tables is not declared, or declared and not so."""
    known = {one.name: one for one in declared}
    missing = [f"{name}: not declared" for name in sorted(set(tables.tables) - set(known))]
    return missing + [fault for one in known.values() for fault in one.faults()]
