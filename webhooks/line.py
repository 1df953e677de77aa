"""A connection to PostgreSQL that one thread uses and any thread may cut when the server stops answering.

The server's own time-outs end a statement that waits for a lock. They do not help when the server itself
hangs (a frozen machine, a full disk): then the thread would wait for ever, so whoever loses patience shuts
the socket and the waiting thread goes on with an error.
"""

from __future__ import annotations

import os
import socket
import threading

import psycopg
from psycopg.pq import ConnStatus, ExecStatus
from psycopg.pq.abc import PGconn, PGresult
from sqlalchemy import make_url

from connector.clock import monotonic

# libpq takes less than two seconds for two.
_CONNECT_SECONDS = 2
_STATEMENT = b"statement"
_TEXT, _BINARY = 0, 1


class Line:
    """``url`` is SQLAlchemy's form; ``statement`` is what is asked, with ``$1`` and so on; ``first`` is run once
    on each new connection. ``patience``: seconds of machine time that an answer may take.
    """

    def __init__(self, url: str, patience: float, name: str, statement: str, *, first: str = "") -> None:
        self._conninfo = make_url(url).set(drivername="postgresql").render_as_string(hide_password=False)
        self._patience = patience
        self._name = name
        self._statement = statement.encode()
        self._first = first.encode()
        self._lock = threading.Lock()
        self._connection: psycopg.Connection | None = None
        self._since: float | None = None

    def rows(self, *parameters: str | bytes) -> list[tuple[str | None, ...]]:
        """Run the statement in a transaction of its own; what it returns, as PostgreSQL writes it.

        Text goes as text and bytes go in PostgreSQL's binary form. Straight through libpq, because a cursor costs
        the process three times as much, and while it waits for the server no other thread is disturbed.

        Raises psycopg.Error. After an OperationalError the outcome may be unknown and the next call connects
        anew.
        """
        try:
            wire = self._open_wire()
            values = [value.encode() if isinstance(value, str) else value for value in parameters]
            formats = [_TEXT if isinstance(value, str) else _BINARY for value in parameters]
            return _read(_checked(wire, wire.exec_prepared(_STATEMENT, values, formats)))
        except psycopg.OperationalError:
            self.close()
            raise
        finally:
            with self._lock:
                self._since = None

    def cut_when_stalled(self) -> None:
        """Shut the socket when the statement under way has outlived the patience. For any thread."""
        with self._lock:
            stalled = self._since is not None and monotonic() - self._since > self._patience
            if not stalled or self._connection is None or self._connection.closed:
                return
            # A copy of the descriptor: closing it leaves the connection's own for its owner to close.
            with socket.socket(fileno=os.dup(self._connection.fileno())) as wire:
                wire.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        with self._lock:
            connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()

    def _open_wire(self) -> PGconn:
        """A connection that knows the statement. From here on it may be cut."""
        if self._connection is not None and not self._connection.closed:
            with self._lock:
                self._since = monotonic()
            return self._connection.pgconn
        milliseconds = max(1, int(self._patience * 1000))
        connection = psycopg.connect(
            self._conninfo,
            autocommit=True,
            client_encoding="UTF8",
            connect_timeout=_CONNECT_SECONDS,
            application_name=self._name,
            options=f"-c statement_timeout={milliseconds} -c synchronous_commit=on -c timezone=UTC",
            # Bytes that the other end never acknowledged: its machine is gone.
            tcp_user_timeout=milliseconds,
        )
        with self._lock:
            self._connection = connection
            self._since = monotonic()
        wire = connection.pgconn
        if self._first:
            _checked(wire, wire.exec_(self._first))
        _checked(wire, wire.prepare(_STATEMENT, self._statement))
        return wire


def _checked(wire: PGconn, result: PGresult) -> PGresult:
    """Raises what the result stands for when it is an error."""
    if result.status in (ExecStatus.TUPLES_OK, ExecStatus.COMMAND_OK):
        return result
    if wire.status == ConnStatus.BAD:
        raise psycopg.OperationalError(result.get_error_message())
    raise psycopg.errors.error_from_result(result)


def _read(result: PGresult) -> list[tuple[str | None, ...]]:
    columns = range(result.nfields)
    return [
        tuple(None if (value := result.get_value(row, column)) is None else value.decode() for column in columns)
        for row in range(result.ntuples)
    ]
