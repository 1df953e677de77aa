"""``connector doctor`` beside all processes as they run: well, and with one of them held still."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.platforms import Platforms, account_of
from tests.e2e.product import Product, open_folder

SHOP = "a.myshopify.com"
# Machine seconds until every process has shown itself.
PATIENCE = 60.0


@pytest.fixture
def folder() -> Iterator[Path]:
    with open_folder("doctor") as made:
        yield made


def ask(product: Product, *arguments: str) -> tuple[int, dict[str, str]]:
    """The exit code, and {check: what it says} of what is not well."""
    command = [sys.executable, "-m", "connector.cli", "doctor", "--json", *arguments]
    done = subprocess.run(command, cwd=product.folder, env=product._environment, capture_output=True, text=True)
    answer: dict[str, Any] = json.loads(done.stdout)
    return done.returncode, {one["check"]: one["says"] for one in answer["findings"] if one["level"] != "ok"}


@pytest.mark.long
@pytest.mark.alone
def test_a_running_installation_is_well_and_a_process_that_is_held_still_is_missed(folder: Path) -> None:
    with Platforms(folder, [SHOP]) as platforms, Product(folder / "product", platforms.settings) as product:
        product.connect(SHOP, token=platforms.tokens[SHOP], brevo_key=account_of(SHOP))
        deadline = time.monotonic() + PATIENCE
        while (told := ask(product)) != (0, {}) and time.monotonic() < deadline:
            time.sleep(0.5)
        assert told == (0, {})

        web = [one.pid for one in product.living() if one.name.startswith("web")]
        for pid in web:
            os.kill(pid, signal.SIGSTOP)
        try:
            code, found = ask(product, "--no-platforms")
        finally:
            for pid in web:
                os.kill(pid, signal.SIGCONT)
        assert (code, set(found)) == (2, {"web"}) and "No web process answers" in found["web"]
