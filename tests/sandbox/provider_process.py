"""The simulated provider as a process of its own, and the ways tests talk to it."""

from __future__ import annotations

import itertools
import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import orjson
import pytest
import requests

from sandbox.clock import write_clock_file

ROOT = Path(__file__).parents[2]
# Business time of the tests: a Monday, 2026-11-02 09:00:10 UTC (10:00:10 in Paris), off the ten-minute grid.
START = 1793610010.0
SENDER = "shop@example.com"
_numbers = itertools.count(1)


class Provider:
    """A running provider on a stepped clock."""

    def __init__(self, url: str, clock_file: Path) -> None:
        self.url = url
        self._clock_file = clock_file
        self._session = requests.Session()

    def control(self, method: str, path: str, body: Any = None, **query: Any) -> Any:
        answer = self._session.request(method, f"{self.url}/_control/{path}", json=body, params=query, timeout=30)
        assert answer.status_code == 200, answer.text
        return orjson.loads(answer.content)

    def set_time(self, now: float) -> None:
        write_clock_file(self._clock_file, now)

    def advance_to(self, now: float) -> int:
        """Step to `now`, let the recipients act; answers how many actions that were."""
        self.set_time(now)
        return self.control("POST", "advance")["done"]

    def log(self, kind: str, account: str) -> list[dict[str, Any]]:
        entries: list[dict[str, Any]] = self.control("GET", "log", kind=kind, account=account)["entries"]
        return entries

    def account(self, key: str | None = None, **fields: Any) -> Account:
        """A new account; by default its key is new too, so tests share a process without meeting."""
        key = key or f"key-{next(_numbers)}"
        self.control("POST", "accounts", {"key": key, "senders": [SENDER], **fields})
        return Account(self, key)


def mail(to: str) -> dict[str, Any]:
    return {
        "sender": {"email": SENDER},
        "to": [{"email": to}],
        "subject": "Hello",
        "htmlContent": "<p>Hi</p>",
    }


class Account:
    def __init__(self, provider: Provider, key: str) -> None:
        self.provider, self.key = provider, key
        self._session = requests.Session()
        self._session.headers["api-key"] = key

    def call(self, method: str, path: str, body: Any = None, **query: Any) -> requests.Response:
        return self._session.request(method, f"{self.provider.url}/v3{path}", json=body, params=query, timeout=10)

    def get(self, path: str, **query: Any) -> Any:
        answer = self.call("GET", path, **query)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def post(self, path: str, body: Any = None) -> requests.Response:
        return self.call("POST", path, body)

    def put(self, path: str, body: Any, **query: Any) -> requests.Response:
        return self.call("PUT", path, body, **query)

    def send(self, to: str = "ann@example.com", **fields: Any) -> requests.Response:
        return self.post("/smtp/email", {**mail(to), **fields})

    def fault(self, kind: str, **fields: Any) -> None:
        self.provider.control("POST", "faults", {"kind": kind, "account": self.key, **fields})

    def settings(self, **values: Any) -> None:
        self.provider.control("POST", "settings", {"account": self.key, **values})

    def log(self, kind: str) -> list[dict[str, Any]]:
        return self.provider.log(kind, self.key)

    def state(self) -> dict[str, Any]:
        return self.provider.control("GET", "state", account=self.key)["accounts"][self.key]


def running_provider(folder: Path, *arguments: str, stepped: bool = True, **environment: str) -> Iterator[Provider]:
    clock_file = folder / "clock"
    write_clock_file(clock_file, START)
    process = subprocess.Popen(
        [sys.executable, "-m", "sandbox.provider", "--port", "0", *(["--stepped"] if stepped else []), *arguments],
        cwd=ROOT,
        env={
            "PATH": os.environ["PATH"],
            "PYTHONPATH": str(ROOT),
            "PYTHONWARNINGS": "error",
            "CLOCK_FILE": str(clock_file),
            **environment,
        },
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    try:
        line = process.stdout.readline()
        address = re.search(r"http://[\d.:]+", line)
        assert address, f"the provider did not start: {line!r}"
        yield Provider(address[0], clock_file)
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        process.stdout.close()


@pytest.fixture(scope="module")
def provider(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Provider]:
    yield from running_provider(tmp_path_factory.mktemp("provider"))


@pytest.fixture
def account(provider: Provider) -> Account:
    # Tests call quicker than the general plan allows; the ones about limits say their tier.
    return provider.account(tier="extended")


class Receiver:
    """A webhook endpoint that keeps what it gets and answers as told: a status, or None to hang up.

    What is in `files`, by path, it gives away.
    """

    def __init__(self) -> None:
        self.got: list[dict[str, Any]] = []
        self.answers: list[int | None] = []
        self.files: dict[str, bytes] = {}
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                receiver.got.append({"path": self.path, "headers": self.headers, "body": body})
                answer = receiver.answers.pop(0) if receiver.answers else 200
                if answer is None:
                    self.close_connection = True
                    return
                self.send_response(answer)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def do_GET(self) -> None:
                content = receiver.files.get(self.path)
                self.send_response(404 if content is None else 200)
                self.send_header("Content-Length", str(len(content or b"")))
                self.end_headers()
                self.wfile.write(content or b"")

            def log_message(self, format: str, *args: Any) -> None:
                """Quiet."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,))
        self._thread.start()

    def bodies(self, path: str | None = None) -> list[dict[str, Any]]:
        return [orjson.loads(item["body"]) for item in self.got if path in (None, item["path"])]

    def events(self) -> list[str]:
        return [body["event"] for body in self.bodies()]

    def close(self) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    receiver = Receiver()
    yield receiver
    receiver.close()


def wait_until(true: Any, seconds: float = 15.0) -> None:
    """Machine time: other processes need a moment."""
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, "did not happen in time"
        time.sleep(0.02)
