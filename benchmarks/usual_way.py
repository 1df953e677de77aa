"""The usual way to write such a connector, as a baseline: a Flask route that verifies and enqueues one RQ job per
webhook, and a job that makes one call of the provider with what the webhook says.

Nothing is kept but in Redis, nothing is coalesced or read from the store, no rate limit is known beforehand: a job
that meets one fails and is tried again by RQ, three times.

``granian --interface wsgi benchmarks.usual_way:app`` is the web process, ``python -m benchmarks.usual_way`` a worker.
Both read BENCH_REDIS_URL, BENCH_PROVIDER_URL and BENCH_SECRET.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

import requests
from flask import Flask, Response, request
from redis import Redis
from rq import Queue, Retry, Worker
from rq.serializers import JSONSerializer

from benchmarks.stage import APP_SECRET, NotReady, Stage, free_port, wait_for
from webhooks.verify import is_signed

QUEUE = "usual-way"
RETRY_SECONDS = [1, 2, 4]
WORKERS = 2

app = Flask(__name__)


def account_of(shop: str) -> str:
    """The key of the shop's account at the provider: not the product's, so that neither uses up the other's limits."""
    return f"usual-way-of-{shop}"


@app.post("/webhooks/shopify")
def receive() -> Response:
    body = request.get_data()
    if not is_signed(body, request.headers.get("X-Shopify-Hmac-Sha256", ""), [os.environ["BENCH_SECRET"]]):
        return Response(status=401)
    shop, topic = request.headers["X-Shopify-Shop-Domain"], request.headers["X-Shopify-Topic"]
    retry = Retry(max=len(RETRY_SECONDS), interval=RETRY_SECONDS)
    _queue().enqueue("benchmarks.usual_way.tell", shop, topic, request.get_json(), retry=retry, result_ttl=0)
    return Response(status=200)


def tell(shop: str, topic: str, payload: dict[str, Any]) -> None:
    """The job. Raises requests.HTTPError for whatever is not accepted, a rate limit too."""
    if topic == "orders/create":
        created = payload["created_at"]
        order = {
            "id": str(payload["id"]),
            "createdAt": _utc(created),
            "updatedAt": _utc(created),
            "status": payload["financial_status"],
            "amount": float(payload["total_price"]),
            "identifiers": {"email_id": payload["email"]},
            "products": [
                {"productId": str(line["product_id"]), "quantity": line["quantity"], "price": float(line["price"])}
                for line in payload["line_items"]
            ],
        }
        _post(shop, "/orders/status", order)
    else:
        _post(shop, "/contacts", {"email": payload["email"], "updateEnabled": True})


def _post(shop: str, path: str, body: dict[str, Any]) -> None:
    url = os.environ["BENCH_PROVIDER_URL"] + path
    requests.post(url, json=body, headers={"api-key": account_of(shop)}, timeout=10).raise_for_status()


def _utc(moment: str) -> str:
    return datetime.fromisoformat(moment).astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _queue() -> Queue:
    return Queue(QUEUE, connection=_redis(), serializer=JSONSerializer)


def _redis() -> Redis:
    return Redis.from_url(os.environ["BENCH_REDIS_URL"])


def main() -> None:
    """A worker as RQ starts it by default: it forks for every job."""
    worker = Worker([_queue()], connection=_redis(), serializer=JSONSerializer)
    worker.log.setLevel("ERROR")
    worker.work(with_scheduler=True)


@contextmanager
def running(stage: Stage) -> Iterator[str]:
    """The web process and two workers beside the product, which they share Redis and the provider with; the URL."""
    for domain in stage.domains:
        stage.provider("accounts", {"key": account_of(domain), "ecommerce": True})
    port = free_port()
    env = {
        "BENCH_REDIS_URL": stage.deps.settings.redis_url,
        "BENCH_PROVIDER_URL": f"{stage.provider_url}/v3",
        "BENCH_SECRET": APP_SECRET,
    }
    arguments = f"-m granian --interface wsgi --host 127.0.0.1 --port {port} {__name__}:app"
    stage.start("usual-way-web", *arguments.split(), env=env)
    for _ in range(WORKERS):
        stage.start("usual-way-worker", "-m", __name__, env=env, stop=(signal.SIGTERM, 3.0))
    url = f"http://127.0.0.1:{port}"
    if not wait_for(lambda: _answers(url), 20.0):
        raise NotReady("the usual way did not come up")
    yield url


def _answers(url: str) -> bool:
    try:
        return requests.get(f"{url}/webhooks/shopify", timeout=1).status_code == 405
    except requests.RequestException:
        return False


if __name__ == "__main__":
    main()
