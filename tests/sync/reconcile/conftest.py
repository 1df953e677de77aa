from __future__ import annotations

from collections.abc import Iterator
from itertools import count
from pathlib import Path

import pytest

from tests.engine.installation import Installation, installation
from tests.sandbox.provider_process import Provider
from tests.sandbox.store_process import Receiver, StoreProcess
from tests.sync.reconcile.outage import Day

SHOPS = count(1)


@pytest.fixture(scope="package")
def process(tmp_path_factory: pytest.TempPathFactory) -> Iterator[StoreProcess]:
    shops = [{"domain": f"gap-{number}.myshopify.com"} for number in range(1, 31)]
    # What is not taken is not sent again, and bulk operations are quick.
    world = {"shops": shops, "delivery": {"retries": 0}, "bulk": {"start_seconds": 0.0, "objects_per_second": 1e6}}
    with StoreProcess(tmp_path_factory.mktemp("store"), world) as process:
        yield process


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with Receiver() as made:
        yield made


@pytest.fixture
def product(
    database_url: str, redis_url: str, tmp_path: Path, provider: Provider, process: StoreProcess, receiver: Receiver
) -> Iterator[Installation]:
    """Its public address is the receiver's."""
    url = receiver.url.removesuffix("/webhooks")
    with installation(database_url, redis_url, tmp_path, provider, process, public_url=url) as made:
        yield made


@pytest.fixture
def day(product: Installation, process: StoreProcess, receiver: Receiver) -> Day:
    """A shop of which no other test has seen anything, connected, and listened to since now."""
    return Day.begun(product, process, receiver, f"gap-{next(SHOPS)}.myshopify.com")
