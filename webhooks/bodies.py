"""Bodies of requests, within bounds of memory and of the server's threads.

A body is read by the thread of its request, and for as long as its sender likes (webhooks/stragglers.py ends what
takes too long). So some threads are kept out of it, for the pages that have none.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from threading import Semaphore
from typing import Any, Protocol

LARGEST_BODY = 2 * 1024 * 1024
# An order of ten lines has some 20 kB. What bodies take of memory is at most SMALL_BODY for each of the server's
# threads and LARGEST_BODY for each large one.
SMALL_BODY = 64 * 1024
LARGE_AT_ONCE = 16
# Three quarters of the threads that connector/runtime/processes.py gives the web process.
READING_AT_ONCE = 48
# Machine time that a request waits for its turn.
_TURN_SECONDS = 1.0


class TooLarge(Exception):
    """More than LARGEST_BODY."""


class NotRead(Exception):
    """The sender hung up, or too many others are being read."""


class Stream(Protocol):
    def read(self, size: int, /) -> bytes: ...


class Bodies:
    """What one process is reading and holding."""

    def __init__(self) -> None:
        self._reading = Semaphore(READING_AT_ONCE)
        self._large = Semaphore(LARGE_AT_ONCE)

    @contextmanager
    def of(self, environ: Mapping[str, Any]) -> Iterator[bytes]:
        """The raw bytes, still encoded as they came. A large body counts until the block ends.

        Raises TooLarge or NotRead.
        """
        given = str(environ.get("CONTENT_LENGTH") or "")
        length = int(given) if given.isdecimal() else None
        if length is not None and length > LARGEST_BODY:
            raise TooLarge
        if length is not None and length <= SMALL_BODY:
            yield self._read(environ["wsgi.input"], length)
            return
        with _turn(self._large):
            yield self._read(environ["wsgi.input"], length)

    def _read(self, stream: Stream, length: int | None) -> bytes:
        most = LARGEST_BODY + 1 if length is None else length
        with _turn(self._reading):
            body = stream.read(most)
            while len(body) < most and (more := stream.read(most - len(body))):
                body += more
        if len(body) > LARGEST_BODY:
            raise TooLarge
        if length is not None and len(body) < length:
            raise NotRead("the body ended early")
        return body


@contextmanager
def _turn(places: Semaphore) -> Iterator[None]:
    if not places.acquire(timeout=_TURN_SECONDS):
        raise NotRead("too many bodies are being read")
    try:
        yield
    finally:
        places.release()
