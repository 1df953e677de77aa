"""The whole product on servers of its own, made so that anything of it can die at any moment and often."""

from __future__ import annotations

import contextlib
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import psycopg
import redis as redis_client
from cryptography.fernet import Fernet
from sqlalchemy import text

from connector.db.migrate import upgrade
from connector.db.session import create_engine, transaction
from connector.errors import InvalidInput
from connector.install import survey
from connector.runtime import postgres, redis
from connector.scope import Scope
from connector.settings import Settings
from connector.shops import by_domain, change_settings
from flows.definition_files import compile_texts, read_folder
from flows.engine import arming
from flows.engine.publish import publish
from sync import backfill
from sync.coupons import pools
from sync.privacy import Named, exports, requests
from sync.reruns import What, start
from tests.e2e.nursery import Nursery
from tests.e2e.platforms import Platforms, account_of
from tests.e2e.product import APP_SECRET, environment
from tests.runtime.conftest import PROJECT, find_free_port
from tests.services import hurry

# Short leases, so that a test need not wait for them; everything else in proportion.
SHORT = {
    "PROVIDER_TIMEOUT_SECONDS": "0.8",
    "STORE_TIMEOUT_SECONDS": "1",
    "DELIVERY_LEASE_SECONDS": "1.5",
    "UNKNOWN_SETTLE_SECONDS": "1.5",
    "RETRY_SECONDS": "0.2,0.4,0.8" + ",1" * 60,
    "CONTACT_COALESCE_SECONDS": "0.2",
    "FETCH_COALESCE_SECONDS": "0.2",
    # Whoever is told of again by a sync goes by import.
    "IMPORT_AFTER_SECONDS": "0",
    "LOG_LEVEL": "WARNING",
}


CODES = """
flow: codes
name: Codes
trigger: {on: newsletter_subscribed}
steps:
  - coupon: {as: hello, percent: 10, valid: 30d}
"""

ROUND = """
flow: round
name: Round
trigger: {{on: schedule, every: day, at: "{at:%H:%M}"}}
reentry: always
steps:
  - end: seen
"""

# In one look, because work moves from one of these to the other: what of now waits for nothing but somebody to do it,
# what is leased or unknown or is to be tried again, and what the provider is to be told.
_WORK = """
    SELECT EXISTS (SELECT 1 FROM inbox WHERE state = 'new' OR (state = 'retry' AND retry_real <= clock_timestamp()))
        OR EXISTS (SELECT 1 FROM fetches WHERE state = 'due' AND due_real <= clock_timestamp())
        OR EXISTS (SELECT 1 FROM person_work WHERE pending)
        OR EXISTS (SELECT 1 FROM timers WHERE due_at <= %(now)s)
        OR EXISTS (SELECT 1 FROM schedules WHERE due_at <= %(now)s)
        OR EXISTS (SELECT 1 FROM outbox WHERE state = 'due' AND due_at <= %(now)s),
        EXISTS (SELECT 1 FROM outbox WHERE state = 'leased'),
        EXISTS (SELECT 1 FROM inbox WHERE state = 'retry')
        OR EXISTS (SELECT 1 FROM fetches WHERE state IN ('due', 'leased'))
        OR EXISTS (SELECT 1 FROM outbox WHERE state = 'unknown')
        OR EXISTS (SELECT 1 FROM sync_runs WHERE state IN ('queued', 'running', 'stopping'))
        OR EXISTS (SELECT 1 FROM backfills WHERE state IN ('queued', 'running', 'stopping'))
        OR EXISTS (SELECT 1 FROM privacy_requests WHERE state IN ('due', 'leased'))
        OR EXISTS (SELECT 1 FROM coupon_pools WHERE state = 'due')
        OR EXISTS (SELECT 1 FROM brevo_surveys WHERE state = 'due'),
        EXISTS (SELECT 1 FROM sync_state WHERE state IN ('due', 'leased', 'gathering', 'importing'))
        OR EXISTS (SELECT 1 FROM feed WHERE state IN ('due', 'leased'))
"""


_LEFT = """
    SELECT 'inbox', state, count(*), min(retry_real) FROM inbox WHERE state IN ('new', 'retry') GROUP BY state
    UNION ALL SELECT 'fetches', state, count(*), min(due_real) FROM fetches
        WHERE state IN ('due', 'leased') GROUP BY state
    UNION ALL SELECT 'outbox', state, count(*), min(due_at) FROM outbox
        WHERE state IN ('due', 'leased', 'unknown') GROUP BY state
    UNION ALL SELECT entity, state, count(*), min(due_real) FROM sync_state
        WHERE state IN ('due', 'leased', 'gathering', 'importing') GROUP BY entity, state
    UNION ALL SELECT 'feed', state, count(*), min(due_real) FROM feed WHERE state IN ('due', 'leased') GROUP BY state
"""


class Crashable:
    """Use as a context manager; no process of the product runs until ``nursery.start`` is called."""

    def __init__(self, folder: Path, platforms: Platforms, settings: Mapping[str, str] = SHORT) -> None:
        self.platforms = platforms
        self._folder = folder
        self._settings = settings
        self._running = contextlib.ExitStack()
        self._local = threading.local()
        self._connections: list[psycopg.Connection] = []

    def __enter__(self) -> Crashable:
        with contextlib.ExitStack() as running:
            self.postgres = postgres.start(self._folder)
            running.callback(self.postgres.stop)
            hurry(self.postgres)
            self.redis = redis.start(self._folder)
            running.callback(self.redis.stop)
            upgrade(self.postgres.url)
            port = find_free_port()
            self.url = f"http://127.0.0.1:{port}"
            settings = environment(
                CONNECTOR_ENV="development",
                DATABASE_URL=self.postgres.url,
                REDIS_URL=self.redis.url,
                CONNECTOR_SECRET_KEYS=Fernet.generate_key().decode(),
                SHOPIFY_API_SECRET=APP_SECRET,
                # What a store had before is read where a test is about that.
                BACKFILL_ON_INSTALL="false",
                PORT=str(port),
                **self.platforms.settings,
                **self._settings,
            )
            self.nursery = running.enter_context(Nursery(settings, port, self._folder / "nursery.log"))
            self._running = running.pop_all()
        return self

    def __exit__(self, *ignored: object) -> None:
        for connection in self._connections:
            connection.close()
        self._running.close()

    def connect(self, shops: Sequence[str]) -> None:
        """``connector shop add`` for each."""
        for shop in shops:
            secrets = {"SHOPIFY_TOKEN": self.platforms.tokens[shop], "BREVO_KEY": account_of(shop)}
            self.nursery.run("shop", "add", shop, **secrets)

    def restrain(self, shop: str, cap: Mapping[str, int], quiet_hours: Mapping[str, str]) -> None:
        """The shop's frequency cap and quiet hours; its welcome no longer brings a plan of its own."""
        welcome = read_folder(PROJECT / "flows" / "library" / "welcome")
        text = (PROJECT / "flows" / "library" / "welcome" / "flow.yaml").read_text(encoding="utf-8")
        limited = compile_texts(text.replace("cap: own", "cap: count"), welcome.texts, "flow.yaml")
        engine = create_engine(self.postgres.url)
        with transaction(engine) as connection:
            ((shop_id,),) = self.rows("SELECT id FROM shops WHERE domain = %s", (shop,))
            change_settings(connection, shop_id, {"marketing_cap": cap, "quiet_hours": quiet_hours})
            publish(connection, shop_id, limited, datetime.fromtimestamp(self.platforms.now, UTC), status="active")
        engine.dispose()

    def give_codes(self, shop: str) -> None:
        """Who subscribes is given a discount code, of which no message tells."""
        engine = create_engine(self.postgres.url)
        with transaction(engine) as connection:
            ((shop_id,),) = self.rows("SELECT id FROM shops WHERE domain = %s", (shop,))
            now = datetime.fromtimestamp(self.platforms.now, UTC)
            publish(connection, shop_id, compile_texts(CODES, {}, "flow.yaml"), now, status="active")
        engine.dispose()

    def come_round(self, shop: str) -> None:
        """In half an hour everybody enters a flow that does nothing."""
        engine = create_engine(self.postgres.url)
        now = datetime.fromtimestamp(self.platforms.now, UTC)
        with transaction(engine) as connection:
            known = by_domain(connection, shop)
            assert known is not None
            at = (now + timedelta(minutes=30)).astimezone(ZoneInfo(known.timezone))
            publish(connection, known.id, compile_texts(ROUND.format(at=at), {}, "flow.yaml"), now, status="active")
        engine.dispose()

    def keep_codes(self, shop: str, number: int) -> None:
        """Staff want a collection of codes at the provider, another one each time."""
        engine = create_engine(self.postgres.url)
        now = datetime.fromtimestamp(self.platforms.now, UTC)
        with transaction(engine) as connection:
            known = by_domain(connection, shop)
            assert known is not None
            scope = Scope(connection, known, now, datetime.now(UTC), Settings())
            terms = pools.terms_of(10, None, None)
            wanted = {"size": 3, "collection": f"Story {number}", "fallback": "ASK"}
            pools.keep(scope, f"brevo-story-{number}", terms=terms, **wanted)
        engine.dispose()

    def sync_again(self, shop: str) -> None:
        """Staff ask for syncs of the catalogue and of the customers, unless one is under way."""
        engine = create_engine(self.postgres.url)
        now = datetime.fromtimestamp(self.platforms.now, UTC)
        for entity in ("products", "contact"):
            with contextlib.suppress(InvalidInput), transaction(engine) as connection:
                known = by_domain(connection, shop)
                assert known is not None
                scope = Scope(connection, known, now, datetime.now(UTC), Settings())
                start(scope, What(entity, since=now - timedelta(days=365)), by="staff:1")
        engine.dispose()

    def backfill_again(self, shop: str) -> None:
        """Staff have the whole store read, unless it is."""
        engine = create_engine(self.postgres.url)
        now = datetime.fromtimestamp(self.platforms.now, UTC)
        with contextlib.suppress(InvalidInput), transaction(engine) as connection:
            known = by_domain(connection, shop)
            assert known is not None
            backfill.start(Scope(connection, known, now, datetime.now(UTC), Settings()), by="staff:1")
        engine.dispose()

    def arm_again(self, shop: str) -> None:
        """Staff arm the clocks of the carts that are open, unless they are at it."""
        engine = create_engine(self.postgres.url)
        now = datetime.fromtimestamp(self.platforms.now, UTC)
        with contextlib.suppress(InvalidInput), transaction(engine) as connection:
            known = by_domain(connection, shop)
            assert known is not None
            scope = Scope(connection, known, now, datetime.now(UTC), Settings())
            arming.start(scope, arming.Choice("checkout_abandoned"), by="staff:1")
        engine.dispose()

    def survey_again(self, shop: str) -> None:
        """Staff ask for what has changed at the provider."""
        engine = create_engine(self.postgres.url)
        now = datetime.fromtimestamp(self.platforms.now, UTC)
        with transaction(engine) as connection:
            known = by_domain(connection, shop)
            assert known is not None
            survey.ask(connection, known.id, known.brevo_account, now, datetime.now(UTC))
        engine.dispose()

    def look_again(self, shop: str) -> None:
        """What staff should know is looked for at once."""
        with psycopg.connect(self.postgres.dsn, autocommit=True) as connection:
            connection.execute(
                "UPDATE alert_looks SET due_real = '2000-01-01' FROM shops"
                " WHERE shops.id = alert_looks.shop_id AND shops.domain = %s", (shop,),
            )  # fmt: skip

    def hand_out(self, shop: str) -> None:
        """Staff ask for what is stored of the newest customer, unless nobody is known."""
        engine = create_engine(self.postgres.url)
        now = datetime.fromtimestamp(self.platforms.now, UTC)
        with contextlib.suppress(InvalidInput), transaction(engine) as connection:
            known = by_domain(connection, shop)
            assert known is not None
            newest = connection.scalar(text("SELECT max(id) FROM persons WHERE shop_id = :shop"), {"shop": known.id})
            exports.ask(Scope(connection, known, now, datetime.now(UTC), Settings()), newest or 0)
        engine.dispose()

    def erase_nobody(self, shop: str, customer_id: int) -> None:
        """Staff ask that a customer be erased of whom nothing is held, here and at the provider."""
        engine = create_engine(self.postgres.url)
        now = datetime.fromtimestamp(self.platforms.now, UTC)
        with transaction(engine) as connection:
            known = by_domain(connection, shop)
            assert known is not None
            scope = Scope(connection, known, now, datetime.now(UTC), Settings())
            requests.ask(scope, "redact", Named(customer_id), reference=str(customer_id), source="staff")
        engine.dispose()

    # What is asked of it

    def rows(self, query: str, values: Any = ()) -> list[tuple[Any, ...]]:
        """Committed rows. A database that is just being started is waited for."""
        deadline = time.monotonic() + 20
        while True:
            try:
                return self._connection().execute(query, values).fetchall()
            except psycopg.OperationalError:
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.02)

    def _connection(self) -> psycopg.Connection:
        made: psycopg.Connection | None = getattr(self._local, "connection", None)
        if made is None or made.closed:
            made = psycopg.connect(self.postgres.dsn, autocommit=True)
            self._local.connection = made
            self._connections.append(made)
        return made

    @property
    def log(self) -> str:
        """The last that its processes have said."""
        return self.nursery.log[-3000:]

    def emails(self) -> int:
        """How many it says it has sent."""
        return int(self.rows("SELECT count(*) FROM outbox WHERE state = 'sent'")[0][0])

    def done(self) -> bool:
        """Whether nothing of now waits to be done and no message is leased to anybody."""
        due, leased, *_ = self._work()
        return not (due or leased)

    def idle(self) -> bool:
        """Whether nothing at all is left to be done, and nothing to be told to the provider."""
        return not any(self._work())

    def _work(self) -> tuple[bool, ...]:
        if self.platforms.store("idle")["pending_deliveries"]:
            return (True, True, True, True)
        return self.rows(_WORK, {"now": datetime.fromtimestamp(self.platforms.now, UTC)})[0]

    def _left(self) -> list[tuple[Any, ...]]:
        """(table, state, rows, the next due) of what is not done."""
        return self.rows(_LEFT)

    def wait_until(self, done: Callable[[], bool], seconds: float) -> None:
        deadline = time.monotonic() + seconds
        while not done():
            assert time.monotonic() < deadline, f"not {done.__name__} after {seconds:.0f} s: {self._left()}\n{self.log}"
            # Asking costs all that is asked some milliseconds.
            time.sleep(0.1)

    # What is done to it

    def flush_redis(self) -> None:
        """FLUSHALL: every bell, every limit."""
        with contextlib.closing(redis_client.Redis.from_url(self.redis.url)) as client:
            client.flushall()


@contextlib.contextmanager
def frozen(pid: int) -> Iterator[None]:
    """Inside the block the process does not run. It may have been killed when the block ends."""
    os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGCONT)
