"""What every write of one transition shares: the connection, the shop and the two times, taken once."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from functools import cache
from typing import Any

from sqlalchemy import Connection, Table

from connector.ahead import Ahead
from connector.clock import Clock
from connector.db.rows import reserve, write_rows
from connector.settings import Settings
from connector.shops import Shop

Write = Callable[["Scope", dict[Any, Any]], None]
"""Writes rows, by key, into the scope's transaction."""


@dataclass(frozen=True)
class Scope:
    """One transaction's surroundings. ``now`` is business time, ``machine`` real time.

    Whoever writes work for others adds its bell to ``bells``; they are rung after the commit. ``locked``: persons
    whose lock this transaction holds already, and ``profiles`` what was read of them under it; ``ahead``: what else was
    read for many records at once.

    ``quiet``: what is heard of here for the first time starts nothing (a sync that staff asked for). It is history to
    the flows, though it may end what runs; Brevo is told of it by no call that starts automations.

    ``found_by``: backfill | reconcile, whatever looks for what was missed. Its facts say so, and in its quiet scopes
    that is news which happened after the shop's webhooks were in place (``connector.eventlog``).
    """

    connection: Connection
    shop: Shop
    now: datetime
    machine: datetime
    settings: Settings
    quiet: bool = False
    found_by: str | None = None
    bells: set[str] = field(default_factory=set)
    locked: set[int] = field(default_factory=set)
    profiles: dict[int, dict[str, Any]] = field(default_factory=dict)
    ahead: Ahead = field(default_factory=Ahead)
    _owed: dict[Write, dict[Any, Any]] = field(default_factory=dict)
    _first: set[Write] = field(default_factory=set)
    _last: set[Write] = field(default_factory=set)

    @property
    def shop_id(self) -> int:
        return self.shop.id

    def owed(self, write: Write, *, first: bool = False, last: bool = False) -> dict[Any, Any]:
        """The rows, by key, that ``write`` will be given at the end of the transaction: once, however many there are.

        For rows that this transaction itself does not read again. A statement costs the same for one row as for a
        hundred, and most transactions would write such rows several times. ``first``: what it owes joins other writes;
        ``last``: what other writes owe joins it.
        """
        if first:
            self._first.add(write)
        if last:
            self._last.add(write)
        return self._owed.setdefault(write, {})

    def write(self, table: Table, row: Mapping[str, Any]) -> None:
        """Insert this whole row at the end of the transaction, or replace the one that has its key, with all others."""
        key = tuple(row[column.name] for column in table.primary_key)
        self.owed(_rows_of(table))[key] = row

    def number(self, table: Table) -> int:
        """The number of a new row of this table, whose key its sequence counts; several are reserved at once."""
        left = self.ahead.numbers.setdefault(table.name, [])
        if not left:
            left.extend(reserve(self.connection, table, _RESERVED))
        return left.pop()

    def settle(self, write: Write) -> None:
        """Write now what is owed to this one."""
        if rows := self._owed.pop(write, None):
            write(self, rows)

    def pay(self) -> None:
        """Write what is owed; what that writes may owe more."""
        while self._owed:
            write = min(self._owed, key=self._turn)
            if rows := self._owed.pop(write):
                write(self, rows)

    def _turn(self, write: Write) -> int:
        return 0 if write in self._first else 2 if write in self._last else 1

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
            self.ahead.clear()
            self._owed.clear()
            raise


# Numbers cost nothing, and asking for them does.
_RESERVED = 500


@cache
def _rows_of(table: Table) -> Write:
    def write(scope: Scope, rows: dict[Any, Any]) -> None:
        write_rows(scope.connection, table, [rows[key] for key in sorted(rows)])

    return write


@contextmanager
def scoped(
    connection: Connection,
    shop: Shop,
    clock: Clock,
    settings: Settings,
    *,
    quiet: bool = False,
    found_by: str | None = None,
) -> Iterator[Scope]:
    """The scope of this transaction; what is owed at its end is written before the block is left."""
    scope = Scope(connection, shop, clock.now(), clock.machine(), settings, quiet, found_by)
    yield scope
    scope.pay()
