"""What a simulated platform is made of: its shops, its seed, how many shoppers for how long, how it delivers.

A world file is JSON with the same names:
`{"seed": 7, "shoppers": 300, "days": 30, "customers": 0, "start": 1790000000, "secret": "...",
  "shops": [{"domain": "a.myshopify.com", "token": "...", "currency": "EUR", "timezone": "Europe/Paris"}],
  "app": {"client_id": "...", "url": "https://...", "redirect_urls": ["https://..."], "scopes": ["read_orders"]},
  "delivery": {"retries": 8, "first_retry_seconds": 0.2}, "bulk": {"objects_per_second": 2000}}`; only `shops` is
required.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from sandbox.store.apps import DEFAULT_CLIENT_ID, App
from sandbox.store.bulk.settings import BulkSettings

# As long as a real one: shorter ones do not make safe signatures.
DEFAULT_SECRET = "a-client-secret-that-no-real-store-knows"


@dataclass(frozen=True)
class ShopSettings:
    """`secret` is the app's, the same for all shops; a shop with one of its own has an app of its own, whose client id
    is `app-of-` and the shop's name. `installed`: with the app there and `token` good from the start."""

    domain: str
    token: str
    secret: str = DEFAULT_SECRET
    name: str = ""
    currency: str = "EUR"
    timezone: str = "Europe/Paris"
    locale: str = "en"
    country_code: str = "FR"
    country: str = "France"
    installed: bool = True

    def __post_init__(self) -> None:
        if not self.domain.endswith(".myshopify.com"):
            raise ValueError(f"shop {self.domain!r} must end with .myshopify.com")
        ZoneInfo(self.timezone)


@dataclass(frozen=True)
class DeliverySettings:
    """Real seconds. The platform retries 8 times over 4 hours; here the first comes early and doubles. Where
    `retries_over_seconds` is not 0 they double too, but on the business clock, the last so long after the first
    attempt: then an outage costs what it would cost. A subscription made through the Admin API ends when one webhook of
    it has failed for good or, where `straight_failures` is not 0, when so many attempts in a row have failed."""

    retries: int = 8
    first_retry_seconds: float = 0.2
    longest_retry_seconds: float = 30.0
    retries_over_seconds: float = 0.0
    straight_failures: int = 0
    connect_seconds: float = 1.0
    total_seconds: float = 5.0
    workers: int = 8


@dataclass(frozen=True)
class WorldSettings:
    """`start` is the business time at which the shoppers begin, None for now when the server starts; each shop
    has `customers` from before that, who do nothing by themselves. `app` is the one that shops have by default."""

    shops: tuple[ShopSettings, ...]
    seed: int = 1
    shoppers: int = 0
    days: int = 30
    customers: int = 0
    start: float | None = None
    app: App = field(default_factory=lambda: App(DEFAULT_CLIENT_ID, DEFAULT_SECRET))
    delivery: DeliverySettings = field(default_factory=DeliverySettings)
    bulk: BulkSettings = field(default_factory=BulkSettings)


def made_up_token(seed: int, domain: str) -> str:
    """The access token of a shop that was given none: the same for the same seed and domain."""
    return "shpat_" + hashlib.sha256(f"{seed}:{domain}".encode()).hexdigest()[:32]


def from_domains(
    domains: list[str],
    *,
    seed: int,
    shoppers: int,
    days: int,
    start: float | None = None,
    secret: str | None = None,
) -> WorldSettings:
    """Shops that differ in domain and token only. Raises ValueError."""
    world = {"seed": seed, "shoppers": shoppers, "days": days, "start": start, "secret": secret or DEFAULT_SECRET}
    return from_document(world | {"shops": [{"domain": domain} for domain in domains]})


def from_file(path: Path) -> WorldSettings:
    """Read a world file. Raises OSError, ValueError (with the name of what is wrong)."""
    return from_document(json.loads(path.read_text("utf-8")))


def from_document(document: dict[str, Any]) -> WorldSettings:
    """Check a world document. Raises ValueError."""
    seed = int(document.get("seed", 1))
    secret = document.get("secret", DEFAULT_SECRET)
    shops = []
    for shop in document.get("shops") or ():
        known = _only_known(ShopSettings, shop)
        known.setdefault("token", made_up_token(seed, known.get("domain", "")))
        shops.append(ShopSettings(**{"secret": secret, **known}))
    if not shops:
        raise ValueError("a world needs at least one shop")
    if len({shop.domain for shop in shops}) < len(shops):
        raise ValueError("two shops have the same domain")
    start = document.get("start")
    app = App(DEFAULT_CLIENT_ID, secret)
    app.change(document.get("app") or {})
    return WorldSettings(
        shops=tuple(shops),
        seed=seed,
        shoppers=int(document.get("shoppers", 0)),
        days=int(document.get("days", 30)),
        customers=int(document.get("customers", 0)),
        start=None if start is None else float(start),
        app=app,
        delivery=DeliverySettings(**_only_known(DeliverySettings, document.get("delivery") or {})),
        bulk=BulkSettings(**_only_known(BulkSettings, document.get("bulk") or {})),
    )


def _only_known(kind: type, document: dict[str, Any]) -> dict[str, Any]:
    names = {f.name for f in fields(kind)}
    unknown = set(document) - names
    if unknown:
        raise ValueError(f"unknown names in {kind.__name__}: {', '.join(sorted(unknown))}")
    return dict(document)
