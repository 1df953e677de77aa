"""The HTTP side: one thread a connection, kept alive; faults need the connection in hand."""

from __future__ import annotations

import socket
from email.utils import formatdate
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from sandbox.clock import Clock
from sandbox.provider.api import Api, Reply, Request
from sandbox.provider.platform import Platform

LARGEST_BODY = 32 * 1024 * 1024
LONGEST_LINE = 65536


class Connection(BaseHTTPRequestHandler):
    """Frameworks hide the connection, and with it the moment of the first byte and the means to cut it."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: ProviderServer
    rfile: Any

    def handle_one_request(self) -> None:
        self.close_connection = True
        try:
            if not self.rfile.peek(1):
                return
            # Before anything is read or parsed: the log's promise about when a request began to arrive.
            first_byte_at = self.server.clock.real()
            self.raw_requestline = self.rfile.readline(LONGEST_LINE + 1)
            if len(self.raw_requestline) > LONGEST_LINE:
                self.send_error(HTTPStatus.REQUEST_URI_TOO_LONG)
                return
            if not self.parse_request():
                return
            self._answer(first_byte_at)
        except (ConnectionError, TimeoutError):
            self.close_connection = True

    def _answer(self, first_byte_at: float) -> None:
        length = self.headers.get("Content-Length", "0")
        if "Transfer-Encoding" in self.headers or not length.isdigit():
            self._send(Reply(HTTPStatus.LENGTH_REQUIRED), close=True)
            return
        if int(length) > LARGEST_BODY:
            self._send(Reply(HTTPStatus.REQUEST_ENTITY_TOO_LARGE), close=True)
            return
        unread = [int(length)]

        def read() -> bytes:
            size, unread[0] = unread[0], 0
            body: bytes = self.rfile.read(size)
            if len(body) < size:
                raise ConnectionError("the caller left in the middle of the body")
            return body

        peer = self.client_address[0]
        reply = self.server.api.reply(Request(self.command, self.path, self.headers, peer, read, first_byte_at))
        self._send(reply, close=unread[0] > 0)

    def _send(self, reply: Reply, *, close: bool) -> None:
        if reply.send == "nothing":
            self._cut()
            return
        phrase = HTTPStatus(reply.status).phrase
        lines = [f"{self.protocol_version} {int(reply.status)} {phrase}"]
        lines.append(f"Date: {formatdate(self.server.clock.real(), usegmt=True)}")
        lines += [f"{name}: {value}" for name, value in reply.headers.items()]
        if reply.status != HTTPStatus.NO_CONTENT:
            lines.append(f"Content-Length: {len(reply.content)}")
        if close:
            lines.append("Connection: close")
            self.close_connection = True
        head = ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")
        if reply.send == "half":
            # An answer without a body is cut inside its head.
            whole = head + reply.content
            half = whole[: len(head) + len(reply.content) // 2] if reply.content else whole[: len(head) // 2]
            self.connection.sendall(half)
            self._cut()
            return
        self.connection.sendall(head if self.command == "HEAD" else head + reply.content)

    def _cut(self) -> None:
        self.close_connection = True
        try:
            self.connection.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass  # the caller was quicker

    def log_message(self, format: str, *args: Any) -> None:
        """The record is the log; nothing goes to the terminal."""


class ProviderServer(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 512

    def __init__(self, host: str, port: int, platform: Platform, clock: Clock) -> None:
        self.clock = clock
        self.api = Api(platform)
        super().__init__((host, port), Connection)
        platform.address = f"http://{host}:{self.server_port}"
