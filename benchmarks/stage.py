"""The product and both simulated platforms, as processes of their own on free ports of this machine.

The product is started as ``connector up``: its own PostgreSQL and Redis, web, one worker per queue, clock. Everything
is ended with the block, also on errors and Ctrl-C, by the process ids that were started here.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import orjson
import requests
from rq import Queue, Worker
from sqlalchemy import text

from benchmarks import cpu
from benchmarks.shoppers import Shoppers
from connector.clock import monotonic, pause
from connector.db.session import transaction
from connector.deps import Deps
from connector.install.connecting import Credentials, connect
from connector.queue.bells import QUEUES
from connector.runtime.child import end, spawn
from connector.settings import Settings

PROJECT = Path(__file__).parent.parent
APP_SECRET = "a secret of the benchmarks only"
SEED = 7
READY_SECONDS = 60.0
# What a shop saw before it was connected starts no flow: carts that are left now were changed before that.
_LONG_LIVE = text("UPDATE shops SET live_since = live_since - interval '1 day'")
# What the benchmark was started with must not decide how the product runs.
_OWN = ("CLOCK_", "WIRE_", "SHOPIFY_", "BREVO_", "DATABASE_", "REDIS_", "PUBLIC_", "CONNECTOR_SECRET", "WEB_", "PORT")


class NotReady(Exception):
    """Something of the stage did not come up; the message holds its last words."""


@dataclass
class Stage:
    """Use as a context manager. ``shops``: how many, each with an account of its own at the provider and
    ``customers``. ``wire_rate``: how much faster than real time the rate windows of both sides pass; 1 keeps the
    published limits. ``workers``: processes per queue. ``up``: the module that is ``connector up``, with its arguments.
    """

    shops: int = 1
    customers: int = 0
    wire_rate: float = 1.0
    workers: int = 1
    up: Sequence[str] = ("connector.cli", "up")
    # Settings of the product that are not as they come.
    settings: Mapping[str, str] = field(default_factory=dict)

    def __enter__(self) -> Stage:
        # pid -> name of what was started here; the product's own processes are below "up".
        self.roots: dict[int, str] = {}
        # Environment variables of the product, once they are known.
        self._product: dict[str, str] = {}
        self._processes: list[tuple[subprocess.Popen[bytes], Path]] = []
        self._running = contextlib.ExitStack()
        with self._running as starting:
            self.folder = starting.enter_context(_open_folder())
            self.http = starting.enter_context(requests.Session())
            self.opened_at = time.time() - 86400.0
            self.domains = [f"bench-{n}.myshopify.com" for n in range(1, self.shops + 1)]
            self._platforms()
            self._up()
            self._connect()
            for _ in range(self.workers - 1):
                self.add_workers()
            self._wait_for_workers()
            self._running = starting.pop_all()
        return self

    def __exit__(self, *ignored: object) -> None:
        self._running.close()

    # Starting

    def _platforms(self) -> None:
        world = {
            "seed": SEED,
            "secret": APP_SECRET,
            "customers": self.customers,
            "start": self.opened_at,
            "shops": [{"domain": domain} for domain in self.domains],
        }
        (self.folder / "world.json").write_text(json.dumps(world))
        store = self.start("store", "-m", "sandbox.store", "--port", "0", "--world", str(self.folder / "world.json"))
        provider = self.start("provider", "-m", "sandbox.provider", "--port", "0")
        ready = json.loads(self._line(store, '"ready"'))
        self.store_url, self._tokens = ready["listening"], ready["tokens"]
        self.provider_url = self._line(provider, "listening on ").split()[-1].removesuffix("/v3")
        for domain in self.domains:
            account = {"key": account_of(domain), "senders": [f"hello@{domain}"], "ecommerce": True}
            self.provider("accounts", account)

    def _up(self) -> None:
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self._product = {
            "CONNECTOR_ENV": "development",
            "PORT": str(self.port),
            "SHOPIFY_BASE_URL": f"{self.store_url}/{{shop}}",
            "BREVO_BASE_URL": f"{self.provider_url}/v3",
            "SHOPIFY_API_SECRET": APP_SECRET,
            "BACKFILL_ON_INSTALL": "false",
            **self.settings,
        }
        log = self.start("up", "-m", *self.up, cwd=self.folder, stop=(signal.SIGINT, 15.0))
        deadline = monotonic() + READY_SECONDS
        while monotonic() < deadline:
            self.check_alive()
            with contextlib.suppress(requests.RequestException):
                if self.http.get(f"{self.url}/healthz", timeout=5).status_code == 200:
                    break
            pause(0.1)
        else:
            raise NotReady(f"the product did not come up: {log.read_text(errors='replace')[-2000:]}")
        shared = json.loads((self.folder / "var" / "running.json").read_text())
        secrets = (self.folder / "var" / "secrets.env").read_text().splitlines()
        self._product |= shared | dict(line.split("=", 1) for line in secrets if "=" in line)
        self.deps = Deps.build(Settings.from_env(self._environment()), pool_size=10)
        self._running.callback(self.deps.close)

    def _connect(self) -> None:
        """``connector shop add`` for every shop, in this process."""

        def add(domain: str) -> int:
            said: list[str] = []
            given = Credentials(domain, self._tokens[domain], account_of(domain))
            shop_id = connect(self.deps, given, with_flows=True, say=said.append)
            for line in said:
                # Subscriptions may be missing: the benchmarks send the webhooks themselves.
                if line.startswith("Warning") and "subscription" not in line:
                    raise NotReady(f"{domain}: {line}")
            return shop_id

        with ThreadPoolExecutor(5) as pool:
            self.shop_ids = dict(zip(self.domains, pool.map(add, self.domains), strict=True))
        with transaction(self.deps.engine) as connection:
            connection.execute(_LONG_LIVE)

    def add_workers(self) -> None:
        """One more worker process per queue."""
        for queue in QUEUES:
            self.start(f"more-{queue}", "-m", "connector.worker", queue, cwd=self.folder, stop=(signal.SIGTERM, 3.0))

    def _wait_for_workers(self) -> None:
        """What loading them costs is no part of what is measured."""
        queues = [Queue(name, connection=self.deps.redis) for name in QUEUES]
        if not wait_for(lambda: all(Worker.count(queue=queue) >= self.workers for queue in queues), READY_SECONDS):
            raise NotReady("the workers did not come up")

    def _environment(self) -> dict[str, str]:
        inherited = {name: value for name, value in os.environ.items() if not name.startswith(_OWN)}
        fixed = {"PYTHONPATH": str(PROJECT), "PYTHONUNBUFFERED": "1", "WIRE_RATE": str(self.wire_rate)}
        return {**inherited, **fixed, **self._product}

    def start(
        self,
        name: str,
        *arguments: str,
        cwd: Path | None = None,
        stop: tuple[signal.Signals, float] = (signal.SIGINT, 2.0),
        env: Mapping[str, str] | None = None,
    ) -> Path:
        """Start a Python process, which ends with the stage; returns the file that it writes to."""
        log = self.folder / f"{name}.log"
        with log.open("ab") as output:
            command = [sys.executable, *arguments]
            whole = {**self._environment(), **(env or {})}
            process = spawn(command, on_parent_death=signal.SIGTERM, cwd=cwd, env=whole, stdout=output)
        self.roots[process.pid] = name
        self._processes.append((process, log))
        self._running.callback(end, process, stop)
        return log

    def _line(self, log: Path, wanted: str) -> str:
        deadline = monotonic() + READY_SECONDS
        while monotonic() < deadline:
            self.check_alive()
            for line in log.read_text(errors="replace").splitlines():
                if wanted in line:
                    return line
            pause(0.05)
        raise NotReady(f"never said {wanted!r}: {log.read_text(errors='replace')[-2000:]}")

    def check_alive(self) -> None:
        """Raises NotReady when a process has ended by itself."""
        for process, log in self._processes:
            if process.poll() is not None:
                raise NotReady(f"ended with {process.returncode}: {log.read_text(errors='replace')[-2000:]}")

    # What is asked of it

    def provider(self, path: str, body: Mapping[str, Any] | None = None) -> Any:
        """The provider's control interface: a body posts, none gets."""
        call = f"{self.provider_url}/_control/{path}"
        answer = self.http.get(call, timeout=60) if body is None else self.http.post(call, json=body, timeout=60)
        answer.raise_for_status()
        return orjson.loads(answer.content)

    def requests_since(self, number: int) -> tuple[list[dict[str, Any]], int]:
        """The provider's log of calls after this number, and the number to ask with next time."""
        answer = self.provider(f"log?since={number}&kind=request")
        return answer["entries"], answer["next"]

    def shoppers(self) -> list[Shoppers]:
        """The customers of every shop, as the store's process knows them."""
        return [
            Shoppers(
                domain,
                number,
                seed=SEED,
                customers=self.customers,
                store_url=self.store_url,
                opened_at=self.opened_at,
            )
            for number, domain in enumerate(self.domains, start=1)
        ]

    def health(self) -> dict[str, Any]:
        """What /healthz says."""
        return dict(self.http.get(f"{self.url}/healthz", timeout=10).json())

    def cpu(self) -> dict[str, float]:
        """Processor seconds so far, by process."""
        return cpu.used(self.roots)

    @contextlib.contextmanager
    def workers_held(self, queues: Sequence[str] = QUEUES) -> Iterator[None]:
        """Inside the block the workers of these queues stand still. Raises NotReady when one is not found."""
        found: dict[str, list[int]] = {}

        def all_are_found() -> bool:
            found.update((queue, cpu.pids_of(queue, self.roots)) for queue in queues)
            return all(len(pids) >= self.workers for pids in found.values())

        if not wait_for(all_are_found, READY_SECONDS):
            raise NotReady(f"not every worker is there: {found}")
        held = [pid for pids in found.values() for pid in pids]
        try:
            for pid in held:
                os.kill(pid, signal.SIGSTOP)
            yield
        finally:
            for pid in held:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGCONT)


def account_of(domain: str) -> str:
    """The key of the shop's account at the provider."""
    return f"key-of-{domain}"


def wait_for(done: Callable[[], bool], seconds: float, every: float = 0.1) -> bool:
    """Whether ``done`` came true within so many seconds."""
    deadline = monotonic() + seconds
    while not done():
        if monotonic() > deadline:
            return False
        pause(every)
    return True


@contextlib.contextmanager
def _open_folder() -> Iterator[Path]:
    """A folder that every account can pass, as the database server's needs to when we are root."""
    folder = Path(tempfile.mkdtemp(prefix="connector-bench-"))
    folder.chmod(0o711)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def free_port() -> int:
    """A port of this machine that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
