"""What every write of one transition shares: the connection, the shop and the two times, taken once."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime

from sqlalchemy import Connection

from connector.settings import Settings
from connector.shops import Shop


@dataclass(frozen=True)
class Scope:
    """One transaction's surroundings. ``now`` is business time, ``machine`` real time.

    Whoever writes work for others adds its bell to ``bells``; they are rung after the commit. ``locked``: persons
    whose lock this transaction holds already.
    """

    connection: Connection
    shop: Shop
    now: datetime
    machine: datetime
    settings: Settings
    bells: set[str] = field(default_factory=set)
    locked: set[int] = field(default_factory=set)

    @property
    def shop_id(self) -> int:
        return self.shop.id

    @contextmanager
    def savepoint(self) -> Iterator[None]:
        """What is written inside is undone when the block raises. PostgreSQL then gives back the locks taken in it."""
        before = set(self.locked)
        try:
            with self.connection.begin_nested():
                yield
        except BaseException:
            self.locked.intersection_update(before)
            raise
