from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.engine.installation import ConnectedShop, Installation, installation
from tests.sandbox.provider_process import Provider, running_provider
from tests.sandbox.store_process import StoreProcess


@pytest.fixture(scope="session")
def provider(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Provider]:
    """One for all tests: each shop has an account of its own there."""
    yield from running_provider(tmp_path_factory.mktemp("provider"))


@pytest.fixture(scope="session")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[StoreProcess]:
    """One for all tests: shoppers who act in it have addresses of their own."""
    with StoreProcess(tmp_path_factory.mktemp("store")) as process:
        yield process


@pytest.fixture
def product(
    database_url: str, redis_url: str, tmp_path: Path, provider: Provider, store: StoreProcess
) -> Iterator[Installation]:
    with installation(database_url, redis_url, tmp_path, provider, store) as made:
        yield made


@pytest.fixture
def shop(product: Installation) -> ConnectedShop:
    """A shop with the shipped flows active."""
    return product.connect()
