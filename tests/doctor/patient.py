"""A healthy installation on the simulated platforms, and ways to make it ill for the length of a block."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text, update
from werkzeug.serving import make_server

from connector import audit, pulse, shops, worker
from connector.app import create_app
from connector.db.session import transaction
from connector.deps import Deps
from connector.doctor.examination import examine
from connector.doctor.finding import Finding, Level
from connector.install.connecting import Credentials, connect
from connector.models.shop import shops as shops_table
from connector.queue.bells import QUEUES
from connector.web import health
from flows.definition_files import read_folder
from flows.engine.publish import publish
from sync.mapping import contact
from tests.engine.installation import Installation, installation
from tests.runtime.conftest import find_free_port
from tests.sandbox.provider_process import SENDER, Account, Provider
from tests.sandbox.store_process import SHOP, StoreProcess

PENDING_SENDER = "pending@example.com"


def verdicts(found: list[Finding]) -> set[tuple[str, str]]:
    """{(check, level)}"""
    return {(one.check, one.level.word) for one in found}


def sentences(found: list[Finding]) -> str:
    return "\n".join(f"{one.says} {one.do} {list(one.examples)}" for one in found)


@dataclass
class Patient:
    """``deps`` may be replaced for the length of a block; rows and platforms are changed and put back."""

    made: Installation
    deps: Deps
    account: Account
    shop_id: int

    @property
    def store(self) -> StoreProcess:
        assert self.made.store is not None
        return self.made.store

    def examined(self, **options: Any) -> list[Finding]:
        """What is not well."""
        return [one for one in examine(self.deps, **options) if one.level is not Level.OK]

    def connect_another(self, domain: str) -> None:
        """One more shop, with the credentials of the first, that none of the platforms knows."""
        with transaction(self.deps.engine) as connection:
            row = dict(connection.execute(shops_table.select()).mappings().first() or {})
            values = {name: row[name] for name in row if name not in ("id", "domain", "created_at")}
            shops.add(connection, domain, values, self.deps.clock.now())

    def forget_limits(self) -> None:
        """As if an hour had passed at Brevo: a doctor has few calls of the narrowest limit."""
        for key in self.deps.redis.scan_iter("brevo:limit:*"):
            self.deps.redis.delete(key)

    def beat(self) -> None:
        """All processes show themselves."""
        machine = self.deps.clock.machine()
        for name in (pulse.CLOCK, pulse.HOUSEKEEPING, *map(pulse.worker, QUEUES)):
            pulse.Pulse(self.deps.redis, name).beat(machine)

    # Illnesses

    @contextmanager
    def settings(self, **changes: Any) -> Iterator[None]:
        with self.with_deps(settings=replace(self.deps.settings, **changes)):
            yield

    @contextmanager
    def with_deps(self, **changes: Any) -> Iterator[None]:
        before = self.deps
        self.deps = replace(before, **changes)
        try:
            yield
        finally:
            self.deps = before

    @contextmanager
    def shop(self, **values: Any) -> Iterator[None]:
        """Other values in the row of the shop."""
        with transaction(self.deps.engine) as connection:
            row = connection.execute(shops_table.select().where(shops_table.c.id == self.shop_id)).mappings().one()
        self._write(values)
        try:
            yield
        finally:
            self._write({name: row[name] for name in values})

    def _write(self, values: Mapping[str, Any]) -> None:
        with transaction(self.deps.engine) as connection:
            connection.execute(update(shops_table).where(shops_table.c.id == self.shop_id).values(**values))

    @contextmanager
    def rows(self, table: str, **values: Any) -> Iterator[None]:
        """One row more; all rows of the table go afterwards."""
        given = {"shop_id": self.shop_id, **values}
        names = ", ".join(given)
        places = ", ".join(f":{name}" for name in given)
        with transaction(self.deps.engine) as connection:
            connection.execute(text(f"INSERT INTO {table} ({names}) VALUES ({places})"), given)
        try:
            yield
        finally:
            with transaction(self.deps.engine) as connection:
                connection.execute(text(f"DELETE FROM {table}"))

    @contextmanager
    def rows_gone(self, table: str) -> Iterator[None]:
        """The table is empty."""
        self.run_sql(f"CREATE TABLE kept_aside AS TABLE {table}")
        self.run_sql(f"DELETE FROM {table}")
        try:
            yield
        finally:
            self.run_sql(f"INSERT INTO {table} SELECT * FROM kept_aside")
            self.run_sql("DROP TABLE kept_aside")

    @contextmanager
    def scopes(self, *granted: str) -> Iterator[None]:
        before = self.deps.store(self.loaded()).query("app_installation")["currentAppInstallation"]["accessScopes"]
        self.store.post("scopes", shop=SHOP, scopes=list(granted))
        try:
            yield
        finally:
            self.store.post("scopes", shop=SHOP, scopes=[one["handle"] for one in before])

    @contextmanager
    def unsubscribed(self, *topics: str) -> Iterator[None]:
        self.store.post("unsubscribe", shop=SHOP, topics=list(topics))
        try:
            yield
        finally:
            uri = f"{self.made.deps.settings.public_url}/webhooks/shopify"
            self.store.post("subscribe", uri=uri, topics=list(topics), shops=[SHOP], origin="admin_api")

    @contextmanager
    def fault(self, path: str, status: int, message: str = "") -> Iterator[None]:
        self.account.fault("status", path=path, status=status, message=message)
        try:
            yield
        finally:
            self.account.provider.control("DELETE", "faults")

    @contextmanager
    def brevo_webhook(self, **changes: Any) -> Iterator[None]:
        """Brevo's registration of ours for transactional emails changed."""
        hooks = self.account.get("/webhooks", type="transactional")["webhooks"]
        hook = next(one for one in hooks if "opened" in one["events"])
        self.account.put(f"/webhooks/{hook['id']}", changes)
        try:
            yield
        finally:
            self.account.put(f"/webhooks/{hook['id']}", {name: hook[name] for name in changes})

    @contextmanager
    def domain(self, **records: bool) -> Iterator[None]:
        """Some of the DNS records of the sender's domain are missing."""
        name = SENDER.rpartition("@")[2]
        self.account.provider.control(
            "POST", "domain", {"account": self.account.key, "name": name, "authenticated": False, **records}
        )
        try:
            yield
        finally:
            self.account.provider.control("POST", "domain", {"account": self.account.key, "name": name})

    def publish(self, flow: str) -> None:
        """One of the library's flows is active."""
        folder = read_folder(Path(str(files("flows.library") / flow)))
        with transaction(self.deps.engine) as connection:
            publish(connection, self.shop_id, folder, self.deps.clock.now(), status="active")

    def audit(self) -> list[audit.Line]:
        with transaction(self.deps.engine) as connection:
            return audit.lines(connection, self.shop_id)

    @contextmanager
    def silent(self, name: str) -> Iterator[None]:
        self.deps.redis.delete(f"pulse:{name}")
        try:
            yield
        finally:
            self.beat()

    @contextmanager
    def failing(self, name: str) -> Iterator[None]:
        signs = pulse.Pulse(self.deps.redis, name)
        for _ in range(3):
            signs.beat(self.deps.clock.machine(), "OperationalError")
        try:
            yield
        finally:
            self.beat()

    @contextmanager
    def sql(self, statement: str, healed_by: str) -> Iterator[None]:
        self.run_sql(statement)
        try:
            yield
        finally:
            self.run_sql(healed_by)

    def run_sql(self, statement: str) -> None:
        with transaction(self.made.deps.engine) as connection:
            connection.execute(text(statement))

    @contextmanager
    def skewed(self, seconds: float) -> Iterator[None]:
        """Our clock is off; all of our own processes run on this machine, so they go by it too."""
        self.made.skip(seconds)
        self.beat()
        try:
            yield
        finally:
            self.made.skip(-seconds)
            self.beat()

    def loaded(self) -> shops.Shop:
        """The shop as its row is now."""
        with transaction(self.deps.engine) as connection:
            return shops.load(connection, self.shop_id)


@contextmanager
def healthy(
    database_url: str, redis_url: str, folder: Path, provider: Provider, store: StoreProcess
) -> Iterator[Patient]:
    """Connected as ``connector shop add`` does, its web process answering and all others beating."""
    port = find_free_port()
    settings = {"port": port, "public_url": f"http://127.0.0.1:{port}", "shopify_api_secret": "secret"}
    with ExitStack() as running:
        made = running.enter_context(installation(database_url, redis_url, folder, provider, store, **settings))
        # A report of a moment ago must not stand for one of now.
        running.enter_context(pytest.MonkeyPatch.context()).setattr(health, "FRESH", 0.0)
        app = create_app(made.deps.settings, made.deps.engine, made.deps.redis)
        server = make_server("127.0.0.1", port, app, threaded=True)
        thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
        thread.start()
        running.callback(server.server_close)
        running.callback(thread.join, 5)
        running.callback(server.shutdown)
        senders = [SENDER, {"email": PENDING_SENDER, "active": False}]
        attributes = [{"name": one.name, "type": one.type} for one in contact.attributes({})]
        account = provider.account(
            tier="extended",
            ecommerce=True,
            senders=senders,
            attributes=attributes,
            domains=[SENDER.rpartition("@")[2]],
        )
        said: list[str] = []
        # Tests before this one have used some of the store's query budget.
        store.post("bucket", shop=SHOP, left=2000)
        token = store.ready["tokens"][SHOP]
        shop_id = connect(made.deps, Credentials(SHOP, token, account.key), with_flows=False, say=said.append)
        assert not [line for line in said if "Warning" in line], said
        with transaction(made.deps.engine) as connection:
            shops.change_settings(connection, shop_id, {"plan": "extended"})
        while worker.work(made.deps, "survey", shop_id):
            pass
        patient = Patient(made, made.deps, account, shop_id)
        patient.beat()
        yield patient
        store.post("unsubscribe", shop=SHOP)
