from __future__ import annotations

from collections.abc import Iterator
from itertools import count
from pathlib import Path

import pytest

from tests.engine.installation import Installation, installation
from tests.sandbox.provider_process import Provider
from tests.sandbox.store_process import StoreProcess
from tests.sync.backfill.warehouse import Warehouse

SHOPS = count(1)


@pytest.fixture(scope="package")
def process(tmp_path_factory: pytest.TempPathFactory) -> Iterator[StoreProcess]:
    shops = [{"domain": f"whole-{number}.myshopify.com"} for number in range(1, 41)]
    bulk = {"start_seconds": 0, "objects_per_second": 1e6, "window": 50, "far": 0.05}
    with StoreProcess(tmp_path_factory.mktemp("store"), {"shops": shops, "bulk": bulk}) as process:
        yield process


@pytest.fixture
def product(
    database_url: str, redis_url: str, tmp_path: Path, provider: Provider, process: StoreProcess
) -> Iterator[Installation]:
    with installation(database_url, redis_url, tmp_path, provider, process) as made:
        yield made


@pytest.fixture
def house(product: Installation, process: StoreProcess) -> Iterator[Warehouse]:
    """A shop of which no other test has seen anything, live since now, with a store that may have a past."""
    yield Warehouse.connected(product, f"whole-{next(SHOPS)}.myshopify.com")
    process.post("bulk_faults", faults=[])
