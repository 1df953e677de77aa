"""The command line reads a whole store through all processes, and a worker that is killed over it costs nothing."""

from __future__ import annotations

import json
import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.platforms import Platforms, account_of
from tests.e2e.product import Product, open_folder

SHOP = "first.myshopify.com"
KINDS = ("customers", "orders", "products", "collections")
# Resident memory of a process, MiB.
MOST_MEMORY = 400.0


@pytest.fixture
def folder() -> Iterator[Path]:
    with open_folder("backfill") as made:
        yield made


def census(platforms: Platforms) -> dict[str, Any]:
    return platforms.store(f"census?shop={SHOP}")  # type: ignore[no-any-return]


def backfilled(product: Product, *options: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(
        product.command("sync", "backfill", "--shop", SHOP, "--wait", "--json", *options)
    )
    return found


def read_whole(
    folder: Path, counts: dict[str, int], *, kills: int, wire_rate: float
) -> tuple[dict[str, Any], dict[str, Any], Any]:
    """(what the first backfill came to, the second, what the store has) with workers killed meanwhile."""
    with Platforms(folder, [SHOP], wire_rate=wire_rate) as platforms:
        platforms.store("bulk", {"start_seconds": 0, "objects_per_second": 1e6})
        platforms.store("populate", {"shop": SHOP, **counts})
        # As at a merchant's: connecting begins it, and the command watches what is under way.
        with Product(folder / "product", {**platforms.settings, "BACKFILL_ON_INSTALL": "true"}) as product:
            product.connect(SHOP, token=platforms.tokens[SHOP], brevo_key=account_of(SHOP))
            if kills:
                _kill_over_it(product, kills)
            first = backfilled(product)
            second = backfilled(product, "--no-brevo")
            return first, second, census(platforms)


def _kill_over_it(product: Product, kills: int) -> None:
    """kill -9 of the process that reads the store, ten times on the way."""
    product.command("sync", "backfill", "--shop", SHOP)
    for _ in range(kills):
        time.sleep(1.5)
        (living,) = [one for one in product.living() if one.name == "bulk"]
        os.kill(living.pid, signal.SIGKILL)


def check(first: dict[str, Any], second: dict[str, Any], there: Any) -> None:
    for kind in KINDS:
        counts = first["counts"][kind]
        assert counts["store"] == counts["created"] == there[kind]["count"], (kind, counts)
        assert counts["failed"] == 0
    assert first["state"] == "done" and first["untold"] == 0
    calls = first["admin_calls"]
    assert calls["total"] - calls["polling"] - calls["pages"] <= 60
    assert max(first["peak_memory_mb"].values()) < MOST_MEMORY, first["peak_memory_mb"]
    assert first["estimate"]["seconds"] > 0 and first["truth"]["seconds"] > 0
    assert second["changes"] == 0 and second["state"] == "done"


@pytest.mark.timeout(180)
def test_a_store_of_twenty_thousand_customers(folder: Path) -> None:
    counts = {"customers": 20_000, "orders": 2_000, "products": 200, "collections": 20, "abandoned_checkouts": 50}
    first, second, there = read_whole(folder, counts, kills=0, wire_rate=2000.0)
    print(json.dumps(first, indent=1))
    check(first, second, there)


@pytest.mark.long
@pytest.mark.alone
@pytest.mark.timeout(1800)
def test_a_store_of_a_hundred_thousand_customers_read_by_workers_that_are_killed(folder: Path) -> None:
    counts = {
        "customers": 100_000, "orders": 250_000, "products": 20_000, "collections": 100, "abandoned_checkouts": 1_000,
    }  # fmt: skip
    first, second, there = read_whole(folder, counts, kills=10, wire_rate=400.0)
    print(json.dumps(first, indent=1))
    check(first, second, there)
