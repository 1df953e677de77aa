"""The apps that shops may install: what the platform's developer dashboard knows of each."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any

DEFAULT_CLIENT_ID = "store-client-id"

# What the default app asks for, and every shop grants it.
GRANTED = (
    "read_all_orders", "read_customer_merge", "read_customers", "read_draft_orders", "read_fulfillments",
    "read_inventory", "read_locations", "read_orders", "read_products", "read_returns", "write_customer_merge",
    "write_customers", "write_discounts",
)  # fmt: skip


@dataclass
class App:
    """One app. `old_secret` is still taken while it is there, as during a rotation.

    `flow_triggers`: the handles of the triggers for workflows that it declares. `url` is what the admin opens in
    its frame, `redirect_urls` are the only ones that authorization may return to, `scopes` those of managed
    installation. `expiring_only`: non-expiring tokens are refused by the Admin API, as for public apps.
    `own_organisation`: client credentials are taken. `signs_with_old`: webhooks still carry the digest of the old
    secret, which the platform allows itself for an hour after a rotation.
    """

    client_id: str
    secret: str
    old_secret: str | None = None
    url: str | None = None
    redirect_urls: tuple[str, ...] = ()
    scopes: tuple[str, ...] = GRANTED
    expiring_only: bool = False
    own_organisation: bool = True
    signs_with_old: bool = False
    flow_triggers: tuple[str, ...] = ("connector-step",)

    @property
    def secrets(self) -> tuple[str, ...]:
        """All that are valid, the newest first."""
        return (self.secret, self.old_secret) if self.old_secret else (self.secret,)

    @property
    def signing_secret(self) -> str:
        return self.old_secret if self.signs_with_old and self.old_secret else self.secret

    def change(self, document: dict[str, Any]) -> None:
        """Change what `document` names. Raises ValueError for names that there are not."""
        names = {field.name for field in fields(self)}
        unknown = set(document) - names
        if unknown:
            raise ValueError(f"unknown names in App: {', '.join(sorted(unknown))}")
        for name, value in document.items():
            setattr(self, name, tuple(value) if name in ("redirect_urls", "scopes", "flow_triggers") else value)
