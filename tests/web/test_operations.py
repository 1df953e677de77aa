"""``/healthz`` and ``/metrics``: ready or not, what lags, and nothing personal."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import timedelta

import pytest
from flask.testing import FlaskClient
from redis import Redis
from sqlalchemy import Engine, text

from connector import pulse
from connector.app import create_app
from connector.clock import monotonic
from connector.db.session import create_engine
from connector.settings import Settings
from connector.web.backlog import Waiting, lagging
from connector.web.health import PROCESSES, Health, Report

KINDS = ["commerce", "contacts", "feed", "fetches", "inbox", "outbox", "outbox_unknown", "persons", "timers"]
STOPPED = ["events_refused", "fetches_failed", "messages_failed", "poison", "quarantined", "records_refused"]


def test_a_ready_installation_says_so_and_what_waits(client: FlaskClient, shop_id: int) -> None:
    answer = client.get("/healthz")
    assert answer.status_code == 200
    body = answer.get_json()
    assert sorted(body.pop("waiting")) == KINDS
    assert body == {
        "status": "ok",
        "postgres": "up",
        "migrations": "current",
        "redis": "up",
        "processes": {name: {"state": "silent", "age": None, "failures": 0} for name in PROCESSES},
        "lagging": [],
        "stopped": dict.fromkeys(STOPPED, 0),
        "draining": [],
    }


def test_old_work_is_counted_and_named(client: FlaskClient, engine: Engine, settings: Settings, shop_id: int) -> None:
    real, business = settings.clock.machine(), settings.clock.now()
    ago, soon = timedelta(minutes=5), timedelta(hours=1)
    with engine.begin() as connection:
        for number, state in enumerate(("new", "retry", "done", "ignored", "poison")):
            connection.execute(
                text(
                    "INSERT INTO inbox (shop_id, received_at, received_real, source, topic, external_id, lane,"
                    " state, raw, headers, attempts)"
                    " VALUES (:shop, :at, :at, 'shopify', 't', :n, 'other', :state, '', '{}', 0)"
                ),
                {"shop": shop_id, "at": real - ago, "n": str(number), "state": state},
            )
        for number, due in enumerate((business - ago, business - ago / 2, business + soon)):
            connection.execute(
                text(
                    "INSERT INTO timers (shop_id, kind, owner, key, person_id, due_at, token, payload)"
                    " VALUES (:shop, 'run', :n, 'k', 1, :due, 't', '{}')"
                ),
                {"shop": shop_id, "n": str(number), "due": due},
            )
        connection.execute(
            text("INSERT INTO person_work VALUES (:shop, 1, true, :now), (:shop, 2, false, :now)"),
            {"shop": shop_id, "now": real},
        )
    body = client.get("/healthz").get_json()
    assert body["lagging"] == ["inbox", "timers"]
    assert (body["stopped"]["poison"], body["stopped"]["quarantined"]) == (1, 0)
    waiting = body["waiting"]
    assert (waiting["inbox"]["count"], waiting["timers"]["count"], waiting["persons"]["count"]) == (2, 2, 1)
    assert 300 <= waiting["inbox"]["age"] < 330
    assert 300 <= waiting["timers"]["age"] < 330
    assert waiting["persons"]["age"] < 30
    page = client.get("/metrics").get_data(as_text=True)
    assert 'connector_waiting_rows{kind="inbox"} 2.0' in page
    assert 'connector_stopped_rows{kind="poison"} 1.0' in page
    assert "connector_ready 1.0" in page


def test_the_signs_of_life_are_told_without_the_kind_of_error(
    client: FlaskClient, redis: Redis, settings: Settings, shop_id: int
) -> None:
    machine = settings.clock.machine()
    failing = pulse.Pulse(redis, pulse.CLOCK)
    for _ in range(3):
        failing.beat(machine, "OperationalError")
    pulse.Pulse(redis, pulse.worker("deliver")).beat(machine - timedelta(seconds=20))
    pulse.Pulse(redis, pulse.worker("flows")).beat(machine - timedelta(minutes=5))
    answer = client.get("/healthz")
    told = answer.get_json()["processes"]
    assert {name: one["state"] for name, one in told.items()} == {
        "clock": "failing", "housekeeping": "silent", "worker:intake": "silent", "worker:fetch": "silent",
        "worker:flows": "silent", "worker:deliver": "alive", "worker:sync": "silent", "worker:bulk": "silent",
        "worker:backfill": "silent",
    }  # fmt: skip
    assert told["clock"]["failures"] == 3 and 300 <= told["worker:flows"]["age"] < 330
    assert "OperationalError" not in answer.get_data(as_text=True)
    page = client.get("/metrics").get_data(as_text=True)
    assert 'connector_alive{name="clock"} 0.0' in page and 'connector_alive{name="worker:deliver"} 1.0' in page


def test_what_lags_is_told_in_machine_time_also_when_business_time_is_quick() -> None:
    waiting = {"timers": Waiting(1, 3600.0), "inbox": Waiting(1, 61.0), "persons": Waiting(1, 59.0)}
    assert lagging(waiting, rate=1.0) == ["inbox", "timers"]
    assert lagging(waiting, rate=3600.0) == ["inbox"]
    assert lagging(waiting, rate=0.0) == ["inbox", "timers"]


def test_a_database_that_is_not_migrated_is_not_ready(client: FlaskClient, engine: Engine) -> None:
    with engine.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = 'before'"))
    answer = client.get("/healthz")
    assert answer.status_code == 503
    assert (answer.get_json()["status"], answer.get_json()["migrations"]) == ("unavailable", "behind")


def test_without_postgresql_it_is_not_ready(settings: Settings, redis: Redis) -> None:
    nowhere = create_engine("postgresql+psycopg://nobody@127.0.0.1:1/none")
    client = create_app(settings, nowhere, redis).test_client()
    answer = client.get("/healthz")
    assert answer.status_code == 503
    assert answer.get_json()["postgres"] == "down"
    assert "connector_ready 0.0" in client.get("/metrics").get_data(as_text=True)


def test_without_redis_it_is_ready_and_says_so(settings: Settings, engine: Engine) -> None:
    nowhere = Redis.from_url("redis://127.0.0.1:1/0")
    answer = create_app(settings, engine, nowhere).test_client().get("/healthz")
    assert (answer.status_code, answer.get_json()["redis"]) == (200, "down")


def test_a_database_that_hangs_holds_nobody(
    settings: Settings, engine: Engine, redis: Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    ending = threading.Event()
    asked = []

    def hang(self: Health) -> Report:
        asked.append(1)
        ending.wait(20)
        return Report("up", "current", "up")

    monkeypatch.setattr(Health, "_ask", hang)
    client = create_app(settings, engine, redis).test_client()
    started = monotonic()
    assert client.get("/healthz").status_code == 503
    assert client.get("/healthz").status_code == 503
    assert monotonic() - started < 8
    # The second asked nobody anew: one hanging question is enough.
    assert len(asked) == 1
    ending.set()


def test_metrics_hold_nothing_personal(client: FlaskClient, engine: Engine, shop_id: int) -> None:
    client.get("/u/canary-token")
    page = client.get("/metrics")
    assert page.status_code == 200
    assert page.content_type.startswith("text/plain")
    for word in ("canary", "example.com", "myshopify", "Tea"):
        assert word not in page.get_data(as_text=True)


def test_a_reading_is_used_for_a_second(client_at: Callable[..., FlaskClient], engine: Engine, shop_id: int) -> None:
    client = client_at()
    assert client.get("/healthz").get_json()["waiting"]["persons"]["count"] == 0
    with engine.begin() as connection:
        connection.execute(
            text("INSERT INTO person_work VALUES (:shop, 1, true, '2026-01-01T00:00:00Z')"), {"shop": shop_id}
        )
    assert client.get("/healthz").get_json()["waiting"]["persons"]["count"] == 0
