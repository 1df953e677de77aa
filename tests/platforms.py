"""The simulated platforms: one of each for all tests of a process, which have accounts and shops of their own."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.sandbox.provider_process import Provider, running_provider
from tests.sandbox.store_process import StoreProcess


@pytest.fixture(scope="session")
def provider(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Provider]:
    """Each shop has an account of its own there."""
    yield from running_provider(tmp_path_factory.mktemp("provider"))


@pytest.fixture(scope="session")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[StoreProcess]:
    """Shoppers who act in it have addresses of their own."""
    with StoreProcess(tmp_path_factory.mktemp("store")) as process:
        yield process
