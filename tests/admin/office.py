"""The admin on a real installation: shops with all that pages name, staff of every role, and their browsers."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property, lru_cache
from typing import Any, ClassVar
from uuid import NAMESPACE_URL, uuid5

import orjson
from argon2 import PasswordHasher
from flask import Flask
from flask.testing import FlaskClient
from itsdangerous import URLSafeTimedSerializer
from jinja2.bccache import Bucket, BytecodeCache
from sqlalchemy import Connection, Table, delete, insert, update
from werkzeug.test import TestResponse

from connector import audit
from connector.admin import accounts
from connector.admin.access import ROLES
from connector.app import create_app
from connector.db.session import transaction
from connector.models import flow_draft
from connector.models.alert import alerts
from connector.models.api_key import api_keys
from connector.models.arming import armings
from connector.models.backfill import backfill_failures, backfills
from connector.models.coupon import coupon_pools, coupons
from connector.models.currency import currency_rates
from connector.models.event import events
from connector.models.flow import flow_versions, flows, runs, trail
from connector.models.identity import identity_conflicts
from connector.models.inbox import inbox
from connector.models.outbox import attempts, message_contents, outbox
from connector.models.outgoing import webhook_attempts, webhook_deliveries, webhook_endpoints
from connector.models.pause import channel_pauses
from connector.models.person import consent_ledger, consents, identities, person_work, persons
from connector.models.rerun import sync_run_failures, sync_runs
from connector.models.shop import shops
from connector.models.staff import staff, staff_shops
from connector.models.store import orders
from connector.models.sync import feed, fetches, sync_state
from connector.models.task import tasks
from connector.sent_contents import packed
from flows.core.validate import to_data
from flows.definition_files import compile_texts
from flows.engine import flow_drafts
from sync import consent
from sync.privacy import exports
from tests.engine.installation import ConnectedShop, Installation

APP_KEY, APP_SECRET = "app-key", "s" * 32
PASSWORD = "a long enough password"
# One hash for all, and a cheap one: each of the product's costs a tenth of a second, to make and to check.
_HASH = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1).hash(PASSWORD)


class _Compiled(BytecodeCache):
    """Templates that one application has compiled serve the next."""

    kept: ClassVar[dict[str, bytes]] = {}

    def load_bytecode(self, bucket: Bucket) -> None:
        if bucket.key in self.kept:
            bucket.bytecode_from_string(self.kept[bucket.key])

    def dump_bytecode(self, bucket: Bucket) -> None:
        self.kept[bucket.key] = bucket.bytecode_to_string()


@dataclass
class Desk:
    """One shop's objects by kind. ``run`` has ended with a failure, ``open_run`` is under way."""

    shop: ConnectedShop
    person: int
    delivery: int
    run: int
    open_run: int
    conflict: int
    channel: str = "email"
    arming: int = 0
    endpoint: int = 0
    alert: int = 0
    # A flow of its own, with the message hello.
    flow: str = ""
    # One that was refused, with what it looked like.
    message: int = 0
    # What is to be done about the person, a key that is in use, and one of the staff who sees this shop only.
    task: int = 0
    key: int = 0
    colleague: int = 0

    @property
    def path(self) -> str:
        return f"/admin/shops/{self.shop.id}"

    def task_is(self, state: str) -> dict[str, Any]:
        """Of its task this is the state; no fields of a form."""
        self.shop.change(tasks, {"state": state, "closed_at": self.shop.installation.now}, id=self.task)
        return {}

    def flow_is(self, status: str) -> dict[str, Any]:
        """Of the shop's flow this is the status; no fields of a form."""
        self.shop.change(flows, {"status": status}, flow=self.flow)
        return {}

    def suppressed(self, reason: str) -> dict[str, Any]:
        """For this reason no marketing goes to the person's address; the form that is about it."""
        with self.shop.installation.deps.open(self.shop.shop) as scope:
            address = self.shop.one(persons, id=self.person).email
            consent.suppress(scope, "email", address, reason)
        return {"channel": "email"}

    def exported(self) -> dict[str, Any]:
        """What is stored of the person lies ready to be handed out; no fields of a form."""
        with self.shop.installation.deps.open(self.shop.shop) as scope:
            exports.ask(scope, self.person)
        self.shop.installation.settle("privacy")
        return {}

    def sync_is(self, state: str) -> dict[str, Any]:
        """Of the sync that has ended this is the state, with pages left to read; no fields of a form."""
        self.shop.change(sync_runs, {"state": state, "read_all": False}, id=self.run)
        return {}

    def backfill(self, state: str | None) -> dict[str, Any]:
        """Of the shop's one backfill this is the state (None: there is none); no fields of a form."""
        now = self.shop.installation.now
        row = {"shop_id": self.shop.id, "state": state, "kinds": ["orders"], "asked_by": "staff:1", "asked_at": now}
        with transaction(self.shop.deps.engine) as connection:
            connection.execute(delete(backfills).where(backfills.c.shop_id == self.shop.id))
            if state is not None:
                connection.execute(insert(backfills).values(row))
        return {}

    def unread(self, kind: str, *records: int) -> dict[str, Any]:
        """The shop's one backfill could not take over these records; the form that is about all of them."""
        self.backfill("done")
        backfill_id = self.shop.one(backfills).id
        now = self.shop.installation.now
        row = {"shop_id": self.shop.id, "backfill_id": backfill_id, "kind": kind, "failed_at": now}
        with transaction(self.shop.deps.engine) as connection:
            connection.execute(
                insert(backfill_failures),
                [{**row, "record_id": n, "reason": f"cannot be applied-{n}- to ann.bell@example.com"} for n in records],
            )
        return {"kind": kind}


@dataclass
class Office:
    installation: Installation
    desks: list[Desk] = field(default_factory=list)

    @cached_property
    def app(self) -> Flask:
        deps = self.installation.deps
        made = create_app(deps.settings, deps.engine, deps.redis, deps=deps)
        made.jinja_env.bytecode_cache = _Compiled()
        return made

    def transaction(self) -> Any:
        return transaction(self.installation.deps.engine)

    def hire(self, role: str, shop_ids: Collection[int] | None = None, email: str = "") -> str:
        """One more of the staff; returns their address. Their password is PASSWORD."""
        address = email or f"{role}@office.example"
        with self.transaction() as connection:
            real, accounts._hashed = accounts._hashed, lambda _: _HASH  # type: ignore[assignment]
            try:
                accounts.add(connection, address, PASSWORD, role, shop_ids, actor="cli", now=self.installation.now)
            finally:
                accounts._hashed = real
        return address

    def browser(self, email: str | None = None) -> Browser:
        """Somebody's browser, signed in when ``email`` is given."""
        made = Browser(self.app.test_client())
        if email is not None:
            answer = made.sign_in(email)
            assert answer.status_code == 303, answer.text
        return made

    def lines(self, shop_id: int = audit.INSTALLATION) -> list[audit.Line]:
        with self.transaction() as connection:
            return audit.lines(connection, shop_id, limit=1000)


@dataclass
class Browser:
    """A browser without scripts: pages are asked for and forms are sent with the token that their page had."""

    client: FlaskClient

    def get(self, path: str, **options: Any) -> TestResponse:
        return self.client.get(path, **options)

    def token(self) -> str:
        """What a form of ours would carry: made from what the cookie holds, as the page does."""
        with self.client.session_transaction() as held:
            known = held.get("csrf_token")
        if known is None:
            self.client.get("/admin/sign-in")
            self.client.get("/admin/account")
        with self.client.session_transaction() as held:
            raw = held["csrf_token"]
        signer = URLSafeTimedSerializer(str(self.client.application.secret_key), salt="wtf-csrf-token")
        return str(signer.dumps(raw))

    def post(self, path: str, proof: bool = True, **fields: Any) -> TestResponse:
        headers = fields.pop("headers", None)
        data = {name: value for name, value in fields.items() if value is not None}
        if proof:
            data["csrf_token"] = self.token()
        return self.client.post(path, data=data, headers=headers)

    def sign_in(self, email: str, password: str = PASSWORD, **fields: Any) -> TestResponse:
        return self.post("/admin/sign-in", email=email, password=password, **fields)


def furnish(installation: Installation, domain: str, *, number: int, text: str = "") -> Desk:
    """Connect a shop in which each kind of object that a page names is there.

    ``text`` stands in every field that holds words of others, to see what pages make of them.
    """
    # Somebody hears of the signal whose past is armed.
    shop = installation.connect(domain, flows=[], event_mapping={"lapsed": {"as": "lapsed"}})
    with transaction(installation.deps.engine) as connection:
        made = _Furniture(connection, shop.id, installation.now, number, text)
        person, other = made.person("bell"), made.person("cole")
        message = made.history(person)
        run, open_run = made.run("contact", "done"), made.run("orders", "running")
        arming = made.put(
            armings, signal="lapsed", state="done", asked_by=f"staff:1{text}", daily=5, asked_at=made.now,
            **dict.fromkeys(("cursor", "in_time", "late", "moved", "running", "told", "left_out", "taken_back"), 0),
        )  # fmt: skip
        conflict = made.put(
            identity_conflicts, kind="phone", value=f"+4915{text}", person_id=person, other_id=other, noted_at=made.now
        )
        delivery = made.put(
            inbox, received_at=made.now, received_real=installation.clock.machine(), source=f"shopify{text}",
            topic=f"orders/create{text}", external_id=f"delivery-{number}{text}", lane=f"commerce{text}",
            state="quarantined", raw=orjson.dumps({"id": 7, "email": "ann@example.com", f"note{text}": "call me"}),
            headers={"triggered_at": f"noon{text}"}, attempts=1, reason=f"email: Not a valid address. {text}",
        )  # fmt: skip
        made.put(
            channel_pauses, channel="email", reason="no_credits", detail=f"No credits {text}", since=made.now,
            probe_real=made.now, probes=0,
        )  # fmt: skip
        endpoint = made.put(
            webhook_endpoints, url=f"https://erp.example/{text}", description=text, events=["order_placed"],
            include_person=True, secret="", state="active", created_at=made.now,
        )  # fmt: skip
        made.webhook_delivery(endpoint)
        made.rate_and_pool()
        alert = made.put(
            alerts, kind="stopped_work", subject=f"deliveries{text}",
            sentence=f"A delivery could not be applied. {text}",
            detail={"deliveries": 1}, tone="warning", raised_at=made.now, found_at=made.now, mail_tries=0,
        )  # fmt: skip
        flow = made.flow(person)
        made.draft(flow)
        task, key, colleague = made.to_do(person, flow), made.key(), made.colleague()
        if text:
            connection.execute(update(shops).where(shops.c.id == shop.id).values(name=f"Tea{text}", sender_email=text))
    return Desk(
        shop, person, delivery, run, open_run, conflict, arming=arming, endpoint=endpoint, flow=flow, message=message,
        alert=alert, task=task, key=key, colleague=colleague,
    )  # fmt: skip


@dataclass
class _Furniture:
    """Writes rows of one shop past the product."""

    connection: Connection
    shop_id: int
    now: datetime
    number: int
    text: str

    def put(self, table: Table, **values: Any) -> int:
        """One row; its id, where it has one of its own."""
        statement = insert(table).values(shop_id=self.shop_id, **values)
        if "id" not in table.c:
            self.connection.execute(statement)
            return 0
        made = self.connection.execute(statement.returning(table.c.id)).scalar_one()
        return int(made) if isinstance(made, int) else 0

    def webhook_delivery(self, endpoint: int) -> None:
        """One that has failed, of an event that the page names."""
        fact = {"event_id": uuid5(NAMESPACE_URL, f"webhook {self.number}"), "occurred_at": self.now}
        self.put(
            events, id=fact["event_id"], occurred_at=self.now, name=f"order_placed{self.text}", subject="order:1",
            source="shopify", historical=False, props={}, received_at=self.now,
        )  # fmt: skip
        delivery = self.put(
            webhook_deliveries, endpoint_id=endpoint, state="failed", made_real=self.now, due_real=self.now,
            attempts=1, tries=1, **fact,
        )  # fmt: skip
        self.put(
            webhook_attempts, delivery_id=delivery, n=1, started_real=self.now, milliseconds=9, status=500,
            answer=f"no room for ann.bell@example.com {self.text}",
        )  # fmt: skip

    def rate_and_pool(self) -> None:
        """An exchange rate, and a pool of discount codes that stands still."""
        self.put(
            currency_rates, currency="AUD", counted_in="NZD", since=self.now.date(), rate=1, set_by="cli",
            set_at=self.now,
        )  # fmt: skip
        self.put(
            coupon_pools, name=f"pool-{self.number}", terms={"percent": 20, "minimum": "50.00"}, prefix="", size=5,
            state="failed", reason=f"write_discounts is lacking {self.text}", attempts=1, due_real=self.now,
            created_at=self.now,
        )  # fmt: skip

    def flow(self, person_id: int) -> str:
        """An active flow with a message of its own, and the person inside it."""
        name, now = f"greeting-{self.number}", self.now
        definition, messages = _greeting(name, self.text)
        self.put(flows, flow=name, status="active", mode="native", version=1)
        self.put(
            flow_versions, flow=name, version=1, definition=definition, messages=messages,
            digest=f"of {name}{self.text}",
            published_at=now,
        )  # fmt: skip
        self.put(
            runs, id=uuid5(NAMESPACE_URL, f"run of {name}"), flow=name, version=1, person_id=person_id, key="",
            state="live", entered_at=now, anchor_at=now,
            position={"since": now.isoformat(), "trigger": {}, "at": "wait", "visit": 1, "waiting": None},
        )  # fmt: skip
        return name

    def to_do(self, person_id: int, flow: str) -> int:
        """A task of a flow and a review; the number of the first."""
        text, now = self.text, self.now
        common = {"title": f"Call ann@example.com{text}", "details": f"Call{text}", "state": "open", "made_at": now}
        made = self.put(
            tasks, outbox_id=1, person_id=person_id, run_id=uuid5(NAMESPACE_URL, "run"), flow=flow, step="call",
            assignee=f"sales@shop.example{text}", due_at=now, **common,
        )  # fmt: skip
        self.put(tasks, review="monthly", period="2026-10", **common)
        return made

    def key(self) -> int:
        """A key of the events API."""
        return self.put(api_keys, name=f"Help desk{self.text}", digest=f"digest{self.number}", created_at=self.now)

    def colleague(self) -> int:
        """Somebody who signs in for this shop only; nothing is noted of it."""
        row = {
            "email": f"colleague{self.number}@office.example", "role": "support", "password_hash": "",
            "every_shop": False, "created_at": self.now,
        }  # fmt: skip
        made = self.connection.execute(insert(staff).values(row).returning(staff.c.id)).scalar_one()
        self.put(staff_shops, staff_id=made)
        return int(made)

    def draft(self, flow: str) -> None:
        """The next version of this flow, which somebody is writing."""
        definition, messages = _greeting(flow, self.text)
        files = flow_drafts.files_of({**definition, "note": f"For everybody{self.text}"}, messages)
        self.put(
            flow_draft.flow_drafts, flow=flow, files=files, base_version=1, saved_by=f"staff:1{self.text}",
            saved_at=self.now,
        )  # fmt: skip

    def person(self, last_name: str) -> int:
        text, now, number = self.text, self.now, self.number
        customer = 7000 + number + (1000 if last_name == "cole" else 0)
        email = f"ann.{last_name}{number}@example.com"
        person_id = self.put(
            persons, seed=uuid5(NAMESPACE_URL, email), email=email, phone=f"+4915123456{customer}",
            first_name=f"Ann{text}", last_name=f"{last_name.title()}{text}", locale=f"en{text}", country="DE",
            city=f"Kiel{text}", timezone=f"Europe/Berlin{text}", customer_id=customer, tags=[f"vip{text}"],
            orders_count=1, total_spent=20, version=1, created_at=now,
        )  # fmt: skip
        self.put(person_work, person_id=person_id, pending=False, since_real=now)
        for kind, value in (("email", email), ("customer", str(customer)), ("checkout", f"token{customer}{text}")):
            self.put(identities, kind=kind, value=value, person_id=person_id, since=now)
        return person_id

    def history(self, person_id: int) -> int:
        """Consent, an order, a message that was refused, what was decided, and what Brevo would not take; the message's
        number."""
        text, now = self.text, self.now
        self.put(
            coupons, code=f"CART-{self.number}{text}", variant=0, state="made", person_id=person_id, flow="cart",
            name="offer", terms={"amount": "5.00"}, ends_at=now, created_at=now, given_at=now, redeemed_at=now,
            order_id=1,
        )  # fmt: skip
        told = {
            "person_id": person_id, "channel": f"email{text}", "purpose": f"newsletter{text}", "state": "subscribed",
            "level": f"single_opt_in{text}", "source": f"shopify{text}", "evidence_at": now,
        }  # fmt: skip
        self.put(consents, **told)
        self.put(consent_ledger, **told, recorded_at=now, verdict=f"applied{text}")
        self.put(
            orders, id=9000 + self.number, name=f"#10{self.number:02}{text}", person_id=person_id, email="x@y.example",
            currency=f"EUR{text}", total=20, financial_status=f"paid{text}", fulfillment_status=f"partial{text}",
            items=[], discount_codes=[], test=False, created_at=now, source_updated_at=now,
        )  # fmt: skip
        message = self.put(
            outbox, key=f"key{person_id}", run_id=uuid5(NAMESPACE_URL, "run"), flow=f"welcome{text}", version=1,
            person_id=person_id, step="hello", channel="email", message=f"hello{text}", purpose="marketing", priority=1,
            state="failed", reason=f"refused{text}", created_at=now, due_at=now, deadline=now, deferrals=0, attempts=1,
            subject=f"Hello{text}",
        )  # fmt: skip
        content = {
            "subject": f"Hello{text}",
            "sender": "Tea",
            "html": f"<p>Hello <b>Ann</b>{text}</p>",
            "text": f"Hello{text}",
        }
        self.put(message_contents, outbox_id=message, outbox_created_at=now, content=packed(content))
        self.put(
            attempts, outbox_id=message, n=1, outbox_created_at=now, started_real=now, result="refused", status=400,
            detail={"code": "invalid", "message": f"no such address ann.bell@example.com{text}"},
        )  # fmt: skip
        self.put(
            events, id=uuid5(NAMESPACE_URL, f"bounce{message}"), occurred_at=now, name="message_bounced",
            subject=f"message:{message}", person_id=person_id, source="brevo", historical=False,
            props={"link": f"https://shop.example/{text}", "reason": f"gone{text}"}, received_at=now,
        )  # fmt: skip
        self.put(
            trail, person_id=person_id, flow=f"welcome{text}", step=f"hello{text}", at=now, code=f"gate_skip{text}",
            detail={"reason": f"cap{text}"},
        )  # fmt: skip
        self.put(
            events, id=uuid5(NAMESPACE_URL, f"event{person_id}"), occurred_at=now, name=f"order_placed{text}",
            subject=f"order:1{text}", person_id=person_id, source="shopify", historical=False,
            props={"link": f"https://shop.example/{text}", "total": f"20{text}"}, received_at=now,
        )  # fmt: skip
        work = {"due_real": now, "attempts": 9, "reason": f"400 {text}"}
        self.put(
            sync_state, entity="contact", entity_id=person_id, wanted_version=2, sent_version=1, state="failed", **work
        )
        self.put(
            feed, person_id=person_id, event_id=uuid5(NAMESPACE_URL, f"fed{person_id}"), name=f"order_placed{text}",
            body={}, state="refused", **work,
        )  # fmt: skip
        self.put(fetches, kind=f"Customer{text}", remote_id=7, state="failed", wanted=1, **work)
        return message

    def run(self, entity: str, state: str) -> int:
        run_id = self.put(
            sync_runs, entity=entity, what={"object": f"#1001{self.text}"}, state=state, asked_by=f"staff:1{self.text}",
            done=1, changed=0, unchanged=0, failed=1, read_all=True, due_real=self.now, attempts=0,
            reason=f"waits{self.text}", asked_at=self.now,
        )  # fmt: skip
        self.put(
            sync_run_failures, run_id=run_id, record_id=7001, stage="brevo", reason=f"400 invalid {self.text}",
            failed_at=self.now,
        )  # fmt: skip
        return run_id


@lru_cache
def _greeting(name: str, text: str) -> tuple[dict[str, Any], dict[str, str]]:
    """A flow as it is stored. JSON is YAML, so that a text may hold whatever it likes."""
    written = {
        "flow": name,
        "name": f"Greeting{text}",
        "note": f"For those who are new{text}",
        "about": {"purpose": f"Say hello{text}", "benchmarks": {"open_rate": f"50 %{text}"}},
        "trigger": {"on": "newsletter_subscribed"},
        "goal": {"on": "order_placed", "within": "7d", "metric": f"first orders{text}", "target": f"5 %{text}"},
        "exit": ["unsubscribed"],
        "steps": [{"email": "hello", "note": f"The first one{text}"}, {"wait": "3d"}],
    }
    folder = compile_texts(orjson.dumps(written).decode(), {"hello": _HELLO}, "flow.yaml")
    return to_data(folder.flow), dict(folder.texts)


_HELLO = """---
subject: Hello there
preview: Good that you are here
purpose: marketing
deadline: 24h
---
<p>Hello {{ person.first_name | default: "you" }}.</p>
"""


def staffed(office: Office) -> dict[str, str]:
    """One of the staff for each role, who see the first shop only: {role: address}."""
    return {role: office.hire(role, [office.desks[0].shop.id]) for role in ROLES}
