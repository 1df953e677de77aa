"""The product in one process on its real parts, with a clock that the test holds.

PostgreSQL and Redis are real, the provider and the store are the simulated ones in processes of their own. What is
due is answered here instead of by workers: ``settle`` answers the bells that the sweeper would ring, through the
same ``connector.worker.work``. What was sent is counted at the provider. Nothing here ends a transaction with ROLLBACK:
with each psycopg forgets what it has prepared, and planning is half of what the database does in a test.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from importlib.resources import files
from itertools import count
from pathlib import Path
from typing import Any

import orjson
from cryptography.fernet import Fernet
from flask.testing import FlaskClient
from redis import Redis
from sqlalchemy import Connection, Table, select, text, update
from sqlalchemy.dialects.postgresql import insert

from connector import shops, sweep, worker
from connector.app import create_app
from connector.brevo.limits import Limiter
from connector.clock import Clock, monotonic, pause
from connector.db import partitions
from connector.db.session import autocommitted, transaction
from connector.deps import Deps
from connector.http import Http
from connector.models.alert import alert_looks
from connector.models.analytics import figure_passes
from connector.models.currency import account_currencies
from connector.models.outbox import outbox
from connector.models.reconcile import reconcile_passes
from connector.models.report import report_passes
from connector.models.shop import shops as shops_table
from connector.scope import Scope
from connector.secrets import Secrets
from connector.settings import Settings
from connector.shopify.cost import Budget
from connector.shops import Shop
from flows.definition_files import FlowFolder, compile_texts, read_folder
from flows.engine.publish import FROM_THE_START, publish
from sandbox.clock import write_clock_file
from sync.reconcile import looks as reconciling
from sync.reports.passes import CHANNELS
from tests.databases import engine_of, writer_of
from tests.sandbox.provider_process import SENDER, Account, Provider
from tests.sandbox.store_process import SHOP, StoreProcess
from webhooks import brevo_entries
from webhooks.topics import TOPICS
from webhooks.writer import InboxRow, Writer

# A Monday, 09:00:10 UTC: off every grid.
START = datetime(2026, 11, 2, 9, 0, 10, tzinfo=UTC)
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
# More rounds than this do not settle anything.
_ROUNDS = 60
# Port 9 of this machine: nobody listens there.
NOBODY = "http://127.0.0.1:9"
_webhook_numbers = count(1)


@cache
def _of_library(name: str) -> FlowFolder:
    # Reading it takes longer than all else that connecting a shop does.
    return read_folder(Path(str(files("flows.library") / name)))


class HandClock:
    """Business time is what the test wrote into the clock file; the others are real plus what was skipped."""

    rate = 0.0

    def __init__(self, stepped: Clock) -> None:
        self._stepped = stepped
        self._held: tuple[datetime, float] | None = None
        self.skipped = timedelta(0)

    def hold(self) -> None:
        """From now on nothing passes but what is skipped, however long the machine takes."""
        self._held = self._stepped.machine(), self._stepped.wire()

    def now(self) -> datetime:
        return self._stepped.now()

    def machine(self) -> datetime:
        return (self._held[0] if self._held else self._stepped.machine()) + self.skipped

    def wire(self) -> float:
        # The limits' windows end with the leases and back-offs that are skipped.
        return (self._held[1] if self._held else self._stepped.wire()) + self.skipped.total_seconds()


@dataclass
class Installation:
    """``connect`` shops, ``deliver`` what the platforms send, ``settle`` or ``play_to`` a moment, then look."""

    deps: Deps
    clock: HandClock
    writer: Writer
    provider: Provider | None
    store: StoreProcess | None

    # Time

    @property
    def now(self) -> datetime:
        return self.clock.now()

    def at(self, moment: datetime) -> None:
        """Business time, for the product and both platforms."""
        stamp = moment.timestamp()
        write_clock_file(Path(self.deps.settings.clock_file), stamp)
        if self.provider is not None:
            self.provider.set_time(stamp)
        if self.store is not None:
            self.store.step(stamp)

    def skip(self, seconds: float) -> None:
        """Machine time: leases, back-off, patience."""
        self.clock.skipped += timedelta(seconds=seconds)

    # Work

    def due(self) -> list[tuple[str, int]]:
        # Asked several times in each test, and planning it takes twenty times as long as answering it. On a connection
        # of its own, because psycopg forgets prepared statements with every rollback.
        with transaction(engine_of(self.deps.settings.database_url, 1)) as connection:
            connection.execute(text("SET LOCAL plan_cache_mode = force_generic_plan"))
            due = sweep.due(connection, self.clock)
        return [(kind, shop_id) for kind, shop_ids in due.items() for shop_id in shop_ids]

    def settle(self, *kinds: str) -> None:
        """Answer bells until nothing is due; with ``kinds``, until nothing of these kinds is."""
        before = None
        for number in range(_ROUNDS):
            due = [bell for bell in self.due() if not kinds or bell[0] in kinds]
            if not due:
                return
            if due == before and number > 3:
                # What waits for a platform's limit needs a moment, as between two looks of the sweeper.
                pause(0.1)
            before = due
            for kind, shop_id in due:
                while worker.work(self.deps, kind, shop_id):
                    pass
        raise AssertionError(f"still due after {_ROUNDS} rounds: {due}")

    def play_to(self, moment: datetime) -> None:
        """Step from one due moment to the next, as time would pass them, and settle at each and at the end.

        What a busy machine made fail is tried again before business time goes on.
        """
        self._settle_patiently()
        while (due := self._next_due()) is not None and due < moment:
            self.at(due)
            self._settle_patiently()
        self.at(moment)
        self._settle_patiently()

    def _settle_patiently(self) -> None:
        self.settle()
        for _ in range(_ROUNDS):
            if not self._waiting_for_machine_time():
                return
            self.skip(30)
            self.settle()
        raise AssertionError("something is tried again and again")

    def _waiting_for_machine_time(self) -> bool:
        query = text(
            "SELECT EXISTS (SELECT 1 FROM outbox"
            " WHERE (state = 'due' AND due_at <= :now) OR state IN ('leased', 'unknown'))"
            " OR EXISTS (SELECT 1 FROM inbox WHERE state = 'retry')"
            " OR EXISTS (SELECT 1 FROM fetches WHERE state IN ('due', 'leased'))"
            # What is to be told in days only (a reminder) waits for nothing now.
            " OR EXISTS (SELECT 1 FROM sync_state WHERE state IN ('due', 'leased') AND due_real < :soon)"
            " OR EXISTS (SELECT 1 FROM sync_state WHERE state IN ('gathering', 'importing'))"
        )
        with autocommitted(self.deps.engine) as connection:
            return bool(connection.scalar(query, {"now": self.now, "soon": self.clock.machine() + HOUR}))

    def play(self, span: timedelta) -> None:
        self.play_to(self.now + span)

    def _next_due(self) -> datetime | None:
        query = text(
            "SELECT least((SELECT min(due_at) FROM timers WHERE due_at > :now),"
            " (SELECT min(due_at) FROM schedules WHERE due_at > :now),"
            " (SELECT min(due_at) FROM outbox WHERE state = 'due' AND due_at > :now))"
        )
        with autocommitted(self.deps.engine) as connection:
            return connection.scalar(query, {"now": self.now})

    # Shops

    def connect(
        self,
        domain: str = SHOP,
        *,
        flows: Iterable[str] | None = None,
        looks: bool = False,
        brevo: Mapping[str, Any] | None = None,
        **settings: Any,
    ) -> ConnectedShop:
        """Connect a shop of the simulated store with a provider account of its own and the shipped ``flows``.

        ``looks``: what was not told is looked for by itself, at the store and at the provider, the catalogue at once;
        without it only where a test asks. ``brevo``: what the account there has.
        """
        account = self.provider.account(**{"tier": "extended", **(brevo or {})}) if self.provider else None
        secrets = {
            "brevo_key": account.key if account else "brevo-key",
            "shopify_token": self.store.ready["tokens"][domain] if self.store else "store-token",
        }
        with transaction(self.deps.engine) as connection:
            values = {
                "name": domain.partition(".")[0].title(), "state": "active", "sender_email": SENDER,
                "sender_name": "The shop", "timezone": "UTC", "currency": "EUR", "salt": b"salt",
                # The rules of people without a country; and without a store nobody is there to be told.
                "settings": {
                    "plan": "extended", "country": "US", "consent_to_store": self.store is not None, **settings,
                },
                "brevo_webhook_digest": "",
            }  # fmt: skip
            shop_id = shops.add(connection, domain, values, self.now)
            sealed = {kind: self.deps.secrets.encrypt(shop_id, kind, text) for kind, text in secrets.items()}
            connection.execute(update(shops_table).where(shops_table.c.id == shop_id).values(**sealed))
            shown = {"currency": values["currency"], "asked_real": self.clock.machine()}
            connection.execute(insert(account_currencies).values(shop_id=shop_id, **shown).on_conflict_do_nothing())
            connected = ConnectedShop(self, shops.load(connection, shop_id), account)
        if not looks:
            self._look_for_nothing(connected)
        for name in FROM_THE_START if flows is None else flows:
            connected.activate(_of_library(name))
        return connected

    def _look_for_nothing(self, shop: ConnectedShop) -> None:
        never = self.now + 3650 * DAY
        with shop.scope() as scope:
            reconciling.prepare(scope)
            scope.connection.execute(
                update(reconcile_passes).where(reconcile_passes.c.shop_id == shop.id).values(due_at=never)
            )
            passes = {"shop_id": shop.id, "attempts": 0, "place": 0, "rows_read": 0, "found": {}, "since": self.now}
            rows = [{**passes, "channel": one, "due_at": never, "finished_at": self.now} for one in CHANNELS]
            scope.connection.execute(insert(report_passes).values(rows).on_conflict_do_nothing())
            # Whoever is about figures has them counted (tests/analytics).
            count = {"shop_id": shop.id, "due_real": self.clock.machine() + 3650 * DAY}
            scope.connection.execute(insert(figure_passes).values(count).on_conflict_do_nothing())
            look = {"shop_id": shop.id, "due_real": self.clock.machine() + 3650 * DAY, "counted": 0}
            scope.connection.execute(insert(alert_looks).values(look).on_conflict_do_nothing())

    def browser(self) -> FlaskClient:
        """Somebody at the public pages."""
        return create_app(self.deps.settings, self.deps.engine, self.deps.redis).test_client()


@dataclass
class ConnectedShop:
    """One shop of the installation: what arrives for it, what its tables and its provider account hold."""

    installation: Installation
    shop: Shop
    _account: Account | None

    @property
    def id(self) -> int:
        return self.shop.id

    @property
    def deps(self) -> Deps:
        return self.installation.deps

    @property
    def account(self) -> Account:
        assert self._account is not None, "this installation has no provider"
        return self._account

    def deliver(
        self, topic: str, body: Mapping[str, Any] | bytes, *, webhook_id: str | None = None, source: str = "shopify"
    ) -> None:
        """Store a delivery as the intake does."""
        raw = body if isinstance(body, bytes) else orjson.dumps(body)
        known = TOPICS.get((source, topic))
        stops = source == "brevo" and any(brevo_entries.may_stop(one) for one in brevo_entries.objects(raw))
        row = InboxRow(
            shop_id=self.id,
            source=source,
            external_id=webhook_id or f"webhook-{next(_webhook_numbers)}",
            topic=topic,
            lane="commerce" if stops else known.lane if known else "other",
            raw=raw,
            headers={"triggered_at": self.installation.now.isoformat()},
            received_at=self.installation.now,
            received_real=self.installation.clock.machine(),
        )
        self.installation.writer.store(row, monotonic() + 5)

    def activate(self, folder: FlowFolder, status: str = "active") -> None:
        with transaction(self.deps.engine) as connection:
            publish(connection, self.id, folder, self.installation.now, status=status)

    def publish(self, definition: str, status: str = "active", **messages: str) -> None:
        """Publish a flow that is given as text, with the text of its messages by name."""
        self.activate(compile_texts(definition, messages, "flow.yaml"), status)

    def set(self, **changes: Any) -> None:
        """Change settings of the merchant."""
        with transaction(self.deps.engine) as connection:
            shops.change_settings(connection, self.id, changes)
            self.shop = shops.load(connection, self.id)

    def scope(self) -> AbstractContextManager[Scope]:
        """One transaction on behalf of the shop."""
        return self.deps.open(self.shop)

    # At the provider

    def mails(self, to: str | None = None) -> list[dict[str, Any]]:
        """The messages that the provider accepted, in their order."""
        return [entry for entry in self.account.log("email") if to in (None, entry["to"])]

    def sent(self, to: str | None = None) -> list[tuple[str, datetime]]:
        """(message, business time at which the provider accepted it)."""
        return [(mail["tags"][1], datetime.fromtimestamp(mail["accepted_at"], UTC)) for mail in self.mails(to)]

    def contacts(self) -> dict[str, dict[str, Any]]:
        """The account's contacts by address."""
        return {contact["email"]: contact for contact in self.account.state()["contacts"]}

    # In our tables

    def rows(self, table: Table, **wanted: Any) -> list[Any]:
        """This shop's rows of ``table`` with these values, in the order of their key."""
        query = select(table).where(table.c.shop_id == self.id).order_by(*table.primary_key.columns)
        for name, value in wanted.items():
            query = query.where(table.c[name] == value)
        with autocommitted(self.deps.engine) as connection:
            return list(connection.execute(query))

    def one(self, table: Table, **wanted: Any) -> Any:
        (row,) = self.rows(table, **wanted)
        return row

    def change(self, table: Table, values: Mapping[str, Any], **wanted: Any) -> None:
        """Write into a table past the product: for states that only a fault brings about."""
        statement = update(table).where(table.c.shop_id == self.id).values(**values)
        for name, value in wanted.items():
            statement = statement.where(table.c[name] == value)
        with transaction(self.deps.engine) as connection:
            connection.execute(statement)

    def reasons(self) -> list[tuple[str, str, str | None]]:
        """(message, state, reason) of the outbox."""
        return [(row.message, row.state, row.reason) for row in self.rows(outbox)]


@contextmanager
def installation(
    database_url: str,
    redis_url: str,
    folder: Path,
    provider: Provider | None = None,
    store: StoreProcess | None = None,
    http: Http | None = None,
    **settings: Any,
) -> Iterator[Installation]:
    """Everything built as a worker builds it, but for the clock; nothing waits for further changes to join.

    Without a provider and a store nothing answers there, unless ``http`` does.
    """
    clock_file = folder / "clock"
    write_clock_file(clock_file, START.timestamp())
    chosen = Settings(
        **{
            "environment": "development",
            "database_url": database_url,
            "redis_url": redis_url,
            "public_url": "https://shop.example",
            "brevo_base_url": f"{provider.url if provider else NOBODY}/v3",
            "shopify_base_url": f"{store.url if store else NOBODY}/{{shop}}",
            "secret_keys": (Fernet.generate_key().decode(),),
            "clock_file": str(clock_file),
            "contact_coalesce_seconds": 0.0,
            "fetch_coalesce_seconds": 0.0,
            "bulk_gather_seconds": 0.0,
            **settings,
        }
    )
    clock = HandClock(chosen.clock)
    engine = engine_of(database_url, 12)
    redis = Redis.from_url(redis_url)
    writer = writer_of(database_url)
    deps = Deps(
        settings=chosen,
        engine=engine,
        redis=redis,
        clock=clock,
        http=http or Http(),
        secrets=Secrets(chosen.secret_keys),
        limiter=Limiter(redis, clock),
        budget=Budget(redis, clock),
    )
    _make_partitions(engine.connect())
    made = Installation(deps, clock, writer, provider, store)
    made.at(START)
    try:
        yield made
    finally:
        deps.http.provider.close()
        redis.close()


def _make_partitions(connection: Connection) -> None:
    with connection:
        partitions.ensure(connection, START)
        connection.commit()
