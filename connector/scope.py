"""What every write of one transition shares: the connection, the shop and the two times, taken once."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import Connection

from connector.clock import Clock
from connector.settings import Settings
from connector.shops import Shop

Write = Callable[["Scope", dict[Any, Any]], None]
"""Writes rows, by key, into the scope's transaction."""


@dataclass(frozen=True)
class Scope:
    """One transaction's surroundings. ``now`` is business time, ``machine`` real time.

    Whoever writes work for others adds its bell to ``bells``; they are rung after the commit. ``locked``: persons
    whose lock this transaction holds already, and ``profiles`` what was read of them under it.

    ``quiet``: what is heard of here for the first time starts nothing (a sync that staff asked for). It is history to
    the flows, though it may end what runs; Brevo is told of it by no call that starts automations.
    """

    connection: Connection
    shop: Shop
    now: datetime
    machine: datetime
    settings: Settings
    quiet: bool = False
    bells: set[str] = field(default_factory=set)
    locked: set[int] = field(default_factory=set)
    profiles: dict[int, dict[str, Any]] = field(default_factory=dict)
    _owed: dict[Write, dict[Any, Any]] = field(default_factory=dict)
    _last: set[Write] = field(default_factory=set)

    @property
    def shop_id(self) -> int:
        return self.shop.id

    def owed(self, write: Write, *, last: bool = False) -> dict[Any, Any]:
        """The rows, by key, that ``write`` will be given at the end of the transaction: once, however many there are.

        For rows that this transaction itself does not read again. A statement costs the same for one row as for a
        hundred, and most transactions would write such rows several times. ``last``: what other writes owe joins.
        """
        if last:
            self._last.add(write)
        return self._owed.setdefault(write, {})

    def pay(self) -> None:
        """Write what is owed; what that writes may owe more."""
        while self._owed:
            write = next((one for one in self._owed if one not in self._last), None) or next(iter(self._owed))
            if rows := self._owed.pop(write):
                write(self, rows)

    @contextmanager
    def savepoint(self) -> Iterator[None]:
        """What is written or owed inside is undone when the block raises. PostgreSQL then gives back the locks taken
        in it."""
        self.pay()
        locked = set(self.locked)
        try:
            with self.connection.begin_nested():
                yield
                self.pay()
        except BaseException:
            self.locked.intersection_update(locked)
            self.profiles.clear()
            self._owed.clear()
            raise


@contextmanager
def scoped(
    connection: Connection, shop: Shop, clock: Clock, settings: Settings, *, quiet: bool = False
) -> Iterator[Scope]:
    """The scope of this transaction; what is owed at its end is written before the block is left."""
    scope = Scope(connection, shop, clock.now(), clock.machine(), settings, quiet)
    yield scope
    scope.pay()
