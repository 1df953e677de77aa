"""A simulated store to install in, and what it knows of our tokens."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import orjson
from cryptography.fernet import Fernet
from redis import Redis

from connector.brevo.limits import Limiter
from connector.clock import SystemClock
from connector.db.session import create_engine, transaction
from connector.deps import Deps
from connector.http import Http
from connector.install.store import arrive
from connector.secrets import Secrets
from connector.settings import Settings
from connector.shopify.cost import Budget
from connector.shops import Shop, load
from sandbox.store.apps import DEFAULT_CLIENT_ID
from sandbox.store.settings import DEFAULT_SECRET
from tests.sandbox.store_process import SHOP, StoreProcess


@dataclass
class Merchant:
    """``deps`` of a process of ours, and the store that it talks to."""

    deps: Deps
    store: StoreProcess

    def session_token(self, shop: str = SHOP, **claims: Any) -> str:
        return str(self.store.post("session_token", shop=shop, claims=claims)["id_token"])

    def installed(self) -> Shop:
        """The shop with its first pair of tokens, and active."""
        shop = arrive(self.deps, SHOP)
        self.store.post("install", shop=SHOP, open=False)
        self.deps.tokens(shop).exchange(self.session_token())
        with transaction(self.deps.engine) as connection:
            connection.exec_driver_sql("UPDATE shops SET state = 'active' WHERE id = %(id)s", {"id": shop.id})
        return self.loaded(shop.id)

    def loaded(self, shop_id: int) -> Shop:
        with transaction(self.deps.engine) as connection:
            return load(connection, shop_id)

    def told(self) -> Any:
        """Every token that the store has issued, and whether it can still be refreshed."""
        return orjson.loads(self.store.session.get(f"{self.store.url}/_control/tokens?shop={SHOP}", timeout=20).content)

    def faults(self, *faults: dict[str, Any]) -> None:
        self.store.post("token_faults", faults=list(faults))


@contextmanager
def opened(world: dict[str, Any] | None = None) -> Iterator[StoreProcess]:
    """A store without anything in it."""
    with TemporaryDirectory() as folder, StoreProcess(Path(folder), world) as store:
        yield store


@contextmanager
def merchant(store: StoreProcess, database_url: str, redis_url: str, **settings: Any) -> Iterator[Merchant]:
    """Our deps with the settings of the store's app."""
    store.post("token_faults", faults=[])
    chosen = Settings(
        environment="development",
        database_url=database_url,
        redis_url=redis_url,
        secret_keys=(Fernet.generate_key().decode(),),
        **{
            "public_url": "https://c.test",
            "shopify_api_key": DEFAULT_CLIENT_ID,
            "shopify_api_secret": DEFAULT_SECRET,
            "shopify_base_url": store.ready["base_url_template"],
            **settings,
        },
    )
    deps = built(chosen)
    try:
        yield Merchant(deps, store)
    finally:
        deps.close()


def built(settings: Settings, clock: Any = None) -> Deps:
    clock = clock or SystemClock(wire_rate=settings.wire_rate)
    redis = Redis.from_url(settings.redis_url)
    return Deps(
        settings=settings,
        engine=create_engine(settings.database_url, 2),
        redis=redis,
        clock=clock,
        http=Http(store_timeout=settings.store_timeout_seconds),
        secrets=Secrets(settings.secret_keys),
        limiter=Limiter(redis, clock),
        budget=Budget(redis, clock),
    )
