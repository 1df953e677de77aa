from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.doctor.patient import Patient, healthy
from tests.sandbox.provider_process import Provider
from tests.sandbox.store_process import StoreProcess


@pytest.fixture
def patient(
    database_url: str, redis_url: str, tmp_path: Path, provider: Provider, store: StoreProcess
) -> Iterator[Patient]:
    with healthy(database_url, redis_url, tmp_path, provider, store) as made:
        yield made
