from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.api.teller import Teller, teller_of
from tests.engine.installation import ConnectedShop, Installation, installation


@pytest.fixture
def product(database_url: str, redis_url: str, tmp_path: Path) -> Iterator[Installation]:
    with installation(database_url, redis_url, tmp_path, api_events_per_minute=200) as made:
        yield made


@pytest.fixture
def shop(product: Installation) -> ConnectedShop:
    return product.connect(flows=[])


@pytest.fixture
def teller(shop: ConnectedShop) -> Teller:
    return teller_of(shop)
