"""PostgreSQL that locks, freezes or goes away: an answer within four seconds, and no help needed afterwards."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import Engine, create_engine, text
from sqlalchemy.pool import NullPool
from werkzeug.test import Client

from connector.clock import monotonic, pause
from connector.db.migrate import upgrade
from connector.runtime import postgres
from connector.settings import Settings
from tests.intake.senders import add_shop, all_at_once, rows, shopify_headers
from webhooks.intake import Intake
from webhooks.line import Line

ENOUGH = 4.0


def _post(client: Client, webhook_id: str) -> tuple[int, float]:
    body = b'{"id":1}'
    headers = shopify_headers(body, webhook_id=webhook_id)
    started = monotonic()
    status = client.post("/webhooks/shopify", data=body, headers=headers).status_code
    return status, monotonic() - started


def _post_until(client: Client, prefix: str, status: int, seconds: float) -> list[str]:
    """Post until this status comes; the ids that were acknowledged on the way."""
    acknowledged = []
    end = monotonic() + seconds
    for number in range(10_000):
        webhook_id = f"{prefix}-{number}"
        answer, took = _post(client, webhook_id)
        assert took < ENOUGH
        if answer == 200:
            acknowledged.append(webhook_id)
        if answer == status:
            return acknowledged
        assert monotonic() < end, f"no {status} within {seconds} s"
        pause(0.05)
    raise AssertionError


@contextmanager
def _frozen(engine: Engine) -> Iterator[None]:
    """SIGSTOP for the server processes that the intake is connected to."""
    with engine.connect() as connection:
        found = connection.execute(
            text(
                "SELECT pid FROM pg_stat_activity WHERE datname = current_database()"
                " AND application_name IN ('connector-intake', 'connector-directory')"
            )
        )
        pids = [row.pid for row in found]
    assert pids
    for pid in pids:
        os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        for pid in pids:
            os.kill(pid, signal.SIGCONT)


def test_a_locked_table_gives_503_in_time_and_200_as_soon_as_it_is_free(client: Client, engine: Engine) -> None:
    add_shop(engine)
    assert _post(client, "before")[0] == 200
    with engine.begin() as holding:
        holding.execute(text("LOCK TABLE inbox_keys IN ACCESS EXCLUSIVE MODE"))
        answers = all_at_once([lambda n=n: _post(client, f"locked-{n}") for n in range(20)])
        assert {status for status, _ in answers} == {503}
        assert max(took for _, took in answers) < ENOUGH
        # The trouble is known by now: nobody else waits for it, so no thread of the server is held.
        pause(0.5)
        status, took = _post(client, "later")
        assert (status, took < 1.0) == (503, True)
    acknowledged = _post_until(client, "after", 200, seconds=3.0)
    assert {row["external_id"] for row in rows(engine)} >= {"before", *acknowledged}


def test_a_frozen_server_is_left_and_another_connection_serves(client: Client, engine: Engine) -> None:
    add_shop(engine)
    assert _post(client, "before")[0] == 200
    with _frozen(engine):
        status, took = _post(client, "frozen")
        assert (status, took < ENOUGH) == (503, True)
        # Its processes are still frozen: the line was cut and a new one made.
        assert _post_until(client, "during", 200, seconds=10.0)


@pytest.mark.long
def test_control_without_cutting_the_line_a_frozen_server_is_waited_for(
    settings: Settings,
    start_intake: Callable[[Settings], Intake],
    engine: Engine,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(Line, "cut_when_stalled", lambda self: None)
    add_shop(engine)
    client = Client(start_intake(replace(settings, intake_timeout_seconds=0.5)))
    assert _post(client, "before")[0] == 200
    with _frozen(engine):
        _post_until(client, "frozen", 503, seconds=5.0)
        with pytest.raises(AssertionError, match="no 200"):
            _post_until(client, "during", 200, seconds=3.0)


def test_a_server_that_restarts_loses_nothing_that_was_acknowledged(
    settings: Settings, start_intake: Callable[[Settings], Intake], tmp_path: Path
) -> None:
    tmp_path.chmod(0o711)
    server = postgres.start(tmp_path / "server")
    try:
        upgrade(server.url)
        engine = create_engine(server.url, poolclass=NullPool)
        add_shop(engine)
        client = Client(start_intake(replace(settings, database_url=server.url)))
        acknowledged = _post_until(client, "first", 200, seconds=5.0)
        server.kill()
        acknowledged += _post_until(client, "away", 503, seconds=5.0)
        server.restart()
        acknowledged += _post_until(client, "back", 200, seconds=10.0)
        stored = {row["external_id"] for row in rows(engine)}
        assert len(acknowledged) >= 2
        assert stored >= set(acknowledged)
    finally:
        server.stop()


def test_a_connection_that_was_closed_while_idle_costs_no_delivery(client: Client, engine: Engine) -> None:
    add_shop(engine)
    assert _post(client, "before")[0] == 200
    with engine.connect() as connection:
        connection.execute(
            text(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database()"
                " AND application_name = 'connector-intake'"
            )
        )
    assert _post(client, "after")[0] == 200
    assert [row["external_id"] for row in rows(engine)] == ["before", "after"]
