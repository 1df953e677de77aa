"""The provider's accounts: who they are and what they hold."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from typing import Any

from sandbox.provider.attributes import Attributes
from sandbox.provider.campaigns import CampaignMail
from sandbox.provider.commerce import Shop
from sandbox.provider.contacts import ContactBook
from sandbox.provider.coupons import Collection
from sandbox.provider.imports.process import Process
from sandbox.provider.limits import Limiter
from sandbox.provider.lists import Lists
from sandbox.provider.mailbox import Mailbox
from sandbox.provider.phone.texts import Phone
from sandbox.provider.segments import Segment
from sandbox.provider.senders import Senders
from sandbox.provider.settings import Settings
from sandbox.provider.stored_templates import Templates
from sandbox.provider.webhooks.registrations import Hook


@dataclass
class Account:
    """`key` is the API key that callers send; `lock` guards everything the account holds."""

    key: str
    number: int
    organisation: str
    api_key_name: str
    tier: str
    plan: list[dict[str, Any]]
    daily_quota: int | None
    senders: Senders
    lists: Lists
    settings: Settings
    templates: Templates = field(default_factory=Templates)
    segments: list[Segment] = field(default_factory=list)
    attributes: Attributes = field(default_factory=Attributes)
    contacts: ContactBook = field(default_factory=ContactBook)
    mailbox: Mailbox = field(default_factory=Mailbox)
    phone: Phone = field(default_factory=Phone)
    shop: Shop = field(default_factory=Shop)
    campaign_mails: list[CampaignMail] = field(default_factory=list)
    hooks: dict[int, Hook] = field(default_factory=dict)
    events: list[dict[str, Any]] = field(default_factory=list)
    processes: dict[int, Process] = field(default_factory=dict)
    coupon_collections: dict[str, Collection] = field(default_factory=dict)
    lock: threading.RLock = field(default_factory=threading.RLock)
    hooks_made: int = 0

    def __post_init__(self) -> None:
        self.limiter = Limiter(self.tier)

    def new_hook_id(self) -> int:
        self.hooks_made += 1
        return self.number * 1000 + self.hooks_made


class Accounts:
    """All accounts of the process by key. `lock` is held while one is opened."""

    def __init__(self) -> None:
        self._accounts: dict[str, Account] = {}
        self.lock = threading.RLock()
        self.defaults: dict[str, Any] = {}

    def get(self, key: str | None) -> Account | None:
        return self._accounts.get(key or "")

    def named(self, key: str) -> Account:
        """For control calls: raises ValueError."""
        account = self.get(key)
        if account is None:
            raise ValueError(f"no account with key {key!r}")
        return account

    def all(self) -> list[Account]:
        with self.lock:
            return list(self._accounts.values())

    def put(self, account: Account) -> None:
        with self.lock:
            self._accounts[account.key] = account
