"""The simulated store and provider as processes of their own, on a clock that the test steps."""

from __future__ import annotations

import json
import signal
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import requests

from connector.runtime.child import end, spawn
from sandbox.clock import write_clock_file
from tests.e2e.product import APP_SECRET, environment

# A Monday, 2026-11-02 09:00 UTC.
START = 1793610000.0
START_SECONDS = 30.0


@dataclass
class Platforms:
    """Use as a context manager. ``shops`` are domains; each has an account ``key-of-DOMAIN`` at the provider.

    ``wire_rate``: the rate windows of both sides run this much faster than real time.
    """

    folder: Path
    shops: Sequence[str]
    now: float = START
    wire_rate: float = 50.0
    session: requests.Session = field(default_factory=requests.Session)

    def __enter__(self) -> Platforms:
        self.clock_file = self.folder / "clock"
        write_clock_file(self.clock_file, self.now)
        # A store that does not give up while the receiver is being killed.
        delivery = {"retries": 40, "first_retry_seconds": 0.2, "longest_retry_seconds": 0.8}
        world = {"seed": 7, "secret": APP_SECRET, "shops": [{"domain": d} for d in self.shops], "delivery": delivery}
        (self.folder / "world.json").write_text(json.dumps(world))
        self._processes = [
            self._start("store", "sandbox.store", "--port", "0", "--world", str(self.folder / "world.json")),
            self._start("provider", "sandbox.provider", "--port", "0"),
        ]
        try:
            ready = json.loads(self._line("store", '"ready"'))
            self.store_url, self.tokens = ready["listening"], ready["tokens"]
            self.provider_url = self._line("provider", "listening on ").split()[-1].removesuffix("/v3")
            for shop in self.shops:
                self.provider("accounts", {"key": account_of(shop), "senders": [f"hello@{shop}"]})
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *ignored: object) -> None:
        self.session.close()
        for process in self._processes:
            end(process, (signal.SIGINT, 2.0))

    @property
    def store_pid(self) -> int:
        pid: int = self._processes[0].pid
        return pid

    @property
    def settings(self) -> dict[str, str]:
        """What the product needs to know of them."""
        return {
            **self._time,
            "SHOPIFY_BASE_URL": f"{self.store_url}/{{shop}}",
            "BREVO_BASE_URL": f"{self.provider_url}/v3",
        }

    @property
    def _time(self) -> dict[str, str]:
        return {"CLOCK_FILE": str(self.clock_file), "WIRE_RATE": str(self.wire_rate)}

    def pass_time(self, seconds: float) -> None:
        """Let business time pass, for everybody at once."""
        self.now += seconds
        write_clock_file(self.clock_file, self.now)

    # Their control interfaces: a body posts, none gets

    def store(self, path: str, body: Mapping[str, Any] | None = None) -> Any:
        return self._control(self.store_url, path, body)

    def provider(self, path: str, body: Mapping[str, Any] | None = None) -> Any:
        return self._control(self.provider_url, path, body)

    def act(self, action: str, shop: str, **arguments: Any) -> Any:
        """A shopper does something; nobody waits for the webhooks."""
        return self.store("act", {"action": action, "shop": shop, "wait_seconds": 0, **arguments})

    def end_faults(self) -> None:
        self.session.delete(f"{self.provider_url}/_control/faults", timeout=30).raise_for_status()

    def _control(self, url: str, path: str, body: Mapping[str, Any] | None) -> Any:
        call = f"{url}/_control/{path}"
        answer = self.session.get(call, timeout=30) if body is None else self.session.post(call, json=body, timeout=30)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def _start(self, name: str, module: str, *arguments: str) -> Any:
        with (self.folder / f"{name}.log").open("wb") as log:
            return spawn(
                [sys.executable, "-m", module, *arguments],
                on_parent_death=signal.SIGKILL,
                env=environment(**self._time),
                stdout=log,
            )

    def _line(self, name: str, wanted: str) -> str:
        log = self.folder / f"{name}.log"
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline:
            for line in log.read_text(errors="replace").splitlines():
                if wanted in line:
                    return line
            time.sleep(0.05)
        raise AssertionError(f"{name} never said {wanted!r}: {log.read_text(errors='replace')}")


def account_of(shop: str) -> str:
    """The key of the shop's account at the provider."""
    return f"key-of-{shop}"
