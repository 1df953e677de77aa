"""kill -9 of the web process under load: what was acknowledged is stored."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest
import requests
from sqlalchemy import Engine, text

from connector.clock import pause
from tests.intake.senders import add_shop, rows, shopify_headers
from tests.intake.webprocess import WebProcess

SENDERS = 8
LOAD_SECONDS = 1.0


def _acknowledged_and_stored(engine: Engine, web: WebProcess) -> tuple[set[str], set[str]]:
    """Load the process, hold its commits back for a moment, and kill it in that moment."""
    add_shop(engine)
    acknowledged: set[str] = set()
    ending = threading.Event()

    def send(sender: int) -> None:
        number = 0
        with requests.Session() as session:
            while not ending.is_set():
                webhook_id = f"{sender}-{number}"
                body = b'{"id":%d}' % number
                headers = shopify_headers(body, webhook_id=webhook_id)
                try:
                    answer = session.post(f"{web.address}/webhooks/shopify", data=body, headers=headers, timeout=5)
                except requests.RequestException:
                    return
                if answer.status_code == 200:
                    acknowledged.add(webhook_id)
                number += 1

    senders = [threading.Thread(target=send, args=[number]) for number in range(SENDERS)]
    for thread in senders:
        thread.start()
    pause(LOAD_SECONDS)
    with engine.begin() as holding:
        holding.execute(text("LOCK TABLE inbox_keys IN SHARE MODE"))
        pause(0.3)
        web.kill()
    ending.set()
    for thread in senders:
        thread.join()
    return acknowledged, {row["external_id"] for row in rows(engine, "external_id, id")}


def test_what_was_acknowledged_is_stored(web: WebProcess, engine: Engine) -> None:
    acknowledged, stored = _acknowledged_and_stored(engine, web)
    assert len(acknowledged) > 50
    assert acknowledged - stored == set()


@pytest.mark.long
def test_control_acknowledging_before_the_commit_loses_deliveries(
    database_url: str, redis_url: str, engine: Engine, tmp_path: Path
) -> None:
    with WebProcess(database_url, redis_url, tmp_path / "log", target="tests.intake.eager:app") as web:
        acknowledged, stored = _acknowledged_and_stored(engine, web)
    assert acknowledged - stored != set()


@pytest.mark.long
def test_what_was_acknowledged_is_stored_in_every_one_of_twenty_kills(
    database_url: str, redis_url: str, engine: Engine, tmp_path: Path
) -> None:
    for round_number in range(20):
        with engine.begin() as connection:
            connection.execute(text("TRUNCATE shops, inbox, inbox_keys"))
        with WebProcess(database_url, redis_url, tmp_path / f"log-{round_number}") as web:
            acknowledged, stored = _acknowledged_and_stored(engine, web)
        assert acknowledged - stored == set(), f"round {round_number}"
