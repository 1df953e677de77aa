"""What the two platforms send, made by hand from their documentation, not with our own code."""

from __future__ import annotations

import base64
import hashlib
import hmac
import threading
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Engine, text

SECRET = "app-secret"
OLD_SECRET = "app-secret-before"
DOMAIN = "demo-a.myshopify.com"
BREVO_TOKEN = "bearer-token-of-the-first-shop"


def sign(body: bytes, secret: str = SECRET) -> str:
    return base64.b64encode(hmac.new(secret.encode(), body, hashlib.sha256).digest()).decode()


def shopify_headers(
    body: bytes,
    *,
    secret: str = SECRET,
    topic: str = "orders/create",
    domain: str = DOMAIN,
    webhook_id: str | None = None,
    family: str = "X-Shopify-",
) -> dict[str, str]:
    headers = {
        f"{family}Topic": topic,
        f"{family}Hmac-Sha256": sign(body, secret),
        f"{family}Shop-Domain": domain,
        f"{family}API-Version": "2026-10",
        f"{family}Triggered-At": "2026-11-21T10:00:00.123Z",
        "Content-Type": "application/json",
    }
    if webhook_id is not None:
        headers[f"{family}Webhook-Id"] = webhook_id
    return headers


def add_shop(engine: Engine, domain: str = DOMAIN, *, token: str = BREVO_TOKEN, secret: str | None = None) -> int:
    with engine.begin() as connection:
        return int(
            connection.execute(
                text(
                    "INSERT INTO shops (domain, name, state, shopify_secret, sender_email, sender_name, timezone,"
                    " currency, salt, settings, brevo_webhook_digest, created_at) VALUES (:domain, 'Teahouse',"
                    " 'active', :secret, 'shop@example.com', 'Teahouse', 'UTC', 'EUR', 'salt', '{}', :digest,"
                    " '2026-01-01T00:00:00Z') RETURNING id"
                ),
                {
                    "domain": domain,
                    "secret": secret,
                    "digest": hashlib.sha256(token.encode()).hexdigest(),
                },
            ).scalar_one()
        )


def rows(engine: Engine, columns: str = "*", where: str = "true") -> list[Mapping[str, Any]]:
    with engine.connect() as connection:
        found = connection.execute(text(f"SELECT {columns} FROM inbox WHERE {where} ORDER BY id"))
        return [dict(row) for row in found.mappings()]


@dataclass
class Counted:
    """Counts as the intake reports them."""

    outcomes: list[tuple[str, str]] = field(default_factory=list)
    groups: list[int] = field(default_factory=list)
    bells: list[str] = field(default_factory=list)

    def webhook(self, source: str, outcome: str) -> None:
        self.outcomes.append((source, outcome))

    def group(self, rows: int, seconds: float) -> None:
        self.groups.append(rows)

    def bell(self, outcome: str) -> None:
        self.bells.append(outcome)


def all_at_once(jobs: Iterable[Any]) -> list[Any]:
    """Run callables in threads that start together; their results in order."""
    work = list(jobs)
    results: list[Any] = [None] * len(work)
    gate = threading.Barrier(len(work))

    def run(place: int) -> None:
        gate.wait()
        results[place] = work[place]()

    threads = [threading.Thread(target=run, args=[place]) for place in range(len(work))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return results
