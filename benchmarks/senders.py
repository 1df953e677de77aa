"""The load: a process that posts deliveries and says how long each took to be answered.

``python -m benchmarks.senders '{"port": 8000, ...}'`` prints one JSON object. One thread over raw sockets, because
the load shares the cores with what it measures.
"""

from __future__ import annotations

import json
import selectors
import socket
import subprocess
import sys
from collections import deque
from dataclasses import asdict, dataclass, field
from time import perf_counter, process_time
from typing import Self

from benchmarks import orders

_END_OF_HEAD = b"\r\n\r\n"
# A request is handed to the kernel in one piece, so that a server that reads slowly never holds the sender.
_SEND_BUFFER = 256 * 1024
_SLOWEST_SECONDS = 10.0


@dataclass(frozen=True)
class Load:
    """``rate`` 0: each connection posts as soon as it has been answered. Otherwise so many deliveries arrive in a
    second whatever became of the ones before, and each one's time runs from when it should have been sent.
    """

    port: int
    mark: str
    seconds: float
    connections: int
    rate: float = 0.0
    domain: str = orders.DOMAIN
    secret: str = orders.SECRET


@dataclass
class Answers:
    """``taken``: seconds of each delivery that was acknowledged; ``statuses``: answers by status; ``broken``:
    connections that ended without one; ``seconds`` until the last answer; ``cpu_seconds``:
    processor time of the sender alone.
    """

    taken: list[float] = field(default_factory=list)
    statuses: dict[str, int] = field(default_factory=dict)
    broken: int = 0
    seconds: float = 0.0
    cpu_seconds: float = 0.0

    @classmethod
    def read(cls, printed: bytes) -> Self:
        return cls(**json.loads(printed))

    @property
    def acknowledged(self) -> int:
        return len(self.taken)

    @property
    def per_second(self) -> float:
        return self.acknowledged / self.seconds if self.seconds else 0.0

    def percentile(self, share: float) -> float:
        """Seconds within which this share of the acknowledged were answered."""
        ranked = sorted(self.taken)
        return ranked[min(len(ranked) - 1, int(len(ranked) * share))] if ranked else float("nan")


class Sender:
    """Sends over kept connections until the time is over, then waits for what is still to be answered."""

    def __init__(self, load: Load) -> None:
        self._load = load
        self._requests = orders.requests(load.domain, load.secret, load.mark)
        self._selector = selectors.DefaultSelector()
        # When each connection's delivery should have been sent; and what has arrived of its answer.
        self._busy: dict[socket.socket, float] = {}
        self._heads: dict[socket.socket, bytes] = {}
        self._free: deque[socket.socket] = deque()
        self._answers = Answers()

    def run(self) -> Answers:
        for _ in range(self._load.connections):
            self._connect()
        started, cpu = perf_counter(), process_time()
        end = started + self._load.seconds
        waiting: deque[float] = deque()
        sent = 0
        while (now := perf_counter()) < end or ((self._busy or waiting) and now < end + _SLOWEST_SECONDS):
            if self._load.rate:
                while now < end and (due := started + sent / self._load.rate) <= now:
                    waiting.append(due)
                    sent += 1
                while waiting and self._free:
                    self._post(self._free.popleft(), waiting.popleft())
                pause = started + sent / self._load.rate - perf_counter() if now < end else 0.05
            else:
                while self._free and now < end:
                    self._post(self._free.popleft(), perf_counter())
                pause = 0.05
            for key, _ in self._selector.select(max(0.0, pause)):
                self._read(key.fileobj)  # type: ignore[arg-type]
        self._answers.seconds = perf_counter() - started
        self._answers.cpu_seconds = process_time() - cpu
        self._answers.broken += len(self._busy) + len(waiting)
        return self._answers

    def _connect(self) -> None:
        wire = socket.create_connection(("127.0.0.1", self._load.port), timeout=_SLOWEST_SECONDS)
        wire.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _SEND_BUFFER)
        wire.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._selector.register(wire, selectors.EVENT_READ)
        self._heads[wire] = b""
        self._free.append(wire)

    def _post(self, wire: socket.socket, due: float) -> None:
        try:
            wire.sendall(next(self._requests))
        except OSError:
            self._give_up(wire)
        else:
            self._busy[wire] = due

    def _read(self, wire: socket.socket) -> None:
        try:
            piece = wire.recv(65536)
        except OSError:
            piece = b""
        if not piece:
            self._give_up(wire)
            return
        head = self._heads[wire] + piece
        # All contestants answer without a body.
        if not head.endswith(_END_OF_HEAD):
            self._heads[wire] = head
            return
        self._heads[wire] = b""
        due = self._busy.pop(wire)
        status = head[9:12].decode()
        self._answers.statuses[status] = self._answers.statuses.get(status, 0) + 1
        if status == "200":
            self._answers.taken.append(perf_counter() - due)
        self._free.append(wire)

    def _give_up(self, wire: socket.socket) -> None:
        """The other end closed it: take a new one, and count a delivery that went with it."""
        self._answers.broken += self._busy.pop(wire, None) is not None
        self._selector.unregister(wire)
        del self._heads[wire]
        wire.close()
        self._connect()


def start(load: Load) -> subprocess.Popen[bytes]:
    """A sender in a process of its own; ``Answers.read`` reads what it prints."""
    command = [sys.executable, "-m", "benchmarks.senders", json.dumps(asdict(load))]
    return subprocess.Popen(command, stdout=subprocess.PIPE)


def send(load: Load) -> Answers:
    """The same, waited for."""
    with start(load) as process:
        printed, _ = process.communicate(timeout=load.seconds + 3 * _SLOWEST_SECONDS)
    return Answers.read(printed)


if __name__ == "__main__":
    print(json.dumps(asdict(Sender(Load(**json.loads(sys.argv[1]))).run())))
