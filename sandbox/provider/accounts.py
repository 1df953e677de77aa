"""The provider's accounts: who they are, how they behave here, and what they hold."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field, fields
from typing import Any

from sandbox.provider import moments
from sandbox.provider.attributes import CATEGORIES, Attribute, Attributes
from sandbox.provider.commerce import Shop
from sandbox.provider.contacts import ContactBook
from sandbox.provider.imports import Process
from sandbox.provider.limits import TIERS, Limiter
from sandbox.provider.lists import Lists
from sandbox.provider.mailbox import Mailbox
from sandbox.provider.webhooks import Hook
from sandbox.provider.wire import Answer, Call, Route

PLANS = {"general": "free", "advanced": "subscription", "extended": "subscription"}


@dataclass
class Settings:
    """How an account behaves here. Rates are shares from 0 to 1.

    `clicks`, `unsubscribes` (through the link in the body), `list_unsubscribes` (through the mail program)
    and `reopens` are shares of those who open. `delivery_seconds` is business time; `too_early_seconds` (a
    second write to a contact within it is answered 425) and `lookup_lag_seconds` (until a message shows in
    GET /smtp/emails) are wire time; `webhook_retry_seconds` and `import_seconds` are real time.
    """

    seed: int = 1
    honour_idempotency: bool = True
    delivery_seconds: float = 60.0
    opens: float = 0.0
    reopens: float = 0.0
    clicks: float = 0.0
    unsubscribes: float = 0.0
    list_unsubscribes: float = 0.0
    proxy_opens: float = 0.0
    soft_bounces: float = 0.0
    hard_bounces: float = 0.0
    deferrals: float = 0.0
    complaints: float = 0.0
    webhook_retry_seconds: tuple[float, ...] = (0.2, 0.4, 0.8, 1.6, 3.2)
    too_early_seconds: float = 0.0
    lookup_lag_seconds: float = 0.0
    import_seconds: float = 0.2
    batch_partial_status: int = 400

    def update(self, values: dict[str, Any]) -> None:
        """Raises ValueError for an unknown name or a value of another type; then nothing changes."""
        known = {f.name: getattr(self, f.name) for f in fields(self)}
        checked: dict[str, Any] = {}
        for name, value in values.items():
            if name not in known:
                raise ValueError(f"unknown setting {name!r}")
            if isinstance(known[name], tuple):
                checked[name] = tuple(float(pause) for pause in value)
            elif isinstance(known[name], bool) != isinstance(value, bool):
                raise ValueError(f"setting {name!r} is of another type")
            else:
                checked[name] = type(known[name])(value)
        for name, value in checked.items():
            setattr(self, name, value)


@dataclass
class Account:
    """`key` is the API key that callers send; `lock` guards everything the account holds."""

    key: str
    number: int
    organisation: str
    api_key_name: str
    tier: str
    daily_quota: int | None
    senders: list[dict[str, Any]]
    lists: Lists
    settings: Settings
    templates: dict[int, dict[str, Any]] = field(default_factory=dict)
    attributes: Attributes = field(default_factory=Attributes)
    contacts: ContactBook = field(default_factory=ContactBook)
    mailbox: Mailbox = field(default_factory=Mailbox)
    shop: Shop = field(default_factory=Shop)
    hooks: dict[int, Hook] = field(default_factory=dict)
    events: list[dict[str, Any]] = field(default_factory=list)
    processes: dict[int, Process] = field(default_factory=dict)
    lock: threading.RLock = field(default_factory=threading.RLock)
    hooks_made: int = 0

    def __post_init__(self) -> None:
        self.limiter = Limiter(self.tier)

    def new_hook_id(self) -> int:
        self.hooks_made += 1
        return self.number * 1000 + self.hooks_made


class Accounts:
    def __init__(self) -> None:
        self._accounts: dict[str, Account] = {}
        self._lock = threading.Lock()
        self.defaults: dict[str, Any] = {}

    def get(self, key: str | None) -> Account | None:
        return self._accounts.get(key or "")

    def all(self) -> list[Account]:
        with self._lock:
            return list(self._accounts.values())

    def add(self, description: dict[str, Any], now: float) -> Account:
        """Open an account from its JSON form (README lists the fields); raises ValueError."""
        given = dict(description)
        key, tier = given.pop("key", None), given.pop("tier", "general")
        if not isinstance(key, str) or not key:
            raise ValueError("an account needs a key")
        if tier not in TIERS:
            raise ValueError(f"tier should be one of {', '.join(TIERS)}")
        with self._lock:
            if key in self._accounts:
                raise ValueError(f"there is an account with key {key!r}")
            number = len(self._accounts) + 1
            account = Account(
                key=key,
                number=number,
                organisation=given.pop("name", f"Account {number}"),
                api_key_name=given.pop("api_key_name", "sandbox"),
                tier=tier,
                daily_quota=given.pop("daily_quota", None),
                senders=_senders(given.pop("senders", [f"sender{number}@example.com"])),
                lists=Lists(now),
                settings=Settings(),
                templates={int(id): template for id, template in given.pop("templates", {}).items()},
            )
            account.settings.update({**self.defaults, **given.pop("settings", {})})
            account.shop.active = bool(given.pop("ecommerce", False))
            for attribute in given.pop("attributes", []):
                account.attributes.define(_attribute(attribute))
            if given:
                raise ValueError(f"unknown account field {sorted(given)[0]!r}")
            self._accounts[key] = account
            return account


def _senders(given: list[Any]) -> list[dict[str, Any]]:
    rows = [{"email": row} if isinstance(row, str) else row for row in given]
    return [
        {
            "id": number,
            "email": row["email"].lower(),
            "name": row.get("name", row["email"].partition("@")[0]),
            "active": row.get("active", True),
        }
        for number, row in enumerate(rows, start=1)
    ]


def _attribute(given: dict[str, Any]) -> Attribute:
    category = given.get("category", "normal")
    if category not in CATEGORIES or "name" not in given:
        raise ValueError("an attribute needs a name and a known category")
    return Attribute(
        category,
        given["name"],
        given.get("type", "text"),
        given.get("enumeration", []),
        given.get("options", []),
    )


def get_account(call: Call) -> Answer:
    account = call.account
    with account.lock:
        sent = account.mailbox.sent_on(moments.day(call.now))
    left = 1_000_000 if account.daily_quota is None else account.daily_quota - sent
    return Answer(
        200,
        {
            "organization_id": f"{account.number:024d}",
            "user_id": account.number,
            "enterprise": account.tier == "extended",
            "companyName": account.organisation,
            "email": account.senders[0]["email"] if account.senders else "owner@example.com",
            "firstName": "Camille",
            "lastName": "Martin",
            "address": {
                "city": "Paris",
                "country": "France",
                "street": "1 rue de la Paix",
                "zipCode": "75002",
            },
            "plan": [{"type": PLANS[account.tier], "credits": left, "creditsType": "sendLimit"}],
            "relay": {
                "enabled": True,
                "data": {"userName": "owner@example.com", "relay": "smtp-relay.brevo.com", "port": 587},
            },
            "marketingAutomation": {"enabled": True, "key": f"ma{account.number:08d}"},
        },
    )


def list_senders(call: Call) -> Answer:
    return Answer(200, {"senders": [{**sender, "ips": []} for sender in call.account.senders]})


ROUTES = [Route("GET", "/account", get_account), Route("GET", "/senders", list_senders)]
