from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.engine.installation import Installation, installation


@pytest.fixture
def product(database_url: str, redis_url: str, tmp_path: Path) -> Iterator[Installation]:
    """Without the platforms: what is told is told to servers of the test."""
    with installation(database_url, redis_url, tmp_path, merchant_url_loopback=True) as made:
        made.clock.hold()
        yield made
