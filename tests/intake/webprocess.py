"""The web process as it runs in production, and a client that can also speak broken HTTP to it."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import time
from pathlib import Path
from types import TracebackType
from typing import Self

import requests
from cryptography.fernet import Fernet

from connector.runtime import processes
from tests.intake.senders import SECRET

START_SECONDS = 30.0
KEY = Fernet.generate_key().decode()


class WebProcess:
    """Use as a context manager. ``target`` names the WSGI callable."""

    def __init__(
        self,
        database_url: str,
        redis_url: str,
        log: Path,
        *,
        target: str = "connector.wsgi:app",
        level: str = "DEBUG",
    ) -> None:
        self._environment = {
            "PATH": os.environ.get("PATH", ""),
            "CONNECTOR_ENV": "development",
            "DATABASE_URL": database_url,
            "REDIS_URL": redis_url,
            "SHOPIFY_API_SECRET": SECRET,
            "CONNECTOR_SECRET_KEYS": KEY,
            "LOG_LEVEL": level,
        }
        self._target = target
        self._log = log
        self.port = _free_port()
        self.session = requests.Session()

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def __enter__(self) -> Self:
        *command, _ = processes.web("127.0.0.1", self.port, workers=1).command
        with self._log.open("ab") as log:
            # A group of its own, so that kill() reaches the parent and its worker in the same moment.
            self._process = subprocess.Popen(
                [*command, self._target],
                env=self._environment,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline and self._process.poll() is None:
            with contextlib.suppress(requests.ConnectionError):
                self.session.get(f"{self.address}/healthz", timeout=5)
                return self
            time.sleep(0.05)
        self.kill()
        raise AssertionError(f"the web process did not start:\n{self.log}")

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.kill()

    @property
    def log(self) -> str:
        return self._log.read_text(errors="replace")

    def kill(self) -> None:
        """kill -9, all of it."""
        self.session.close()
        if self._process.poll() is None:
            os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()

    def raw(self, request: bytes, wait: float = 5.0) -> bytes:
        """Send these bytes and read the head of the answer."""
        with socket.create_connection(("127.0.0.1", self.port), timeout=wait) as wire:
            wire.sendall(request)
            answer = b""
            while b"\r\n\r\n" not in answer:
                more = wire.recv(65536)
                if not more:
                    break
                answer += more
            return answer


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
