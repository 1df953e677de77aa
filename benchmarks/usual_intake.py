"""Baseline: a webhook as applications usually take it. Flask on threads; verify, one INSERT, one job, answer.

No slower than need be: pooled connections, one statement, and the job carries the row's id only.
"""

from __future__ import annotations

import hmac
from base64 import b64encode
from hashlib import sha256

from flask import Flask, Response, request
from psycopg.types.json import Jsonb
from psycopg_pool import ConnectionPool
from redis import Redis
from rq import Queue

from benchmarks.orders import SECRET
from connector.settings import Settings

THREADS = 16
TABLE = """
CREATE TABLE usual_webhooks (
    id bigserial PRIMARY KEY, webhook_id text NOT NULL UNIQUE, topic text NOT NULL, shop text NOT NULL,
    raw bytea NOT NULL, headers jsonb NOT NULL, received_at timestamptz NOT NULL DEFAULT now()
)
"""
_INSERT = """
INSERT INTO usual_webhooks (webhook_id, topic, shop, raw, headers) VALUES (%s, %s, %s, %s, %s)
ON CONFLICT DO NOTHING RETURNING id
"""


def create_app() -> Flask:
    """The application of one process: to be called after the fork."""
    settings = Settings.from_env()
    pool = ConnectionPool(
        settings.database_url.replace("+psycopg", "", 1),
        min_size=THREADS,
        max_size=THREADS,
        kwargs={"autocommit": True, "options": "-c synchronous_commit=on"},
    )
    jobs = Queue("usual", connection=Redis.from_url(settings.redis_url))
    app = Flask(__name__)

    @app.post("/webhooks/shopify")
    def receive() -> Response:
        body = request.get_data()
        expected = b64encode(hmac.digest(SECRET.encode(), body, sha256))
        given = request.headers.get("X-Shopify-Hmac-Sha256", "").encode()
        if not hmac.compare_digest(expected, given):
            return Response(status=401)
        headers = {name: value for name, value in request.headers if name.startswith("X-Shopify-")}
        values = (
            headers["X-Shopify-Webhook-Id"],
            headers["X-Shopify-Topic"],
            headers["X-Shopify-Shop-Domain"],
            body,
            Jsonb(headers),
        )
        with pool.connection() as connection:
            stored = connection.execute(_INSERT, values).fetchone()
        if stored:
            jobs.enqueue("builtins.print", stored[0])
        return Response(status=200)

    return app
