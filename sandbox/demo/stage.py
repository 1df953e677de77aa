"""The stage: the product and both simulated platforms as processes of their own, on one clock."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import tomllib
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from http import HTTPStatus
from pathlib import Path
from typing import Any

import httpx

from sandbox.clock import Clock, write_clock_file
from sandbox.store.apps import DEFAULT_CLIENT_ID

SHOPS = ("north-sea-supply.myshopify.com", "alpine-goods.myshopify.com")
# This one installs the app from its admin; the other is connected with a token by the command line.
INSTALLING = SHOPS[0]
APP_SECRET = "a secret of the demo only"
# Of the staff of the demo, who sign in on this machine only.
PASSWORD = "walk through the demo"
# Of the library, beside those that a shop begins with.
LIBRARY = Path("flows/library")
PUBLISHED = ("post-purchase", "win-back")
SETTINGS = {
    "address": "Harbour Street 1, 20457 Hamburg, Germany",
    "offers": {
        "welcome": {"code": "HELLO15", "percent": 15, "expires_days": 9},
        # Without a code: each person gets one of their own.
        "cart": {"percent": 10},
    },
    "sms": {"sender": "Demo"},
}
READY_SECONDS = 60.0
STOP_SECONDS = 20.0
# The platforms' rate windows and ours run this much faster than real time, like the days of the demo do.
WIRE_RATE = 400.0
REAL = Clock()


class NotReady(Exception):
    """A process of the stage did not come up; the message says which and where its output is."""


@dataclass
class Stage:
    """Addresses and processes. ``http`` is for calls to all of them."""

    folder: Path
    clock_file: Path
    env: dict[str, str]
    http: httpx.Client
    store_url: str = ""
    provider_url: str = ""
    product_url: str = ""
    tokens: dict[str, str] = field(default_factory=dict)
    processes: list[tuple[str, subprocess.Popen[bytes]]] = field(default_factory=list)

    def start(self, name: str, *command: str, cwd: Path | None = None, env: Mapping[str, str] | None = None) -> Path:
        """Start a process in a group of its own; its output goes to the returned file."""
        log = self.folder / f"{name}.log"
        with log.open("ab") as output:
            process = subprocess.Popen(
                command,
                stdout=output,
                stderr=subprocess.STDOUT,
                cwd=cwd,
                env={**self.env, **(env or {})},
                start_new_session=True,
            )
        self.processes.append((name, process))
        return log

    def stop(self) -> None:
        """End everything, the last started first, and wait for it."""
        for _, process in reversed(self.processes):
            if process.poll() is None:
                process.send_signal(signal.SIGINT)
            try:
                process.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()
        self.processes.clear()

    def end(self, name: str) -> None:
        """End this process and wait for it."""
        (process,) = (process for called, process in self.processes if called == name)
        process.send_signal(signal.SIGINT)
        process.wait(STOP_SECONDS)
        self.processes = [(called, one) for called, one in self.processes if called != name]

    def raise_product(self) -> None:
        """Start the product where it was, and wait until it answers. Raises NotReady."""
        log = self.start("up", *_connector("up"), cwd=self.folder / "product")
        end = REAL.real() + READY_SECONDS
        while REAL.real() < end:
            self.check_alive()
            with contextlib.suppress(httpx.HTTPError):
                if self.http.get(f"{self.product_url}/healthz", timeout=5.0).status_code == 200:
                    return
            REAL.pause(0.1)
        raise NotReady(f"the product was not ready within {READY_SECONDS:.0f} s; see {log}")

    def check_alive(self) -> None:
        """Raises NotReady when a process has ended by itself."""
        for name, process in self.processes:
            if process.poll() is not None:
                raise NotReady(f"{name} ended with status {process.returncode}; see {self.folder / name}.log")

    def get(self, url: str, **params: Any) -> Any:
        answer = self.http.get(url, params=params)
        answer.raise_for_status()
        return answer.json()

    def post(self, url: str, body: Mapping[str, Any] | None = None) -> Any:
        answer = self.http.post(url, json=dict(body or {}))
        answer.raise_for_status()
        return answer.json()


@contextlib.contextmanager
def raised(folder: Path, *, start: float, days: int, shoppers: int, seed: int) -> Iterator[Stage]:
    """Both platforms and the product, connected, at business time ``start``; all of it is ended afterwards."""
    folder.mkdir(parents=True, exist_ok=True)
    clock_file = folder.resolve() / "clock"
    write_clock_file(clock_file, start)
    env = {
        **{k: v for k, v in os.environ.items() if not k.startswith(("CLOCK_", "SHOPIFY_", "BREVO_"))},
        "CLOCK_FILE": str(clock_file),
        "WIRE_RATE": str(WIRE_RATE),
        "PYTHONUNBUFFERED": "1",
        # The stage runs from wherever it was started, the product from a folder of its own.
        "PYTHONPATH": os.pathsep.join([str(Path.cwd()), os.environ.get("PYTHONPATH", "")]),
    }
    stage = Stage(folder, clock_file, env, httpx.Client(timeout=90.0))
    try:
        _platforms(stage, start=start, days=days, shoppers=shoppers, seed=seed)
        _product(stage)
        with ThreadPoolExecutor() as pool:
            for connected in [pool.submit(_connect, stage, shop, f"demo-key-{n}") for n, shop in enumerate(SHOPS)]:
                connected.result()
        yield stage
    finally:
        stage.stop()
        stage.http.close()


def _platforms(stage: Stage, *, start: float, days: int, shoppers: int, seed: int) -> None:
    store_log = stage.start(
        "store",
        *(sys.executable, "-m", "sandbox.store", "--port", "0", "--shops", ",".join(SHOPS)),
        *("--shoppers", str(shoppers), "--days", str(days), "--seed", str(seed), "--start", str(start)),
        *("--secret", APP_SECRET),
    )
    provider_log = stage.start("provider", sys.executable, "-m", "sandbox.provider", "--port", "0", "--stepped")
    ready = json.loads(_line(stage, store_log, '"ready"'))
    stage.store_url, stage.tokens = ready["listening"], ready["tokens"]
    stage.provider_url = _line(stage, provider_log, "listening on ").split()[-1].removesuffix("/v3")
    for number, shop in enumerate(SHOPS):
        name = shop.partition(".")[0].replace("-", " ").title()
        sender = {"email": f"hello@{shop.partition('.')[0]}.example", "name": name, "active": True}
        stage.post(f"{stage.provider_url}/_control/accounts", {"key": f"demo-key-{number}", "senders": [sender]})
    behaviour = {"opens": 0.45, "clicks": 0.25, "unsubscribes": 0.02, "seed": seed, "delivery_seconds": 0}
    stage.post(f"{stage.provider_url}/_control/settings", behaviour)


def _product(stage: Stage) -> None:
    port = _free_port()
    stage.product_url = f"http://127.0.0.1:{port}"
    stage.env |= {
        "BACKFILL_ON_INSTALL": "false",
        "CONNECTOR_ENV": "development",
        "PORT": str(port),
        "SHOPIFY_BASE_URL": f"{stage.store_url}/{{shop}}",
        "BREVO_BASE_URL": f"{stage.provider_url}/v3",
        "SHOPIFY_API_KEY": DEFAULT_CLIENT_ID,
        "SHOPIFY_API_SECRET": APP_SECRET,
        "WEB_WORKERS": "1",
    }
    (stage.folder / "product").mkdir(exist_ok=True)
    stage.raise_product()


def _connect(stage: Stage, shop: str, brevo_key: str) -> None:
    if shop == INSTALLING:
        _install(stage, shop)
        said = run_product(stage, "shop", "brevo", shop, env={"BREVO_KEY": brevo_key})
    else:
        secrets = {"SHOPIFY_TOKEN": stage.tokens[shop], "BREVO_KEY": brevo_key}
        said = run_product(stage, "shop", "add", shop, env=secrets)
    (stage.folder / f"connected-{shop}.log").write_text(said)
    file = stage.folder / f"settings-{shop}.json"
    file.write_text(json.dumps(SETTINGS))
    run_product(stage, "shop", "settings", shop, str(file.resolve()))
    for flow in PUBLISHED:
        run_product(stage, "flows", "publish", str((LIBRARY / flow).resolve()), "--shop", shop)


def hire(stage: Stage, *roles: str) -> None:
    """Let one of each of these roles sign in to the admin: ROLE@demo.example with PASSWORD."""
    for role in roles:
        run_product(stage, "staff", "add", staff_of(role), "--role", role, "--password-stdin", said=f"{PASSWORD}\n")


def staff_of(role: str) -> str:
    """Their address."""
    return f"{role}@demo.example"


def _install(stage: Stage, shop: str) -> None:
    """The app's configuration is deployed, and the merchant opens the app in the admin. Raises NotReady."""
    configuration = tomllib.loads(run_product(stage, "app", "toml"))
    for one in configuration["webhooks"]["subscriptions"]:
        topics = one.get("topics") or one["compliance_topics"]
        stage.post(f"{stage.store_url}/_control/subscribe", {"uri": one["uri"], "topics": topics, "shops": [shop]})
    asked = {"shop": shop, "app_url": configuration["application_url"]}
    opened = stage.post(f"{stage.store_url}/_control/install", asked)["opened"]
    first = opened["steps"][0]["status"]
    if first != HTTPStatus.SEE_OTHER:
        raise NotReady(f"the app was not installed in {shop}: it answered {first}: {opened['text']}")


def run_product(stage: Stage, *arguments: str, env: Mapping[str, str] | None = None, said: str | None = None) -> str:
    """What the product's command line says; ``said``: its input. Raises NotReady when it fails."""
    done = subprocess.run(
        _connector(*arguments),
        cwd=stage.folder / "product",
        env={**stage.env, **(env or {})},
        input=said,
        capture_output=True,
        text=True,
    )
    if done.returncode:
        raise NotReady(f"connector {' '.join(arguments)} failed: {done.stderr.strip() or done.stdout.strip()}")
    return done.stdout


def _connector(*arguments: str) -> tuple[str, ...]:
    return (sys.executable, "-m", "connector.cli", *arguments)


def _line(stage: Stage, log: Path, wanted: str) -> str:
    """The first line of this log that contains ``wanted``, waited for."""
    end = REAL.real() + READY_SECONDS
    while REAL.real() < end:
        stage.check_alive()
        for line in log.read_text(errors="replace").splitlines():
            if wanted in line:
                return line
        REAL.pause(0.05)
    raise NotReady(f"{log} never said {wanted!r}")


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
