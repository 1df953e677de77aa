"""What is examined: the installation, and each of its shops. What several checks ask for is asked once."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from typing import Any, TypeVar

from sqlalchemy import Connection, text

from connector.backoff import in_turn
from connector.brevo.client import BrevoAccount
from connector.db.session import transaction
from connector.deps import Deps
from connector.install import holdings
from connector.shopify.graphql import Store
from connector.shops import Shop

# No question to PostgreSQL is waited for longer: a doctor who hangs is no help.
_STATEMENT_TIMEOUT = "4s"
# Machine seconds for which a limit is waited for.
_PATIENCE = 5.0

Answer = TypeVar("Answer")


@dataclass
class Installation:
    """The installation as a whole."""

    deps: Deps

    @contextmanager
    def connection(self) -> Iterator[Connection]:
        """One short transaction, for reading."""
        with transaction(self.deps.engine) as connection:
            connection.execute(text(f"SET LOCAL statement_timeout = '{_STATEMENT_TIMEOUT}'"))
            yield connection


@dataclass
class ConnectedShop(Installation):
    """One shop. Its credentials are opened when a check first asks; ConfigurationError when they cannot be."""

    shop: Shop
    # Of calls to Brevo: nobody waits for a doctor who comes by himself.
    lane: str = "maintenance"

    @cached_property
    def store(self) -> Store:
        return self.deps.store(self.shop)

    @cached_property
    def account(self) -> BrevoAccount:
        return self.deps.brevo(self.shop)

    @cached_property
    def scopes(self) -> frozenset[str]:
        """The access scopes that the store's token has. Raises ProviderError."""
        said = self.in_turn(lambda: self.store.query("app_installation"))
        granted = (said.get("currentAppInstallation") or {}).get("accessScopes") or []
        return frozenset(str(scope.get("handle")) for scope in granted)

    @cached_property
    def plan(self) -> dict[str, Any]:
        """GET /account of Brevo. Raises ProviderError."""
        self.await_turn()
        return self.account.account()

    @cached_property
    def senders(self) -> list[dict[str, Any]]:
        """GET /senders of Brevo. Raises ProviderError."""
        self.await_turn()
        return self.account.senders()

    @cached_property
    def domains(self) -> list[dict[str, Any]]:
        """How the domain of the shop's sender stands at Brevo (``holdings.domain``). Raises ProviderError."""
        name = self.shop.sender_email.rpartition("@")[2].lower()
        self.await_turn()
        return [holdings.domain(self.account, name)] if name else []

    @cached_property
    def webhooks(self) -> list[dict[str, Any]]:
        """What reports from Brevo to wherever (``holdings.webhooks``). Raises ProviderError."""
        self.await_turn()
        return list(holdings.webhooks(self.account)["webhooks"])

    def in_turn(self, ask: Callable[[], Answer]) -> Answer:
        """What the store answers, when its query budget is used up only for a moment. Raises ProviderError."""
        return in_turn(ask, _PATIENCE)

    def await_turn(self, bucket: str = "other") -> None:
        """Take a call from the account's limit, as a rule behind everybody else's. Raises RateLimited."""
        self.account.await_turn(bucket, _PATIENCE, lane=self.lane)
