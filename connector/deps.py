"""What a process works with, built once per process (after the fork) and passed on, never looked up."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from redis import Redis
from redis.backoff import NoBackoff
from redis.retry import Retry as RedisRetry
from sqlalchemy import Engine

from connector import crashpoints
from connector.brevo.client import BrevoAccount
from connector.brevo.credentials import ApiKey, Credential
from connector.brevo.limits import Limiter
from connector.brevo_tokens import BrevoTokens
from connector.chains import Parts
from connector.clock import Clock
from connector.db.session import create_engine, transaction
from connector.horizons import Horizons
from connector.http import Http
from connector.queue.bells import ring
from connector.scope import Scope, scoped
from connector.secrets import Secrets
from connector.settings import Settings
from connector.shopify.cost import Budget
from connector.shopify.graphql import Store
from connector.shops import Shop
from connector.tokens import ShopTokens


@dataclass(frozen=True)
class Deps:
    """Engine, Redis, clock and the doors to both platforms. ``build`` makes the real ones."""

    settings: Settings
    engine: Engine
    redis: Redis
    clock: Clock
    http: Http
    secrets: Secrets
    limiter: Limiter
    budget: Budget
    horizons: Horizons = field(default_factory=Horizons, compare=False)

    @classmethod
    def build(cls, settings: Settings, pool_size: int = 5, *, ask_first: bool = False) -> Deps:
        crashpoints.arm(settings.crash_at)
        redis = connect_redis(settings.redis_url)
        return cls(
            settings=settings,
            engine=create_engine(settings.database_url, pool_size, ask_first=ask_first),
            redis=redis,
            clock=settings.clock,
            http=Http(
                provider_timeout=settings.provider_timeout_seconds,
                store_timeout=settings.store_timeout_seconds,
            ),
            secrets=Secrets(settings.secret_keys),
            limiter=Limiter(redis, settings.clock),
            budget=Budget(redis, settings.clock),
        )

    @contextmanager
    def open(self, shop: Shop, *, quiet: bool = False, found_by: str | None = None) -> Iterator[Scope]:
        """One transaction on behalf of a shop; after its commit the bells of what was written are rung."""
        with (
            transaction(self.engine) as connection,
            scoped(connection, shop, self.clock, self.settings, quiet=quiet, found_by=found_by) as scope,
        ):
            yield scope
        crashpoints.reach("bells.committed")
        for kind in sorted(scope.bells):
            ring(self.redis, kind, shop.id)

    def brevo(self, shop: Shop) -> BrevoAccount:
        """The shop's Brevo account, whichever credential it has: a token renews itself, so never inside a transaction.

        Raises ConfigurationError when its key cannot be opened.
        """
        return BrevoAccount(
            shop.id,
            self._brevo_credential(shop),
            self.settings,
            self.http,
            self.limiter,
            tier=shop.settings["plan"],
            account=shop.brevo_account,
        )

    def brevo_tokens(self, shop: Shop) -> BrevoTokens:
        """The shop's access token at Brevo, kept and renewed. Its calls raise ActionNeeded when there is none."""
        return BrevoTokens(shop, self._parts)

    def _brevo_credential(self, shop: Shop) -> Credential:
        if shop.brevo_grant is not None:
            return self.brevo_tokens(shop)
        return ApiKey(self.secrets.decrypt(shop.id, "brevo_key", shop.brevo_key or ""))

    def store(self, shop: Shop) -> Store:
        """The shop's store, with a token that renews itself. Its calls raise ConfigurationError when the token cannot
        be opened. Never inside a transaction.
        """
        return Store(shop.domain, self.tokens(shop), self.settings, self.http, self.budget)

    def tokens(self, shop: Shop) -> ShopTokens:
        """The shop's access token, kept and renewed."""
        return ShopTokens(shop, self._parts)

    @property
    def _parts(self) -> Parts:
        return Parts(self.settings, self.engine, self.secrets, self.http, self.clock)

    def close(self) -> None:
        """Let go of all connections, for commands: a process of ours ends with them."""
        self.engine.dispose()
        self.redis.close()
        self.http.close()


def connect_redis(url: str) -> Redis:
    """A client whose every call is short: Redis only carries hints, and waiting for it would hold real work."""
    return Redis.from_url(url, socket_timeout=1.0, socket_connect_timeout=0.5, retry=RedisRetry(NoBackoff(), 1))
