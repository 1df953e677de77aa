"""Nothing of a person and no secret reaches the logs, whatever arrives and whatever breaks."""

from __future__ import annotations

import io
import json
import logging
from collections.abc import Iterator
from dataclasses import dataclass

import pytest
from sqlalchemy import Engine, text
from werkzeug.test import Client

from connector import logging as connector_logging
from connector.settings import Settings
from tests.intake.senders import BREVO_TOKEN, SECRET, add_shop, shopify_headers, sign

CANARIES = {
    "email": "canary.person@example.com",
    "phone": "+1 555 010 4477",
    "token": "canary-token-0123456789abcdefABCDEF",
    "name": "Zebulon Quixworth",
    "injected": '\r\n{"level":"fake"}',
}
BODY = json.dumps(CANARIES).encode()


@dataclass
class _Log:
    stream: io.StringIO

    @property
    def lines(self) -> list[str]:
        return self.stream.getvalue().splitlines()


@pytest.fixture
def log(settings: Settings) -> Iterator[_Log]:
    root = logging.getLogger()
    handlers, level = root.handlers, root.level
    stream = io.StringIO()
    connector_logging.setup(Settings(log_level="DEBUG"), stream)
    yield _Log(stream)
    root.handlers, root.level = handlers, level


def _everything_arrives(client: Client, shop_id: int) -> set[int]:
    """Both routes, proven and not, with canaries in every place that a sender fills."""
    hostile = {
        "X-Shopify-Name": CANARIES["email"],
        "X-Shopify-Event-Id": CANARIES["token"],
        "User-Agent": CANARIES["name"],
        "Authorization": f"Bearer {CANARIES['token']}",
    }
    proven = {"Authorization": f"Bearer {BREVO_TOKEN}"}
    answers = [
        client.post("/webhooks/shopify", data=BODY, headers=shopify_headers(BODY) | hostile),
        client.post("/webhooks/shopify", data=BODY, headers=shopify_headers(BODY, secret="x") | hostile),
        client.post("/webhooks/shopify", data=BODY, headers=shopify_headers(BODY, topic=CANARIES["email"])),
        client.post("/webhooks/shopify", data=BODY, headers=shopify_headers(BODY, domain=CANARIES["email"])),
        client.post(f"/webhooks/brevo/{shop_id}", data=BODY, headers=hostile),
        client.post(f"/webhooks/brevo/{shop_id}", data=BODY, headers=proven),
        client.post(f"/webhooks/brevo/{shop_id}/{CANARIES['token']}?token={CANARIES['token']}", data=BODY),
    ]
    return {answer.status_code for answer in answers}


def _leaks(lines: list[str]) -> list[str]:
    secrets = [*CANARIES.values(), "canary", "Zebulon", SECRET, BREVO_TOKEN, sign(BODY)]
    return [line for line in lines if any(secret in line for secret in secrets)]


def test_no_canary_in_the_logs(client: Client, engine: Engine, log: _Log) -> None:
    shop_id = add_shop(engine)
    assert _everything_arrives(client, shop_id) == {200, 401}
    # A trigger whose complaint quotes the row, as many errors of PostgreSQL do.
    with engine.begin() as connection:
        connection.execute(
            text(
                "TRUNCATE inbox, inbox_keys;"
                "CREATE FUNCTION quote() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN"
                " RAISE EXCEPTION 'cannot take %', convert_from(NEW.raw, 'UTF8'); END $$;"
                "CREATE TRIGGER quote BEFORE INSERT ON inbox FOR EACH ROW EXECUTE FUNCTION quote();"
            )
        )
    assert _everything_arrives(client, shop_id) == {503, 401, 429, 200}
    written = [json.loads(line) for line in log.lines]
    assert {"intake_not_stored"} <= {line["event"] for line in written}
    assert _leaks(log.lines) == []


def test_a_defect_of_ours_is_logged_without_its_words(
    client: Client, engine: Engine, log: _Log, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop_id = add_shop(engine)

    def fail(*_: object) -> None:
        raise RuntimeError(f"cannot handle {CANARIES}")

    monkeypatch.setattr("webhooks.writer.Writer.store", fail)
    assert _everything_arrives(client, shop_id) == {503, 401, 429, 200}
    failures = [json.loads(line) for line in log.lines if "intake_failed" in line]
    assert {failure["error"] for failure in failures} == {"RuntimeError"}
    assert all(failure["where"].startswith("test_logs.py:") for failure in failures)
    assert _leaks(log.lines) == []


def test_control_an_ordinary_logger_leaks(client: Client, engine: Engine) -> None:
    stream = io.StringIO()
    plain = logging.Logger("plain")
    plain.addHandler(logging.StreamHandler(stream))
    try:
        raise RuntimeError(f"cannot handle {CANARIES}")
    except RuntimeError:
        plain.exception("failed")
    assert _leaks(stream.getvalue().splitlines())
