from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from sqlalchemy import Engine, create_engine
from sqlalchemy.pool import NullPool
from werkzeug.test import Client
from werkzeug.wrappers import Response

from connector.settings import Settings
from tests.intake.senders import OLD_SECRET, SECRET, Counted
from tests.intake.webprocess import WebProcess
from webhooks import intake
from webhooks.ringer import Ringer
from webhooks.topics import TOPICS
from webhooks.writer import Writer


@pytest.fixture
def engine(database_url: str) -> Iterator[Engine]:
    """For what the tests themselves write and look up."""
    made = create_engine(database_url, poolclass=NullPool)
    yield made
    made.dispose()


@pytest.fixture
def counted() -> Counted:
    return Counted()


@pytest.fixture
def rung() -> list[tuple[str, int]]:
    """Which bells were rung."""
    return []


@pytest.fixture
def settings(database_url: str) -> Settings:
    return Settings(
        environment="development",
        database_url=database_url,
        shopify_api_secret=SECRET,
        shopify_api_secret_old=OLD_SECRET,
    )


@pytest.fixture
def start_intake(counted: Counted, rung: list[tuple[str, int]]) -> Iterator[Callable[[Settings], intake.Intake]]:
    """Builds the intake on other settings than the usual ones."""
    started: list[intake.Intake] = []

    def ring(kind: str, shop_id: int) -> bool:
        rung.append((kind, shop_id))
        return True

    def start(settings: Settings) -> intake.Intake:
        ringer = Ringer(ring, counted)
        ringer.start()
        writer = Writer(settings.database_url, settings.intake_timeout_seconds, counted)
        writer.start()
        rest = Response("somewhere else", status=404)
        built = intake.build(
            settings,
            topics=TOPICS,
            # Shops' own secrets are stored as "sealed:<secret>" here.
            decrypt=lambda shop_id, token: token.removeprefix("sealed:") if token.startswith("sealed:") else 1 / 0,
            writer=writer,
            ringer=ringer,
            counts=counted,
            rest=rest,
        )
        started.append(built)
        return built

    yield start
    for each in started:
        each.stop()


@pytest.fixture
def client(settings: Settings, start_intake: Callable[[Settings], intake.Intake]) -> Client:
    """Talks WSGI to the intake, on the real database."""
    return Client(start_intake(settings))


@pytest.fixture
def web(database_url: str, redis_url: str, tmp_path: Path) -> Iterator[WebProcess]:
    """The real web process: granian with one worker."""
    with WebProcess(database_url, redis_url, tmp_path / "web.log") as process:
        yield process
