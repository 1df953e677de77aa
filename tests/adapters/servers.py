"""Small real servers that misbehave in one way each, and count what reached them."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager


class Misbehaving:
    """Accepts connections one by one and hands each to ``behave(connection, request_bytes)``."""

    def __init__(self, behave: Callable[[socket.socket, bytes], None], read: bool = True) -> None:
        self.requests: list[bytes] = []
        self._behave = behave
        self._read = read
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._listener.getsockname()[1]}"

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            with connection:
                try:
                    request = whole_request(connection) if self._read else b""
                    if request:
                        self.requests.append(request)
                        self._behave(connection, request)
                except OSError:
                    continue

    def close(self) -> None:
        self._listener.close()


def whole_request(connection: socket.socket) -> bytes:
    """Head and body: who hangs up with some of it unread has the other side's answer thrown away. A request whose body
    does not come is none."""
    connection.settimeout(3)
    data = b""
    while b"\r\n\r\n" not in data:
        piece = connection.recv(65536)
        if not piece:
            return data
        data += piece
    head, body = data.split(b"\r\n\r\n", 1)
    length = 0
    for line in head.lower().split(b"\r\n"):
        if line.startswith(b"content-length:"):
            length = int(line.split(b":")[1])
    while len(body) < length:
        piece = connection.recv(65536)
        if not piece:
            return b""
        body += piece
    return head + b"\r\n\r\n" + body


@contextmanager
def serving(behave: Callable[[socket.socket, bytes], None]) -> Iterator[Misbehaving]:
    server = Misbehaving(behave)
    try:
        yield server
    finally:
        server.close()


def answer(status: str, body: bytes = b"", *headers: str) -> Callable[[socket.socket, bytes], None]:
    """One whole answer."""
    lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", "Connection: close", *headers]
    return lambda connection, _: connection.sendall("\r\n".join(lines).encode() + b"\r\n\r\n" + body)


def cut(connection: socket.socket, _: bytes) -> None:
    """Takes the request and hangs up."""


def half(connection: socket.socket, _: bytes) -> None:
    """Promises more than it sends."""
    connection.sendall(b'HTTP/1.1 201 Created\r\nContent-Length: 100\r\n\r\n{"messageId": "<a')


def silent(connection: socket.socket, _: bytes) -> None:
    """Takes the request and says nothing for longer than any time-out of these tests."""
    time.sleep(1.5)


def drip(connection: socket.socket, _: bytes) -> None:
    """One byte at a time: every single read is in time, the whole never is."""
    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n")
    for _ in range(30):
        connection.sendall(b" ")
        time.sleep(0.1)


def flood(connection: socket.socket, _: bytes) -> None:
    """More than anybody asked for."""
    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000000\r\n\r\n")
    for _ in range(2000):
        connection.sendall(b"x" * 65536)


def closed_port() -> str:
    """An address at which nobody listens."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return f"http://127.0.0.1:{listener.getsockname()[1]}"
