from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from sync import attributes
from sync.mapping import contact
from tests.engine.installation import ConnectedShop, Installation, installation
from tests.sandbox.provider_process import Provider, running_provider


@pytest.fixture(scope="session")
def provider(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Provider]:
    yield from running_provider(tmp_path_factory.mktemp("provider"))


@pytest.fixture
def product(database_url: str, redis_url: str, tmp_path: Path, provider: Provider) -> Iterator[Installation]:
    """Whatever is gathered goes by import."""
    with installation(database_url, redis_url, tmp_path, provider, import_after_seconds=0.0) as made:
        yield made


@pytest.fixture
def shop(product: Installation) -> ConnectedShop:
    connected = product.connect(flows=[])
    attributes.ensure(connected.deps.brevo(connected.shop), contact.attributes({}))
    return connected
