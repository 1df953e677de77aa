"""A server that answers whatever a test says, keeps connections open and counts them."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass
class Answering:
    """``status``, ``body`` and ``headers`` of every answer; a ``short`` body is cut after so many bytes."""

    status: int = 200
    body: bytes = b"{}"
    headers: dict[str, str] = field(default_factory=dict)
    short: int | None = None
    paths: list[str] = field(default_factory=list)
    connections: int = 0
    url: str = ""

    def say(self, status: int, body: bytes, **headers: str) -> None:
        self.status, self.body, self.headers, self.short = status, body, headers, None
        self.paths.clear()


@contextmanager
def answering() -> Iterator[Answering]:
    known = Answering()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        # Head and body in one piece: what waits for the other side's acknowledgement costs 40 ms.
        wbufsize = -1

        def setup(self) -> None:
            super().setup()
            known.connections += 1

        def log_message(self, *_: Any) -> None:
            return

        def answer(self) -> None:
            self.rfile.read(int(self.headers.get("Content-Length") or 0))
            known.paths.append(self.path)
            self.send_response(known.status)
            for name, value in known.headers.items():
                self.send_header(name.replace("_", "-"), value)
            if known.status != 204:
                self.send_header("Content-Length", str(len(known.body)))
            self.end_headers()
            self.wfile.write(known.body if known.short is None else known.body[: known.short])
            self.close_connection = self.close_connection or known.short is not None

        do_GET = do_POST = do_PUT = do_DELETE = do_PATCH = answer

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    server.request_queue_size = 64
    threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    known.url = f"http://127.0.0.1:{server.server_port}"
    try:
        yield known
    finally:
        server.shutdown()
        server.server_close()
