"""``GET /healthz`` and ``GET /metrics``: for load balancers and Prometheus. Nothing personal, no details."""

from __future__ import annotations

from dataclasses import asdict

from flask import Blueprint, Response, jsonify
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, Gauge, generate_latest

from connector.metrics import Metrics
from connector.web.health import Health, Report


def blueprint(health: Health, metrics: Metrics) -> Blueprint:
    """The routes, on this health and these metrics."""
    routes = Blueprint("operations", __name__)

    @routes.get("/healthz")
    def healthz() -> tuple[Response, int]:
        report = health.report()
        body = {
            "status": "ok" if report.ready else "unavailable",
            "postgres": report.postgres,
            "migrations": report.migrations,
            "redis": report.redis,
            "lagging": report.lagging,
            "waiting": {kind: asdict(waiting) for kind, waiting in report.waiting.items()},
        }
        return jsonify(body), 200 if report.ready else 503

    @routes.get("/metrics")
    def scrape() -> Response:
        page = generate_latest(metrics.registry) + generate_latest(_installation(health.report()))
        return Response(page, content_type=CONTENT_TYPE_LATEST)

    return routes


def _installation(report: Report) -> CollectorRegistry:
    """What is true of the whole installation, whichever process is asked."""
    registry = CollectorRegistry()
    ready = Gauge("connector_ready", "1 when PostgreSQL answers and is migrated.", registry=registry)
    ready.set(report.ready)
    redis = Gauge("connector_redis_up", "1 when Redis answers.", registry=registry)
    redis.set(report.redis == "up")
    rows = Gauge("connector_waiting_rows", "Work that waits, by kind.", ["kind"], registry=registry)
    age = Gauge("connector_waiting_seconds", "Age of the oldest, by kind.", ["kind"], registry=registry)
    for kind, waiting in report.waiting.items():
        rows.labels(kind).set(waiting.count)
        age.labels(kind).set(waiting.age)
    return registry
