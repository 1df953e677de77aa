"""The product as ``connector up``: started, asked, and its processes hurt one by one."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psycopg
import requests

from benchmarks.cpu import part_of
from connector.runtime.child import end, spawn
from tests.runtime.conftest import PROJECT, find_free_port

READY_SECONDS = 60.0
APP_SECRET = "a secret of the tests only"
# How ``connector up`` is started; the others change one thing about it before they do.
PLAIN = "from connector.cli.processes import up; up([])"
QUICK_RESTARTS = f"""
from connector.runtime import supervisor
supervisor.FIRST_PAUSE = supervisor.LONGEST_PAUSE = 0.1
{PLAIN}
"""
# What the test itself was started with must not decide how the product runs.
_OWN = ("CLOCK_", "WIRE_", "SHOPIFY_", "BREVO_", "DATABASE_", "REDIS_", "PUBLIC_", "CONNECTOR_SECRET", "PYTEST_")


@dataclass(frozen=True)
class Living:
    """A living process of the product."""

    name: str
    pid: int

    @property
    def ready(self) -> bool:
        """Whether it has loaded itself and speaks with somebody: until then it has no socket."""
        try:
            return any(os.readlink(held).startswith("socket:") for held in Path(f"/proc/{self.pid}/fd").iterdir())
        except OSError:
            return False


@contextlib.contextmanager
def open_folder(prefix: str) -> Iterator[Path]:
    """A folder that every account can pass, as the database server's needs to when we are root."""
    folder = Path(tempfile.mkdtemp(prefix=f"connector-{prefix}-"))
    folder.chmod(0o711)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def environment(**more: str) -> dict[str, str]:
    """Ours without what belongs to the product, with ``more``."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(_OWN)}
    return {**inherited, "PYTHONPATH": str(PROJECT), "PYTHONUNBUFFERED": "1", **more}


@dataclass
class Product:
    """Use as a context manager. ``settings`` are environment variables; ``script`` starts it."""

    folder: Path
    settings: Mapping[str, str]
    script: str = PLAIN
    port: int = field(default_factory=find_free_port)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def log(self) -> str:
        return (self.folder / "up.log").read_text(errors="replace")

    def __enter__(self) -> Product:
        self.folder.mkdir(parents=True, exist_ok=True)
        self._environment = environment(
            CONNECTOR_ENV="development",
            PORT=str(self.port),
            SHOPIFY_API_SECRET=APP_SECRET,
            WEB_WORKERS="1",
            # What a store had before is read where a test is about that.
            **{"BACKFILL_ON_INSTALL": "false", **self.settings},
        )
        self.session = requests.Session()
        with (self.folder / "up.log").open("wb") as log:
            command = [sys.executable, "-c", self.script]
            self._process = spawn(
                command, on_parent_death=signal.SIGTERM, cwd=self.folder, env=self._environment, stdout=log
            )
        try:
            self._wait_until_ready()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *ignored: object) -> None:
        self.session.close()
        end(self._process, (signal.SIGINT, 15.0))

    def _wait_until_ready(self) -> None:
        deadline = time.monotonic() + READY_SECONDS
        while time.monotonic() < deadline and self._process.poll() is None:
            with contextlib.suppress(requests.RequestException):
                if self.session.get(f"{self.url}/healthz", timeout=5).status_code == 200:
                    return
            time.sleep(0.1)
        raise AssertionError(f"the product did not come up:\n{self.log[-4000:]}")

    def command(self, *arguments: str, **secrets: str) -> str:
        """What the command line says; the test fails when it does."""
        done = subprocess.run(
            [sys.executable, "-m", "connector.cli", *arguments],
            cwd=self.folder,
            env={**self._environment, **secrets},
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def connect(self, shop: str, *, token: str, brevo_key: str) -> str:
        """``connector shop add``."""
        return self.command("shop", "add", shop, SHOPIFY_TOKEN=token, BREVO_KEY=brevo_key)

    def shared(self, name: str) -> str:
        """A setting that it decided itself, for example DATABASE_URL."""
        decided: dict[str, str] = json.loads((self.folder / "var" / "running.json").read_text())
        return decided[name]

    # What is asked of it

    def rows(self, query: str) -> list[tuple[Any, ...]]:
        with psycopg.connect(self.shared("DATABASE_URL").replace("+psycopg", "")) as connection:
            return connection.execute(query).fetchall()

    def work(self) -> dict[str, Any]:
        """``busy``: something of now is to be done; ``telling``: the provider is to be told something."""
        answer = self.session.get(f"{self.url}/development/work", timeout=10)
        answer.raise_for_status()
        found: dict[str, Any] = answer.json()
        return found

    def wait_until_idle(self, seconds: float, *, told: bool = False) -> None:
        """Until nothing is to be done now; with ``told`` also nothing to be told to the provider."""
        deadline = time.monotonic() + seconds
        work: object = None
        while time.monotonic() < deadline:
            with contextlib.suppress(requests.RequestException):
                work = now = self.work()
                if not now["busy"] and not (told and now["telling"]):
                    return
            time.sleep(0.05)
        raise AssertionError(f"not idle after {seconds:.0f} s: {work}\n{self.log[-3000:]}")

    # What is done to it

    def living(self) -> list[Living]:
        """Its processes that are alive now; ``web worker`` is the one that the web server started."""
        parents, commands = _process_table()
        found = []
        for pid, parent in parents.items():
            name = part_of(commands[pid])
            if parent == self._process.pid and name:
                found.append(Living(name, pid))
            elif parents.get(parent) == self._process.pid and part_of(commands.get(parent, "")) == "web" and name:
                found.append(Living("web worker", pid))
        return found

    def pid_of(self, name: str, seconds: float = 20.0) -> int:
        """Of a process that is alive, or is so again within ``seconds``."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            for one in self.living():
                if one.name == name:
                    return one.pid
            time.sleep(0.1)
        raise AssertionError(f"no {name} among {self.living()}:\n{self.log[-4000:]}")


def _process_table() -> tuple[dict[int, int], dict[int, str]]:
    """pid -> parent, and command line."""
    parents, commands = {}, {}
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        try:
            # The name in brackets may hold anything, blanks too.
            fields = (entry / "stat").read_text().rpartition(")")[2].split()
            command = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
        except OSError:
            continue
        parents[int(entry.name)], commands[int(entry.name)] = int(fields[1]), command
    return parents, commands


def leftovers(folder: Path) -> dict[int, str]:
    """Living processes that name ``folder`` in their command line, environment or working folder."""
    found = {}
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit() or int(entry.name) == os.getpid():
            continue
        with contextlib.suppress(OSError):
            command = (entry / "cmdline").read_bytes()
            named = command + (entry / "environ").read_bytes() + os.fsencode(os.readlink(entry / "cwd"))
            if os.fsencode(folder) in named:
                found[int(entry.name)] = command.replace(b"\0", b" ").decode(errors="replace")
    return found
