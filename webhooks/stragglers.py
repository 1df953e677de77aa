"""Ends connections on which nothing has been answered for too long: whoever sends slowly gives their thread back.

The server reads a body while one of its threads waits for it, and has no time-out for that. The kernel knows how much
of what we answered has arrived at the other end of each connection. Where that stays the same for MOST_SECONDS the
connection is idle, or its sender has not come to the end of a request: it is shut, and the thread goes on with an
error. Linux only; elsewhere, and against many such senders, a proxy that buffers requests has to stand in front.
"""

from __future__ import annotations

import contextlib
import os
import socket
import stat
import struct
import sys
import threading
from collections.abc import Iterator

from connector import logging
from connector.clock import monotonic

log = logging.get(__name__)

# Machine time. Shopify waits five seconds for an answer, and no page of ours takes as long.
MOST_SECONDS = 10.0
_LOOK_SECONDS = 1.0
# struct tcp_info of linux/tcp.h: bytes that the other end has acknowledged.
_BYTES_ACKED = struct.Struct("=120xQ")


class Stragglers:
    """Looks at the connections of this process once a second, on a thread of its own."""

    def __init__(self) -> None:
        # Since when (monotonic) each connection has been seen with so many bytes answered.
        self._seen: dict[tuple[int, int], float] = {}
        self._ending = threading.Event()
        self._thread = threading.Thread(target=self._work, name="stragglers", daemon=True)

    def start(self) -> None:
        if sys.platform == "linux":
            self._thread.start()

    def stop(self) -> None:
        self._ending.set()
        if self._thread.is_alive():
            self._thread.join(_LOOK_SECONDS)

    def look(self, now: float) -> int:
        """Shut whatever has had its time at ``now``, monotonic seconds; how many that were."""
        seen: dict[tuple[int, int], float] = {}
        ended = 0
        for connection in _accepted():
            # The other end may hang up at any moment.
            with connection, contextlib.suppress(OSError):
                answered = connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, _BYTES_ACKED.size)
                # The inode names a connection for as long as it lives; its descriptor may be another's by now.
                key = (os.fstat(connection.fileno()).st_ino, *_BYTES_ACKED.unpack(answered))
                seen[key] = self._seen.get(key, now)
                if now - seen[key] > MOST_SECONDS:
                    connection.shutdown(socket.SHUT_RDWR)
                    ended += 1
        self._seen = seen
        return ended

    def _work(self) -> None:
        while not self._ending.wait(_LOOK_SECONDS):
            try:
                ended = self.look(monotonic())
            except OSError as error:
                log.warning("stragglers_not_seen", error=type(error).__name__)
            else:
                if ended:
                    log.info("stragglers_ended", count=ended)


def _accepted() -> Iterator[socket.socket]:
    """A copy of each TCP connection that came in at a port that this process listens on, to be closed by the caller."""
    found = list(_tcp_sockets())
    ports = {each.getsockname()[1] for each in found if _is_listening(each)}
    for each in found:
        if _is_listening(each) or each.getsockname()[1] not in ports:
            each.close()
        else:
            yield each


def _tcp_sockets() -> Iterator[socket.socket]:
    for name in os.listdir("/proc/self/fd"):
        try:
            if not stat.S_ISSOCK(os.stat(int(name)).st_mode):
                continue
            copy = socket.socket(fileno=os.dup(int(name)))
        except OSError:
            # Closed in the meantime.
            continue
        if copy.family in (socket.AF_INET, socket.AF_INET6):
            yield copy
        else:
            copy.close()


def _is_listening(each: socket.socket) -> bool:
    return bool(each.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN))
