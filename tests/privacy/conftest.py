from __future__ import annotations

import io
import logging
from collections.abc import Iterator
from pathlib import Path

import pytest

from connector import logging as connector_logging
from connector.settings import Settings
from tests.engine.installation import Installation, installation
from tests.privacy.crowd import Store
from tests.sandbox.provider_process import Provider


@pytest.fixture
def store() -> Store:
    return Store()


@pytest.fixture
def product(
    database_url: str, redis_url: str, tmp_path: Path, provider: Provider, store: Store
) -> Iterator[Installation]:
    with installation(database_url, redis_url, tmp_path, provider, http=store) as made:
        yield made


@pytest.fixture
def logs() -> Iterator[io.StringIO]:
    """What this process logs meanwhile, as in production."""
    root = logging.getLogger()
    handlers, level = root.handlers, root.level
    stream = io.StringIO()
    connector_logging.setup(Settings(log_level="DEBUG"), stream)
    yield stream
    root.handlers, root.level = handlers, level
