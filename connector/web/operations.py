"""``GET /healthz`` and ``GET /metrics``: for load balancers and Prometheus.

Anybody may ask, so nothing personal is told, and shops go by their numbers here.
"""

from __future__ import annotations

from dataclasses import asdict

from flask import Blueprint, Response, jsonify
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, Gauge, generate_latest

from connector.metrics import Metrics
from connector.pulse import Sign
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
            "processes": {name: _told(sign) for name, sign in report.processes.items()},
            "lagging": report.lagging,
            "waiting": {kind: asdict(waiting) for kind, waiting in report.waiting.items()},
            "stopped": report.stopped,
            "draining": [asdict(one) for one in report.draining],
        }
        return jsonify(body), 200 if report.ready else 503

    @routes.get("/metrics")
    def scrape() -> Response:
        page = generate_latest(metrics.registry) + generate_latest(_installation(health.report()))
        return Response(page, content_type=CONTENT_TYPE_LATEST)

    return routes


def _told(sign: Sign) -> dict[str, object]:
    """Without the kind of error: that is for the log and for ``connector doctor``."""
    return {"state": sign.state, "age": sign.age, "failures": sign.failures}


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
    stopped = Gauge("connector_stopped_rows", "Work that waits for somebody, by kind.", ["kind"], registry=registry)
    for kind, count in report.stopped.items():
        stopped.labels(kind).set(count)
    alive = Gauge("connector_alive", "1 when the process beats without failing.", ["name"], registry=registry)
    for name, sign in report.processes.items():
        alive.labels(name).set(sign.state == "alive")
    draining = Gauge(
        "connector_draining_seconds",
        "How long the calls that wait now take at the limit of Brevo.",
        ["shop", "bucket"],
        registry=registry,
    )
    for one in report.draining:
        draining.labels(one.shop, one.bucket).set(one.seconds)
    return registry
