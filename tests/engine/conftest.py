from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.engine.installation import ConnectedShop, Installation, installation
from tests.sandbox.provider_process import Provider
from tests.sandbox.store_process import StoreProcess


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
