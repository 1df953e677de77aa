"""A shop with people on a real database, a clock that a test sets, and a Brevo that answers as the test says."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid5

import httpx
import orjson
from cryptography.fernet import Fernet
from redis import Redis
from sqlalchemy import Connection, insert, select, update

from connector import eventlog, shops
from connector.brevo.limits import Limiter
from connector.db.session import transaction
from connector.deps import Deps
from connector.eventlog import Fact
from connector.http import Http, guarded_client
from connector.models.currency import account_currencies
from connector.models.person import consent_ledger, consents, persons
from connector.models.shop import shops as shops_table
from connector.models.sync import feed, sync_state
from connector.scope import Scope, scoped
from connector.secrets import Secrets
from connector.settings import Settings
from connector.shopify.cost import Budget
from connector.shops import Shop
from flows.core.permission import OWN
from sync.wishes import wish
from tests.databases import engine_of

NOON = datetime(2026, 11, 1, 12, 0, tzinfo=UTC)
SPACE = UUID("11111111-1111-1111-1111-111111111111")


@dataclass
class HandClock:
    """Machine and wire time move together, by hand; business time stands still."""

    rate: float = 1.0
    at: datetime = NOON

    def now(self) -> datetime:
        return NOON

    def machine(self) -> datetime:
        return self.at

    def wire(self) -> float:
        return self.at.timestamp()

    def pass_seconds(self, seconds: float) -> None:
        self.at += timedelta(seconds=seconds)


@dataclass
class FakeBrevo:
    """Records requests; ``answer`` may be replaced. By default contacts are created and events accepted."""

    requests: list[httpx.Request] = field(default_factory=list)
    answer: Callable[[httpx.Request], httpx.Response | None] = lambda _: None

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        given = self.answer(request)
        if given is not None:
            return given
        return httpx.Response(201, json={"id": 1}) if request.url.path == "/v3/contacts" else httpx.Response(204)

    def bodies(self, path: str = "/v3/contacts") -> list[dict[str, Any]]:
        return [orjson.loads(one.content) for one in self.requests if one.url.path == path and one.content]


@dataclass
class World:
    deps: Deps
    shop: Shop
    clock: Any
    brevo: FakeBrevo

    @contextmanager
    def transaction(self) -> Iterator[Connection]:
        with transaction(self.deps.engine) as connection:
            yield connection

    def person(self, number: int, **values: Any) -> int:
        row = {
            "shop_id": self.shop.id,
            "seed": uuid5(SPACE, str(number)),
            "email": f"p{number}@x.test",
            "customer_id": 1000 + number,
            "tags": [],
            "orders_count": 0,
            "total_spent": 0,
            "version": 1,
            "created_at": NOON,
            **values,
        }
        with self.transaction() as connection:
            return int(connection.execute(insert(persons).values(row).returning(persons.c.id)).scalar_one())

    def change(self, person_id: int, **values: Any) -> int:
        """A change that Brevo should see, as normalising makes it: profile, version and wish together."""
        with self.transaction() as connection:
            version = connection.execute(
                update(persons)
                .where(persons.c.shop_id == self.shop.id, persons.c.id == person_id)
                .values(version=persons.c.version + 1, **values)
                .returning(persons.c.version)
            ).scalar_one()
            with self.scope(connection) as scope:
                wish(scope, "contact", person_id, version)
        return int(version)

    def wish(self, person_id: int, version: int = 1) -> None:
        with self.transaction() as connection, self.scope(connection) as scope:
            wish(scope, "contact", person_id, version)

    def scope(self, connection: Connection, shop: Shop | None = None) -> AbstractContextManager[Scope]:
        """What every write of this transaction shares."""
        return scoped(connection, shop or self.shop, self.clock, self.deps.settings)

    def consent(self, person_id: int, channel: str, state: str) -> None:
        row = {"shop_id": self.shop.id, "person_id": person_id, "channel": channel, "state": state}
        row["purpose"] = OWN[channel]
        with self.transaction() as connection:
            connection.execute(insert(consents).values(**row, source="test", evidence_at=NOON))

    def opted_out(self, person_id: int, channel: str) -> None:
        """An opt-out in the ledger, whatever the person said later."""
        row = {"shop_id": self.shop.id, "person_id": person_id, "channel": channel, "state": "unsubscribed"}
        at = {"evidence_at": NOON - timedelta(days=1), "recorded_at": NOON, "purpose": OWN[channel]}
        with self.transaction() as connection:
            connection.execute(insert(consent_ledger).values(**row, **at, source="test", verdict="applied"))

    def happened(self, person_id: int, name: str, number: int) -> None:
        """Something that Brevo is told of under the same name, as the event log writes it."""
        mapped = replace(self.shop, raw_settings={"event_mapping": {name: {"as": name, "properties": ["number"]}}})
        fact = Fact(name, f"{person_id}:{number}", NOON, f"test:{number}", person_id, props={"number": number})
        with self.transaction() as connection, self.scope(connection, mapped) as scope:
            eventlog.append_decided(scope, [fact])

    def state(self, entity_id: int, entity: str = "contact") -> Any:
        with self.transaction() as connection:
            return connection.execute(
                select(sync_state).where(
                    sync_state.c.shop_id == self.shop.id,
                    sync_state.c.entity == entity,
                    sync_state.c.entity_id == entity_id,
                )
            ).one()

    def fed(self) -> list[Any]:
        with self.transaction() as connection:
            return list(connection.execute(select(feed).where(feed.c.shop_id == self.shop.id).order_by(feed.c.id)))


@contextmanager
def world(
    database_url: str, redis_url: str, clock: Any = None, *, brevo: FakeBrevo | None = None, **settings: Any
) -> Iterator[World]:
    clock = clock or HandClock()
    chosen = Settings(
        environment="development",
        database_url=database_url,
        redis_url=redis_url,
        secret_keys=(Fernet.generate_key().decode(),),
        **{"brevo_base_url": "http://brevo.test/v3", "bulk_gather_seconds": 0.0, **settings},
    )
    engine = engine_of(database_url, 4)
    redis = Redis.from_url(redis_url)
    brevo = brevo or FakeBrevo()
    http = Http(provider=guarded_client(5, httpx.MockTransport(brevo)))
    secrets = Secrets(chosen.secret_keys)
    deps = Deps(
        settings=chosen,
        engine=engine,
        redis=redis,
        clock=clock,
        http=http,
        secrets=secrets,
        limiter=Limiter(redis, clock),
        budget=Budget(redis, clock),
    )
    with transaction(engine) as connection:
        shop_id = shops.add(
            connection,
            "one.myshopify.com",
            {
                "name": "One", "state": "active", "sender_email": "s@x.test", "sender_name": "One",
                "timezone": "UTC", "currency": "EUR", "salt": b"s", "settings": {"country": "US"},
                "brevo_webhook_digest": "",
            },
            NOON,
        )  # fmt: skip
        connection.execute(
            update(shops_table)
            .where(shops_table.c.id == shop_id)
            .values(brevo_key=secrets.encrypt(shop_id, "brevo_key", "key-1"))
        )
        connection.execute(
            insert(account_currencies).values(shop_id=shop_id, currency="EUR", asked_real=clock.machine())
        )
        shop = shops.load(connection, shop_id)
    try:
        yield World(deps, shop, clock, brevo)
    finally:
        redis.close()
