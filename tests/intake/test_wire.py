"""The real web process over real HTTP: what only the server in front can get wrong."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
from pathlib import Path

from redis import Redis
from sqlalchemy import Engine

from tests.intake.senders import add_shop, rows, shopify_headers, sign
from tests.intake.webprocess import WebProcess

BODY = b'{"id":1}'


def _request(headers: list[bytes], body: bytes = BODY) -> bytes:
    lines = [
        b"POST /webhooks/shopify HTTP/1.1",
        b"Host: shop",
        b"X-Shopify-Topic: orders/create",
        b"X-Shopify-Shop-Domain: demo-a.myshopify.com",
        *headers,
    ]
    return b"\r\n".join(lines) + b"\r\n\r\n" + body


def test_the_contract_holds_through_the_server(web: WebProcess, engine: Engine, redis_url: str) -> None:
    shop_id = add_shop(engine)
    signature = b"X-Shopify-Hmac-Sha256: " + sign(BODY).encode()
    length = b"Content-Length: %d" % len(BODY)

    refused = {
        "missing": [length],
        "wrong": [length, signature[:-5] + b"AAAA="],
        "doubled": [length, signature, signature],
        "not ASCII": [length, b"X-Shopify-Hmac-Sha256: \xc3\xa9\xff"],
    }
    for name, headers in refused.items():
        assert b" 401 " in web.raw(_request(headers))[:20], name
    assert b" 413 " in web.raw(_request([b"Content-Length: 3000000", signature], b""))[:20]
    assert rows(engine) == []

    assert b" 200 " in web.raw(_request([length, signature]))[:20]
    chunked = b"%x\r\n%b\r\n0\r\n\r\n" % (len(BODY), BODY)
    headers = [b"Transfer-Encoding: chunked", signature, b"X-Shopify-Webhook-Id: in-chunks"]
    assert b" 200 " in web.raw(_request(headers, chunked))[:20]
    assert [(row["shop_id"], row["raw"]) for row in rows(engine)] == [(shop_id, BODY)] * 2

    too_much = b"".join(b"100000\r\n%b\r\n" % (b"x" * 0x100000) for _ in range(3)) + b"0\r\n\r\n"
    assert b" 413 " in web.raw(_request([b"Transfer-Encoding: chunked", signature], too_much))[:20]

    # The bell is a job for a worker: one, however many deliveries there were.
    with Redis.from_url(redis_url) as redis:
        jobs = redis.lrange("rq:queue:intake", 0, -1)
    assert len(jobs) == 1
    health = web.session.get(f"{web.address}/healthz").json()
    assert (health["status"], health["redis"]) == ("ok", "up")


def test_redis_is_not_needed(database_url: str, engine: Engine, tmp_path: Path) -> None:
    add_shop(engine)
    with WebProcess(database_url, "redis://127.0.0.1:1/0", tmp_path / "web.log") as web:
        for number in range(5):
            body = BODY + b" " * number
            answer = web.session.post(
                f"{web.address}/webhooks/shopify", data=body, headers=shopify_headers(body), timeout=5
            )
            assert answer.status_code == 200
            assert answer.elapsed.total_seconds() < 1
        health = web.session.get(f"{web.address}/healthz")
        assert (health.status_code, health.json()["redis"]) == (200, "down")
    assert len(rows(engine)) == 5


def test_a_web_process_that_cannot_work_says_so_at_the_start() -> None:
    tried = subprocess.run(
        [sys.executable, "-c", "import connector.wsgi"],
        env={"CONNECTOR_ENV": "development"},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert tried.returncode == 1
    assert "DATABASE_URL and REDIS_URL and CONNECTOR_SECRET_KEYS: must be set" in tried.stderr


def test_a_sender_that_hangs_up_in_the_middle_is_no_error(web: WebProcess, engine: Engine) -> None:
    add_shop(engine)
    with socket.create_connection(("127.0.0.1", web.port)) as wire:
        wire.sendall(_request([b"Content-Length: 5000", b"X-Shopify-Hmac-Sha256: " + sign(BODY).encode()]))
    body = b'{"id":2}'
    answer = web.session.post(f"{web.address}/webhooks/shopify", data=body, headers=shopify_headers(body))
    assert answer.status_code == 200
    assert [row["raw"] for row in rows(engine)] == [body]
    assert "intake_failed" not in web.log


def test_every_line_that_the_process_logs_is_json(web: WebProcess) -> None:
    web.session.get(f"{web.address}/no-such-page")
    ours = [line for line in web.log.splitlines() if not line.startswith("[")]
    assert all(json.loads(line)["ts"] for line in ours)
