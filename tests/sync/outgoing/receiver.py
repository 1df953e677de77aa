"""A merchant's server: it keeps what it was told and answers as it was told to."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import orjson

from tests.adapters.servers import Misbehaving, answer, serving

Behaviour = Callable[[socket.socket, bytes], None]
OK = answer("204 No Content")


@dataclass(frozen=True)
class Told:
    """One request. ``headers`` have lower-case names."""

    headers: dict[str, str]
    raw: bytes

    @property
    def body(self) -> dict[str, Any]:
        found: dict[str, Any] = orjson.loads(self.raw)
        return found

    @property
    def id(self) -> str:
        return self.headers["webhook-id"]


class Receiver:
    """``answers`` in turn, the last for ever."""

    def __init__(self, server: Misbehaving, answers: list[Behaviour]) -> None:
        self._server = server
        self.answers = answers

    @property
    def url(self) -> str:
        return f"{self._server.url}/hooks"

    @property
    def told(self) -> list[Told]:
        found = []
        for request in self._server.requests:
            head, _, raw = request.partition(b"\r\n\r\n")
            lines = [line.partition(": ") for line in head.decode().split("\r\n")[1:]]
            found.append(Told({name.lower(): value for name, _, value in lines}, raw))
        return found


@contextmanager
def receiving(answers: Sequence[Behaviour] = (OK,)) -> Iterator[Receiver]:
    left = list(answers)

    def behave(connection: socket.socket, request: bytes) -> None:
        now = left[0] if len(left) == 1 else left.pop(0)
        now(connection, request)

    with serving(behave) as server:
        yield Receiver(server, left)
