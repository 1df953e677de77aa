"""Each check finds its fault and nothing else does; a healthy installation has none."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import replace
from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from redis import Redis

from connector import pulse
from connector.clock import monotonic
from connector.db import partitions
from connector.db.migrate import heads
from connector.db.session import create_engine, transaction
from connector.doctor import examination
from connector.doctor.checks import INSTALLATION, SHOP, disk
from connector.doctor.finding import Check, Finding, Level
from connector.install.connecting import Credentials, connect
from connector.shopify.subscriptions import COMPLIANCE
from tests.doctor.patient import PENDING_SENDER, Patient, sentences, verdicts
from tests.runtime.conftest import find_free_port
from tests.sandbox.store_process import SHOP as DOMAIN
from webhooks.topics import TOPICS

ALL_SCOPES = ("read_customer_merge", "read_customers", "read_draft_orders", "read_fulfillments", "read_inventory",
              "read_orders", "read_products", "read_returns", "write_customers", "write_discounts")  # fmt: skip


Illness = Callable[[Patient], AbstractContextManager[None]]
Fault = tuple[Illness, set[tuple[str, str]], str]
"""How it comes about, which checks say so and how bad they take it, words that must be among theirs."""


@contextmanager
def both(*illnesses: AbstractContextManager[None]) -> Iterator[None]:
    with ExitStack() as stack:
        for one in illnesses:
            stack.enter_context(one)
        yield


def ago(patient: Patient, **span: float) -> Any:
    return patient.deps.clock.machine() - timedelta(**span)


@contextmanager
def without_redis(patient: Patient) -> Iterator[None]:
    with Redis.from_url("redis://127.0.0.1:1/0") as nowhere, patient.with_deps(redis=nowhere):
        yield


@contextmanager
def without_postgres(patient: Patient) -> Iterator[None]:
    with patient.with_deps(engine=create_engine("postgresql+psycopg://nobody@127.0.0.1:1/none")):
        yield


@contextmanager
def old_month(patient: Patient) -> Iterator[None]:
    """A month long past is still there."""
    with transaction(patient.made.deps.engine) as connection:
        partitions.ensure(connection, patient.deps.clock.now() - timedelta(days=300), months_ahead=0)
        (old, *_) = partitions.present(connection, "inbox")
    yield
    for table in partitions.PARTITIONED:
        patient.run_sql(f"DROP TABLE {replace(old, table=table).name}")


@contextmanager
def disk_full(share: float) -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        free = SimpleNamespace(disk_usage=lambda folder: SimpleNamespace(total=2**40, free=int(share * 2**40)))
        patch.setattr(disk, "shutil", free)
        yield


def inbox_row(patient: Patient, state: str) -> AbstractContextManager[None]:
    return patient.rows(
        "inbox", received_at=patient.deps.clock.now(), received_real=ago(patient), source="shopify", topic="t",
        external_id="1", lane="other", state=state, raw=b"{}", headers="{}", attempts=0,
    )  # fmt: skip


def message(patient: Patient, state: str, **values: Any) -> AbstractContextManager[None]:
    now = patient.deps.clock.now()
    return patient.rows(
        "outbox", key="k", run_id="11111111-1111-1111-1111-111111111111", flow="f", version=1, person_id=1, step="s",
        channel="email", message="m", purpose="marketing", priority=1, state=state, created_at=now, due_at=now,
        deadline=now, deferrals=0, attempts=1, **values,
    )  # fmt: skip


def attempt(patient: Patient) -> AbstractContextManager[None]:
    return patient.rows(
        "attempts", outbox_id=1, n=1, outbox_created_at=patient.deps.clock.now(), started_real=ago(patient, minutes=20),
        result="unknown", detail="{}",
    )  # fmt: skip


def record(patient: Patient, state: str, **values: Any) -> AbstractContextManager[None]:
    given = {"wanted_version": 1, "sent_version": 0, "state": state, "due_real": ago(patient), "attempts": 0}
    return patient.rows("sync_state", entity="contact", entity_id=7, **{**given, **values})


def fetch(patient: Patient, state: str) -> AbstractContextManager[None]:
    given = {"kind": "Customer", "remote_id": 7, "wanted": 1, "due_real": ago(patient), "attempts": 0}
    return patient.rows("fetches", state=state, **given)


def event(patient: Patient, state: str) -> AbstractContextManager[None]:
    given = {"person_id": 1, "event_id": "11111111-1111-1111-1111-111111111111", "name": "n", "body": "{}"}
    return patient.rows("feed", state=state, due_real=ago(patient), attempts=0, **given)


def endpoint(patient: Patient, **values: Any) -> AbstractContextManager[None]:
    given = {"url": "https://erp.example/", "description": "", "include_person": False, "secret": ""}
    return patient.rows("webhook_endpoints", events="{}", created_at=patient.deps.clock.now(), **{**given, **values})


def pending(patient: Patient, **span: float) -> AbstractContextManager[None]:
    return patient.rows("person_work", person_id=1, pending=True, since_real=ago(patient, **span))


def mapped(**entry: Any) -> Illness:
    """The merchant maps one attribute more, or differently."""
    return lambda patient: patient.shop(settings={"plan": "extended", "country": "US", "contact_mapping": entry})


def sealed(kind: str, value: str) -> Illness:
    return lambda patient: patient.shop(**{kind: patient.deps.secrets.encrypt(patient.shop_id, kind, value)})


W, B = Level.WARNING.word, Level.BROKEN.word

INSTALLATIONS: dict[str, Fault] = {
    "PUBLIC_URL without TLS": (
        lambda p: p.settings(environment="production"), {("settings", B)}, "https addresses only"),
    "PostgreSQL is down": (without_postgres, {("postgres", B)}, "PostgreSQL does not answer"),
    "not migrated": (
        lambda p: p.sql("UPDATE alembic_version SET version_num = 'before'",
                        f"UPDATE alembic_version SET version_num = '{min(heads())}'"),
        {("postgres", B), ("web", B)}, "connector db upgrade"),
    "Redis is down": (without_redis, {("redis", B)}, "Redis does not answer"),
    "nobody reaches PUBLIC_URL": (
        lambda p: p.settings(public_url=f"http://127.0.0.1:{find_free_port()}"),
        {("web", W), ("webhooks of the store", B), ("webhooks of the store", W), ("webhooks of Brevo", B)},
        "PUBLIC_URL may have changed"),
    "no web process": (
        lambda p: p.settings(port=find_free_port(), public_url="http://127.0.0.1:1"),
        {("web", B), ("webhooks of the store", B), ("webhooks of the store", W), ("webhooks of Brevo", B)},
        "No web process answers"),
    "a worker is dead": (lambda p: p.silent(pulse.worker("deliver")), {("workers", B)}, "connector worker deliver"),
    "the clock is dead": (lambda p: p.silent(pulse.CLOCK), {("clock", B)}, "has not ticked"),
    "the sweeper fails": (lambda p: p.failing(pulse.CLOCK), {("clock", B)}, "3 times in a row (OperationalError)"),
    "housekeeping fails": (lambda p: p.failing(pulse.HOUSEKEEPING), {("clock", W)}, "Housekeeping fails"),
    "housekeeping is dead": (lambda p: p.silent(pulse.HOUSEKEEPING), {("clock", W)}, "Restart the clock process"),
    "our clock is fast": (
        lambda p: p.skewed(90), {("database time", W), ("platform time", W)}, "ahead of that of Brevo"),
    "our clock is slow": (
        lambda p: p.skewed(-90), {("database time", W), ("platform time", W)}, "behind PostgreSQL's"),
    "next month has no partition": (
        lambda p: p.sql("DROP TABLE events_2026_12", "CREATE TABLE events_2026_12 PARTITION OF events"
                        " FOR VALUES FROM ('2026-12-01') TO ('2027-01-01')"),
        {("partitions", W)}, "events_2026_12"),
    "an old month stays": (old_month, {("retention", W)}, "past INBOX_KEEP_DAYS"),
    "old keys stay": (
        lambda p: p.rows("inbox_keys", source="shopify", external_id="1", received_at="2026-01-01T00:00:00Z"),
        {("retention", W)}, "INBOX_KEYS_KEEP_DAYS"),
    "little space": (lambda p: disk_full(0.05), {("disk", W)}, "51.2 GiB (5%)"),
    "no space": (lambda p: disk_full(0.01), {("disk", B)}, "Make room"),
    "work lags": (lambda p: pending(p, minutes=5), {("lags", W)}, "1 people wait"),
    "work lags badly": (lambda p: pending(p, hours=1), {("lags", B)}, "the worker of the queue flows"),
}  # fmt: skip

SHOPS: dict[str, Fault] = {
    "a wrong token": (sealed("shopify_token", "shpat_wrong"), {("store", B)}, "connector shop add a.myshopify.com"),
    "an unreadable token": (lambda p: p.shop(shopify_token="x"), {("store", B)}, "CONNECTOR_SECRET_KEYS"),
    "another API version": (
        lambda p: p.settings(shopify_api_version="2025-01"), {("store", W)}, "serves API version 2026-10"),
    "a scope is missing": (
        lambda p: p.scopes(*(set(ALL_SCOPES) - {"read_orders"})), {("scopes", B)}, "read_orders (orders"),
    "an urgent webhook is missing": (
        lambda p: p.unsubscribed("orders/create"), {("webhooks of the store", B)}, "['orders/create']"),
    "another webhook is missing": (
        lambda p: p.unsubscribed("customers/update"), {("webhooks of the store", W)}, "['customers/update']"),
    "no secret": (
        lambda p: p.settings(shopify_api_secret=""), {("webhooks of the store", B)}, "SHOPIFY_API_SECRET"),
    "Brevo is not connected yet": (
        lambda p: p.shop(state="installed", brevo_key=None), {("connection", W)}, "not yet to Brevo"),
    "nobody knows whose account it is": (
        lambda p: p.shop(brevo_account=None), {("connection", W)}, "not known whose account"),
    "a wrong key": (sealed("brevo_key", "wrong"), {("brevo", B)}, "Key not found"),
    "an address that is not authorised": (
        lambda p: p.fault("/account", 401, "We have detected you are using an unrecognised IP address 203.0.113.9"),
        {("brevo", B)}, "IP address 203.0.113.9"),
    "Brevo is down": (lambda p: p.fault("/account", 503), {("brevo", W)}, "in a few minutes"),
    "an unknown sender": (lambda p: p.shop(sender_email="me@else.example"), {("senders", B)}, "which is not a sender"),
    "an unverified sender": (lambda p: p.shop(sender_email=PENDING_SENDER), {("senders", B)}, "not yet verified"),
    "an attribute is missing": (
        mapped(FAVOURITE={"from": "city", "type": "text"}), {("attributes", W)}, "FAVOURITE does not exist"),
    "an attribute has another type": (
        mapped(CITY={"from": "city", "type": "date"}), {("attributes", W)}, "CITY is of type text where we send date"),
    "no country": (lambda p: p.shop(settings={"plan": "extended"}), {("consent", W)}, "in which country"),
    "nobody is asked to confirm": (
        lambda p: p.shop(settings={"plan": "extended", "country": "DE"}), {("consent", W)}, "double_opt_in"),
    "Brevo was not asked what it held": (
        lambda p: p.rows_gone("brevo_surveys"), {("survey", W)}, "who has opted out"),
    "Brevo does not let its contacts be read": (
        lambda p: p.sql("UPDATE brevo_surveys SET state = 'due', stage = 'contacts', reason = '403'",
                        "UPDATE brevo_surveys SET state = 'done', stage = 'templates', reason = NULL"),
        {("survey", B)}, "connector brevo survey"),
    "Brevo reports elsewhere": (
        lambda p: p.brevo_webhook(url="https://else.example/"), {("webhooks of Brevo", B)}, "what becomes of emails"),
    "Brevo reports too little": (
        lambda p: p.brevo_webhook(events=["delivered"]), {("webhooks of Brevo", W)}, "unsubscribed"),
    "Brevo cannot prove itself": (
        lambda p: p.shop(brevo_webhook_digest=""), {("webhooks of Brevo", B)}, "prove themselves"),
    "webhooks that did not arrive": (
        lambda p: p.rows("report_passes", channel="sms", due_at=p.deps.clock.now(), attempts=0, place=0, rows_read=90,
                         found='{"message_delivered": 40}', finished_at=ago(p)),
        {("reports of Brevo", W)}, "connector channel reports"),
    "statistics that cannot be read": (
        lambda p: p.rows("report_passes", channel="sms", due_at=p.deps.clock.now(), attempts=1, place=0, rows_read=0,
                         found="{}", reason="brevo answered 404"),
        {("reports of Brevo", W)}, "brevo answered 404"),
    "gaps that could not be closed": (
        lambda p: p.rows("gap_reports", state="failed", asked_by="clock", began_at=ago(p), began_real=ago(p),
                         finished_at=p.deps.clock.now(), due_real=ago(p), notes="[]", findings="{}"),
        {("gaps", W)}, "connector sync reconcile"),
    "a look that is put off": (
        lambda p: p.rows("reconcile_passes", look="all:Order", due_at=p.deps.clock.now(), attempts=3,
                         reason="no scope"),
        {("gaps", W)}, "no scope"),
    "an endpoint that was disabled": (
        lambda p: endpoint(p, state="disabled", reason="failing"),
        {("outgoing webhooks", B)}, "connector webhook enable a.myshopify.com"),
    "an endpoint at which nothing arrives": (
        lambda p: endpoint(p, state="active", failing_since_real=ago(p, hours=2)),
        {("outgoing webhooks", W)}, "connector webhook attempts a.myshopify.com"),
    "complaints": (
        lambda p: p.rows("channel_pauses", channel="email:marketing", reason="complaints", detail="4 of 500", probes=0,
                         since=p.deps.clock.now(), probe_real=ago(p)),
        {("pauses", B)}, '--why "..."'),
    "another currency": (
        lambda p: p.shop(currency="CHF"),
        {("e-commerce", W)},
        "EUR, the shop counts in CHF, and there is no rate",
    ),
    "no e-commerce": (lambda p: p.fault("/ecommerce", 403), {("e-commerce", W)}, "not activated"),
    "a paused channel": (
        lambda p: p.rows("channel_pauses", channel="email", reason="no_credits", detail="no credits", probes=0,
                         since=p.deps.clock.now(), probe_real=ago(p)),
        {("pauses", B)}, "connector channel resume a.myshopify.com email"),
    "a lease of somebody gone": (
        lambda p: record(p, "leased", lease_real=ago(p, minutes=2)), {("leases", W)}, "1 rows of sync_state"),
    "an unknown outcome": (
        lambda p: both(message(p, "unknown", lease_real=ago(p)), attempt(p)), {("leases", W)}, "whether Brevo took"),
    "a quarantined delivery": (lambda p: inbox_row(p, "quarantined"), {("stopped work", W)}, "another shape"),
    "a poisonous delivery": (lambda p: inbox_row(p, "poison"), {("stopped work", W)}, "connector inbox show"),
    "a failed message": (lambda p: message(p, "failed"), {("stopped work", W)}, "connector person"),
    "a failed fetch": (lambda p: fetch(p, "failed"), {("stopped work", W)}, "read from the store"),
    "a refused contact": (lambda p: record(p, "failed"), {("stopped work", W)}, "[7]"),
    "a bundle that waits": (
        lambda p: p.rows("privacy_requests", kind="data_request", source="shopify", reference="1", named="{}",
                         state="ready", stage="count", scanned=0, top=0, received_at=p.deps.clock.now(),
                         due_at=p.deps.clock.now(), due_real=p.deps.clock.now(), attempts=0, receipt="{}"),
        {("stopped work", W)}, "connector privacy list"),
    "a refused event": (lambda p: event(p, "refused"), {("stopped work", W)}, "events were refused"),
}  # fmt: skip


def examine_each(patient: Patient, illnesses: Mapping[str, Fault]) -> None:
    """Each by itself: an illness that is not found, or that leaves something behind, shows in the next one."""
    assert patient.examined() == []
    for name, (illness, expected, words) in illnesses.items():
        patient.forget_limits()
        with illness(patient):
            found = patient.examined()
        assert (name, verdicts(found)) == (name, expected)
        assert words in sentences(found), name
    assert patient.examined() == []


def test_each_fault_of_an_installation_is_found_by_its_check_and_no_other(patient: Patient) -> None:
    examine_each(patient, INSTALLATIONS)


def test_each_fault_of_a_shop_is_found_by_its_check_and_no_other(patient: Patient) -> None:
    examine_each(patient, SHOPS)


def test_every_check_has_a_fault_here() -> None:
    tried = {check for faults in (INSTALLATIONS, SHOPS) for _, expected, _ in faults.values() for check, _ in expected}
    assert tried == {check.name for check in (*INSTALLATION, *SHOP)}


def test_a_store_whose_webhooks_the_apps_own_configuration_holds_is_well(patient: Patient) -> None:
    topics = [name for source, name in TOPICS if source == "shopify" and name not in COMPLIANCE]
    with patient.unsubscribed(*topics):
        assert verdicts(patient.examined()) == {("webhooks of the store", B), ("webhooks of the store", W)}
        with inbox_row(patient, "done"):
            assert patient.examined() == []


def test_without_the_platforms_nobody_is_called_and_the_rest_is_examined(patient: Patient) -> None:
    def calls() -> tuple[int, int]:
        asked = [one for one in patient.store.get("log")["entries"] if one["kind"] == "graphql"]
        return len(asked), len(patient.account.log("request"))

    before = calls()
    with sealed("brevo_key", "wrong")(patient), inbox_row(patient, "poison"):
        found = patient.examined(platforms=False)
    assert verdicts(found) == {("stopped work", W)}
    assert calls() == before
    patient.examined()
    assert calls() > before, "the control: with them both are called"


def hanging(seconds: float, ending: threading.Event) -> Check[Any]:
    def hang(subject: Any) -> list[Finding]:
        ending.wait(20)
        return []

    return Check("hanging", "", hang, seconds)


def test_what_hangs_costs_its_own_time_and_shops_are_examined_side_by_side(
    patient: Patient, monkeypatch: pytest.MonkeyPatch
) -> None:
    ending = threading.Event()
    for number in range(5):
        patient.connect_another(f"more-{number}.myshopify.com")
    monkeypatch.setattr(examination, "INSTALLATION", ())
    monkeypatch.setattr(examination, "SHOP", (hanging(0.6, ending),))
    began = monotonic()
    found = patient.examined()
    assert monotonic() - began < 3.0, "one after the other it would be 3.6 s"
    assert [(one.check, one.says) for one in found] == [("hanging", "No answer within 1 s.")] * 6
    assert len({one.shop for one in found}) == 6
    ending.set()


def test_a_check_that_fails_is_a_finding_without_the_text_of_the_error(
    patient: Patient, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(subject: Any) -> list[Finding]:
        raise RuntimeError("ann@example.com")

    checks = (Check("failing", "", fail), Check("after", "", lambda subject: [], needs=("failing",)))
    monkeypatch.setattr(examination, "INSTALLATION", checks)
    (found,) = [one for one in patient.examined() if not one.shop]
    assert (found.check, found.level) == ("failing", Level.BROKEN) and "RuntimeError" in found.says
    assert "ann@" not in str(found)


@pytest.mark.long
def test_a_query_budget_that_others_have_used_up_is_waited_for(patient: Patient) -> None:
    patient.store.post("unsubscribe", shop=DOMAIN)
    patient.store.post("bucket", shop=DOMAIN, left=400)
    said: list[str] = []
    given = Credentials(DOMAIN, patient.store.ready["tokens"][DOMAIN], patient.account.key)
    connect(patient.made.deps, given, with_flows=False, say=said.append)
    assert [line for line in said if "Warning" in line] == []
    patient.store.post("bucket", shop=DOMAIN, left=900)
    assert patient.examined() == []
