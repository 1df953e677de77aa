from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

import pytest
from cryptography.fernet import Fernet
from flask.testing import FlaskClient
from redis import Redis
from sqlalchemy import Engine, text

from connector.app import create_app
from connector.settings import Settings
from tests.databases import engine_of

KEYS = (Fernet.generate_key().decode(), Fernet.generate_key().decode())


@pytest.fixture
def settings(database_url: str, redis_url: str) -> Settings:
    return Settings(
        environment="development",
        database_url=database_url,
        redis_url=redis_url,
        public_url="https://shop.example",
        secret_keys=KEYS,
    )


@pytest.fixture
def engine(settings: Settings) -> Engine:
    return engine_of(settings.database_url, 5)


@pytest.fixture
def redis(redis_url: str) -> Iterator[Redis]:
    with Redis.from_url(redis_url) as client:
        yield client


@pytest.fixture
def rung() -> list[tuple[str, int]]:
    return []


@pytest.fixture
def client(settings: Settings, engine: Engine, redis: Redis, rung: list[tuple[str, int]]) -> FlaskClient:
    app = create_app(settings, engine, redis, ring=lambda kind, shop_id: rung.append((kind, shop_id)))
    return app.test_client()


@pytest.fixture
def client_at(settings: Settings, engine: Engine, redis: Redis) -> Callable[..., FlaskClient]:
    """A client of an application with other settings."""
    return lambda **changes: create_app(replace(settings, **changes), engine, redis).test_client()


@pytest.fixture
def shop_id(engine: Engine) -> int:
    with engine.begin() as connection:
        return int(
            connection.execute(
                text(
                    "INSERT INTO shops (domain, name, state, sender_email, sender_name, timezone, currency, salt,"
                    " settings, brevo_webhook_digest, created_at) VALUES ('demo-a.myshopify.com',"
                    " 'Tea & <b>Co</b>', 'active', 'shop@example.com', 'Tea', 'UTC', 'EUR', 'salt', '{}', '',"
                    " '2026-01-01T00:00:00Z') RETURNING id"
                )
            ).scalar_one()
        )
