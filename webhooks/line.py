"""A connection to PostgreSQL that one thread uses and any thread may cut when the server stops answering.

The server's own time-outs end a statement that waits for a lock. They do not help when the server itself
hangs (a frozen machine, a full disk): then the thread would wait for ever, so whoever loses patience shuts
the socket and the waiting thread goes on with an error.
"""

from __future__ import annotations

import os
import socket
import threading
from collections.abc import Mapping
from typing import Any

import psycopg
from sqlalchemy import make_url

from connector.clock import monotonic

# libpq takes less than two seconds for two.
_CONNECT_SECONDS = 2


class Line:
    """``patience``: seconds of machine time that a statement may take. ``url`` is SQLAlchemy's form."""

    def __init__(self, url: str, patience: float, name: str) -> None:
        self._conninfo = make_url(url).set(drivername="postgresql").render_as_string(hide_password=False)
        self._patience = patience
        self._name = name
        self._lock = threading.Lock()
        self._connection: psycopg.Connection | None = None
        self._since: float | None = None

    def rows(self, statement: str, parameters: Mapping[str, Any] | None = None) -> list[tuple[Any, ...]]:
        """Run one statement in a transaction of its own and read what it returns.

        Raises psycopg.Error. After an OperationalError the outcome may be unknown and the next call connects
        anew.
        """
        try:
            connection = self._connected()
            with self._lock:
                self._since = monotonic()
            return connection.execute(statement, parameters, prepare=True).fetchall()
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

    def _connected(self) -> psycopg.Connection:
        if self._connection is None or self._connection.closed:
            milliseconds = max(1, int(self._patience * 1000))
            connection = psycopg.connect(
                self._conninfo,
                autocommit=True,
                connect_timeout=_CONNECT_SECONDS,
                application_name=self._name,
                options=f"-c statement_timeout={milliseconds} -c synchronous_commit=on -c timezone=UTC",
                # Bytes that the other end never acknowledged: its machine is gone.
                tcp_user_timeout=milliseconds,
            )
            with self._lock:
                self._connection = connection
        return self._connection
