from __future__ import annotations

from collections.abc import Iterator

import pytest
from sqlalchemy import Connection, Engine, create_engine
from sqlalchemy.pool import NullPool


@pytest.fixture
def engine(fresh_database: str) -> Iterator[Engine]:
    made = create_engine(fresh_database, poolclass=NullPool)
    yield made
    made.dispose()


@pytest.fixture
def connection(engine: Engine) -> Iterator[Connection]:
    """A transaction that is rolled back."""
    with engine.connect() as opened:
        yield opened
