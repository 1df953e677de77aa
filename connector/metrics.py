"""What this process counts of itself, for Prometheus.

Every number carries the label ``process``: with several web processes a scrape reads one of them, and sums
over ``process`` stay right. What the whole installation has waiting is read from the database
(connector.web.backlog). No label ever holds anything of a person.
"""

from __future__ import annotations

import os

from prometheus_client import CollectorRegistry, Counter, Histogram


class Metrics:
    """The counters of one process: build it after the fork."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self._process = str(os.getpid())
        self._webhooks = Counter(
            "connector_webhooks",
            "Deliveries by source and what became of them.",
            ["source", "outcome", "process"],
            registry=self.registry,
        )
        self._bells = Counter(
            "connector_bells", "Bells by what became of them.", ["outcome", "process"], registry=self.registry
        )
        self._group_rows = Histogram(
            "connector_intake_group_rows",
            "Deliveries stored by one commit.",
            ["process"],
            buckets=(1, 2, 4, 8, 16, 32, 64, 128, 256, 512),
            registry=self.registry,
        )
        self._group_seconds = Histogram(
            "connector_intake_group_seconds",
            "Machine time that one commit took.",
            ["process"],
            buckets=(0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 4),
            registry=self.registry,
        )

    def webhook(self, source: str, outcome: str) -> None:
        """``outcome``: stored, duplicate, unknown_topic, unknown_shop, refused, too_large or not_stored."""
        self._webhooks.labels(source, outcome, self._process).inc()

    def bell(self, outcome: str) -> None:
        """``outcome``: rung, silent (already ringing, or Redis is down) or dropped."""
        self._bells.labels(outcome, self._process).inc()

    def group(self, rows: int, seconds: float) -> None:
        """One commit of the intake: how many deliveries and how long it took."""
        self._group_rows.labels(self._process).observe(rows)
        self._group_seconds.labels(self._process).observe(seconds)
