from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.admin.office import APP_KEY, APP_SECRET, Office, furnish
from tests.engine.installation import Installation, installation
from tests.sandbox.store_process import OTHER_SHOP, SHOP


@pytest.fixture
def product(database_url: str, redis_url: str, tmp_path: Path) -> Iterator[Installation]:
    app: dict[str, Any] = {"shopify_api_key": APP_KEY, "shopify_api_secret": APP_SECRET}
    with installation(database_url, redis_url, tmp_path, **app) as made:
        yield made


@pytest.fixture
def office(product: Installation) -> Office:
    """Two shops, each with its objects; nobody hired yet."""
    return Office(product, [furnish(product, SHOP, number=1), furnish(product, OTHER_SHOP, number=2)])
