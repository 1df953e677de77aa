"""The simulated store as a process of its own, and a receiver for its webhooks."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import time
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import TracebackType
from typing import Any

import requests

from sandbox.clock import write_clock_file

ROOT = Path(__file__).parents[2]
SHOP = "a.myshopify.com"
OTHER_SHOP = "b.myshopify.com"
START = 1_790_000_000.0


class StoreProcess:
    """Started with `world` and stopped with the `with` block. Its business clock is a file in `folder`."""

    def __init__(self, folder: Path, world: dict[str, Any] | None = None, *flags: str) -> None:
        self.clock_file = folder / "clock"
        self.step(START)
        document = {"seed": 7, "shops": [{"domain": SHOP}, {"domain": OTHER_SHOP}]} | (world or {})
        (folder / "world.json").write_text(json.dumps(document))
        command = [
            sys.executable,
            "-m",
            "sandbox.store",
            "--port",
            "0",
            "--world",
            str(folder / "world.json"),
        ]
        env = {**os.environ, "CLOCK_FILE": str(self.clock_file)}
        with (folder / "store.err").open("wb") as errors:
            self._process = subprocess.Popen(
                [*command, *flags], cwd=ROOT, env=env, stdout=subprocess.PIPE, stderr=errors
            )
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        assert line, (folder / "store.err").read_text()
        self.ready = json.loads(line)
        self.url = self.ready["listening"]
        self.pid = self._process.pid
        self.session = requests.Session()

    def __enter__(self) -> StoreProcess:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.session.close()
        self._process.terminate()
        self._process.wait(10)
        assert self._process.stdout is not None
        self._process.stdout.close()

    def step(self, now: float) -> None:
        write_clock_file(self.clock_file, now)

    def get(self, path: str) -> Any:
        answer = self.session.get(f"{self.url}/_control/{path}", timeout=20)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def post(self, path: str, **body: Any) -> Any:
        answer = self.session.post(f"{self.url}/_control/{path}", json=body, timeout=40)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def act(self, action: str, **arguments: Any) -> Any:
        return self.post("act", action=action, **arguments)

    def settle(self) -> None:
        """Wait until nothing is left to be delivered: mutations do not wait for their webhooks as actions do."""
        end = time.monotonic() + 10
        while self.get("idle")["pending_deliveries"]:
            assert time.monotonic() < end
            time.sleep(0.005)

    def query(self, query: str, shop: str = SHOP, token: str | None = None, **variables: Any) -> requests.Response:
        return self.session.post(
            f"{self.url}/{shop}/admin/api/2026-10/graphql.json",
            json={"query": query, "variables": variables},
            headers={"X-Shopify-Access-Token": token or self.ready["tokens"][shop]},
            timeout=20,
        )

    def data(self, query: str, **variables: Any) -> Any:
        body = self.query(query, **variables).json()
        assert "errors" not in body, body
        return body["data"]


@dataclass
class Received:
    headers: dict[str, str]
    body: bytes
    status: int

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def topic(self) -> str:
        return self.headers["x-shopify-topic"]


class Receiver:
    """Takes webhooks and answers with `statuses` in turn, then 200."""

    def __init__(self) -> None:
        self.received: list[Received] = []
        self.statuses: list[int] = []
        self.connections: set[Any] = set()
        receiver = self
        lock = threading.Lock()

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"]))
                with lock:
                    status = receiver.statuses.pop(0) if receiver.statuses else 200
                    headers = {name.lower(): value for name, value in self.headers.items()}
                    receiver.received.append(Received(headers, body, status))
                    receiver.connections.add(self.client_address)
                self.send_response(status)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *ignored: Any) -> None:
                pass

        class Server(ThreadingHTTPServer):
            # The default of 5 drops connections when all senders open theirs at once.
            request_queue_size = 128
            daemon_threads = True

        self._server = Server(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}/webhooks"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)
        self._thread.start()

    def __enter__(self) -> Receiver:
        return self

    def __exit__(self, *ignored: object) -> None:
        self._server.shutdown()
        self._thread.join(5)
        self._server.server_close()

    def topics(self) -> list[str]:
        return [one.topic for one in self.received]

    def clear(self) -> None:
        self.received.clear()
        self.statuses.clear()
