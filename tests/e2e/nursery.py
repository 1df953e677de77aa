"""The product's processes as forks of one that has loaded everything: started, watched and killed by a test."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from connector.runtime.processes import everything

START_SECONDS = 30.0
# What `connector up` runs.
NAMES = tuple(process.name for process in everything("", 0, 1))


@dataclass(frozen=True)
class Death:
    """``order``: the crash point at which it was to die, "" for none; ``status``: negative for a signal; ``at``: when
    it was heard of (monotonic)."""

    name: str
    pid: int
    order: str
    status: int
    at: float


class Nursery:
    """Use as a context manager. ``environment`` is the whole environment of the product's processes."""

    def __init__(self, environment: Mapping[str, str], port: int, log: Path) -> None:
        self._environment = environment
        self._port = port
        self._log = log
        self.living: dict[str, int] = {}
        self.deaths: list[Death] = []
        self._ran: list[int] = []
        self._heard = threading.Condition()

    def __enter__(self) -> Nursery:
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "tests.e2e.nursery_process", str(self._port)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                env=self._environment,
            )
        assert self._process.stdout
        ready = self._process.stdout.readline()
        assert ready, self.log
        self._listener = threading.Thread(target=self._listen, daemon=True)
        self._listener.start()
        return self

    def __exit__(self, *ignored: object) -> None:
        assert self._process.stdin and self._process.stdout
        # Its end of file tells it to end; the kernel ends its children with it.
        with contextlib.suppress(BrokenPipeError):
            self._process.stdin.close()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(5)
        self._process.kill()
        self._process.wait()
        self._listener.join(5)
        self._process.stdout.close()

    @property
    def log(self) -> str:
        return self._log.read_text(errors="replace")

    def start(
        self, names: Sequence[str] = NAMES, orders: Mapping[str, Sequence[str]] | None = None, careless: str = ""
    ) -> None:
        """``orders``: process -> where its incarnations are to die, one after the other; the next lives.

        ``careless``: the way in which workers are, see ``tests/e2e/careless.py``.
        """
        for name in names:
            self._tell(do="start", name=name, orders=list((orders or {}).get(name, ())), careless=careless)
        self.wait_for(lambda: set(names) <= set(self.living), "processes that were started")

    def retire(self, name: str) -> None:
        """Kill this process and do not replace it."""
        self._tell(do="retire", name=name)
        self.wait_for(lambda: name not in self.living, f"the end of {name}")

    def kill(self, name: str) -> int:
        """kill -9; returns the pid."""
        pid = self.living[name]
        os.kill(pid, signal.SIGKILL)
        return pid

    def run(self, *arguments: str, **environment: str) -> None:
        """One command of ``connector``; the test fails when it does."""
        before = len(self._ran)
        self._tell(do="run", arguments=list(arguments), environment=environment)
        self.wait_for(lambda: len(self._ran) > before, " ".join(arguments))
        assert self._ran[-1] == 0, self.log

    def wait_for(self, what: Callable[[], object], name: str, seconds: float = START_SECONDS) -> None:
        deadline = time.monotonic() + seconds
        with self._heard:
            while not what():
                assert self._heard.wait(deadline - time.monotonic()), f"{name}: not within {seconds} s\n{self.log}"

    def by_itself(self) -> Counter[tuple[str, int]]:
        """Who ended without being killed: (process, exit status) -> how often."""
        return Counter((one.name, one.status) for one in self.deaths if one.status != -signal.SIGKILL)

    def _tell(self, **command: Any) -> None:
        assert self._process.stdin
        self._process.stdin.write(json.dumps(command).encode() + b"\n")
        self._process.stdin.flush()

    def _listen(self) -> None:
        assert self._process.stdout
        for line in self._process.stdout:
            told = json.loads(line)
            with self._heard:
                if "born" in told:
                    self.living[told["born"]] = told["pid"]
                elif "died" in told:
                    self.living.pop(told["died"], None)
                    self.deaths.append(
                        Death(told["died"], told["pid"], told["order"], told["status"], time.monotonic())
                    )
                else:
                    self._ran.append(told["status"])
                self._heard.notify_all()
