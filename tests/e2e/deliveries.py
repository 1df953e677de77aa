"""Webhooks of a store as a test posts them: bodies of the platform's shape, signed, each with an id of its own.

Where the platforms' contracts are at hand (CONTRACTS_DIR, by default `../shared/contracts`), a body is the
platform's own sample with ids, addresses and dates changed; elsewhere it is the changed part alone, which is all
that decides anything.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import os
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cache
from itertools import count
from pathlib import Path
from typing import Any

import requests

from sandbox.clock import Clock
from tests.e2e.product import APP_SECRET
from tests.runtime.conftest import PROJECT

CONTRACTS = Path(os.environ.get("CONTRACTS_DIR") or PROJECT.parent / "shared" / "contracts")
REAL = Clock()
Body = dict[str, Any]


@cache
def _sample(topic: str) -> str:
    file = CONTRACTS / "shopify" / "webhooks" / f"{topic.replace('/', '__')}.json"
    return file.read_text(encoding="utf-8") if file.exists() else "{}"


def moment(at: float) -> str:
    """Unix seconds as payloads tell time: whole seconds."""
    return datetime.fromtimestamp(int(at), UTC).isoformat()


@dataclass(frozen=True)
class Shopper:
    """Somebody at one shop; ``number`` makes ids, tokens and the address. A guest has no account at the store."""

    shop: str
    number: int
    guest: bool = False

    @property
    def email(self) -> str:
        return f"shopper{self.number}@example.com"

    @property
    def customer_id(self) -> int:
        return 7_000_000_000_000 + self.number

    @property
    def token(self) -> str:
        return hashlib.sha256(f"{self.shop}/{self.number}".encode()).hexdigest()[:32]

    def customer(self, at: float) -> Body:
        """customers/create: without consent, as the platform sends it."""
        return _body("customers/create", self._customer(at) or {})

    def consent(self, at: float) -> Body:
        """customers_email_marketing_consent/update: subscribed."""
        told = {"state": "subscribed", "opt_in_level": "single_opt_in", "consent_updated_at": moment(at)}
        changed = {"customer_id": self.customer_id, "email_address": self.email, "email_marketing_consent": told}
        return _body("customers_email_marketing_consent/update", changed)

    def checkout(self, begun: float, changed: float, *, title: str = "Green tea") -> Body:
        """checkouts/create or checkouts/update of this shopper's one checkout; a guest ticks the box for marketing."""
        return _body(
            "checkouts/create",
            {
                "token": self.token,
                "cart_token": f"cart-{self.token}",
                "email": self.email,
                "customer": self._customer(begun),
                "buyer_accepts_marketing": self.guest,
                "created_at": moment(begun),
                "updated_at": moment(changed),
                "completed_at": None,
                "currency": "EUR",
                "presentment_currency": "EUR",
                "total_price": "19.80",
                "line_items": [_line(title)],
                "abandoned_checkout_url": f"https://{self.shop}/checkouts/{self.token}/recover?key=k",
            },
        )

    def order(self, at: float, *, email: str | None = None) -> Body:
        """orders/create from that checkout, perhaps under another address and then without a known customer."""
        return _body(
            "orders/create",
            {
                "id": 6_000_000_000_000 + self.number,
                "name": f"#{self.number}",
                "email": email or self.email,
                "contact_email": email or self.email,
                "customer": None if email else self._customer(at),
                "checkout_token": self.token,
                "cart_token": f"cart-{self.token}",
                "created_at": moment(at),
                "updated_at": moment(at),
                "processed_at": moment(at),
                "cancelled_at": None,
                "cancel_reason": None,
                "confirmed": True,
                "test": False,
                "financial_status": "paid",
                "currency": "EUR",
                "total_price": "19.80",
                "current_total_price": "19.80",
                "order_status_url": f"https://{self.shop}/orders/{self.token}",
                "line_items": [_line("Green tea")],
            },
        )

    def _customer(self, at: float) -> Body | None:
        if self.guest:
            return None
        return {
            "id": self.customer_id,
            "email": self.email,
            "first_name": "Ada",
            "last_name": "Moreau",
            "created_at": moment(at),
            "updated_at": moment(at),
            "admin_graphql_api_id": f"gid://shopify/Customer/{self.customer_id}",
        }


def _line(title: str) -> Body:
    return {"product_id": 5, "variant_id": 6, "title": title, "quantity": 2, "price": "9.90"}


def _body(topic: str, changed: Mapping[str, Any]) -> Body:
    sample: Body = json.loads(_sample(topic))
    return {**sample, **changed}


@dataclass
class Poster:
    """Posts webhooks to the product as the platform would. Safe to use from many threads at once.

    ``acknowledged``: the ids that got a 2xx, and when (real unix seconds, taken as soon as the answer was there).
    """

    url: str
    secret: str = APP_SECRET
    acknowledged: dict[str, float] = field(default_factory=dict)
    _numbers: Any = field(default_factory=count)
    _local: threading.local = field(default_factory=threading.local)
    _sessions: list[requests.Session] = field(default_factory=list)

    def post(self, shop: str, topic: str, body: Body) -> float:
        """When it was acknowledged; the test fails when it was not."""
        raw = json.dumps(body).encode()
        webhook_id = f"delivery-{next(self._numbers)}"
        headers = {
            "Content-Type": "application/json",
            "X-Shopify-Topic": topic,
            "X-Shopify-Hmac-Sha256": base64.b64encode(
                hmac.new(self.secret.encode(), raw, hashlib.sha256).digest()
            ).decode(),
            "X-Shopify-Shop-Domain": shop,
            "X-Shopify-API-Version": "2026-10",
            "X-Shopify-Webhook-Id": webhook_id,
            "X-Shopify-Event-Id": f"event-{webhook_id}",
        }
        answer = self._session().post(f"{self.url}/webhooks/shopify", data=raw, headers=headers, timeout=10)
        at = REAL.real()
        assert 200 <= answer.status_code < 300, f"{topic}: {answer.status_code}"
        self.acknowledged[webhook_id] = at
        return at

    def close(self) -> None:
        for session in self._sessions:
            session.close()

    def _session(self) -> requests.Session:
        if not hasattr(self._local, "session"):
            self._local.session = requests.Session()
            self._sessions.append(self._local.session)
        session: requests.Session = self._local.session
        return session
