"""A shop that has removed the app is erased: every row of it, in batches, but for a receipt.

Shopify asks for it 48 hours after app/uninstalled, which may have been lost, and also when the app has been installed
again meanwhile: so of a shop that we hold for connected the store itself is asked.

The first step takes the shop's name away, so that an installation from then on is another shop. What the store's
contacts at Brevo hold is the merchant's own and stays in the merchant's account.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from functools import cache
from hashlib import sha256
from typing import Any

from sqlalchemy import Connection, Select, Table, TextClause, delete, select, text, update

from connector import audit
from connector.db.session import autocommitted, transaction
from connector.deps import Deps
from connector.errors import ActionNeeded
from connector.models.privacy import privacy_requests
from connector.models.shop import shops
from connector.shops import Shop
from sync.privacy import requests
from sync.privacy.field_map import FIELD_MAP
from sync.privacy.requests import Request

BATCH = 2000
# The receipt is among the requests, the shop goes last, and the audit log by its own rule.
_APART = frozenset({"privacy_requests", "shops", "audit_log"})


def domain_digest(domain: str) -> str:
    """What stands for a shop on its receipt: sha256 of its domain, hexadecimal."""
    return sha256(domain.lower().encode()).hexdigest()


def tables() -> Sequence[Table]:
    """Every table that has rows of shops, as the field map names them."""
    return [one.table for one in FIELD_MAP if "shop_id" in one.table.c and one.name not in _APART]


def begin(deps: Deps, shop: Shop, request: Request) -> Request | None:
    """Take the shop's name and credentials away, unless the app is installed there.

    Raises Retry, ActionNeeded, ConfigurationError while nobody knows whether it is.
    """
    now = deps.clock.now()
    with autocommitted(deps.engine) as connection:
        before = connection.execute(_standing(shop.id)).one()
    refusal = None if before.state == "uninstalled" else _refusal(deps, shop)
    with transaction(deps.engine) as connection:
        row = connection.execute(_standing(shop.id).with_for_update()).one()
        receipt = {"domain_digest": domain_digest(row.domain), "begun_at": now.isoformat(), "tables": {}}
        if refusal is not None:
            receipt["found"] = refusal
        # Whoever installed it while the store was asked has a new token.
        if row.state != "uninstalled" and (refusal is None or row.installed_at != before.installed_at):
            said = f"the shop is {row.state}: the store still lets the app in"
            values: dict[str, Any] = {"state": "cancelled", "done_at": now, "reason": said}
            requests.write(connection, shop.id, request, **values, receipt=receipt)
            return None
        connection.execute(update(shops).where(shops.c.id == shop.id).values(_nameless(shop.id)))
        requests.write(connection, shop.id, request, stage="tables", receipt=receipt)
    return replace(request, stage="tables", receipt=receipt)


def _standing(shop_id: int) -> Select[tuple[str, str, datetime | None]]:
    return select(shops.c.domain, shops.c.state, shops.c.installed_at).where(shops.c.id == shop_id)


def _refusal(deps: Deps, shop: Shop) -> str | None:
    """How the store said that it does not know the app any more; None when it lets us in. Raises as ``begin`` does."""
    try:
        # The one question that needs no scope.
        deps.store(shop).query("app_installation", {})
    except ActionNeeded as error:
        # A frozen store keeps its apps, and wrong client settings are ours.
        if error.status not in _GONE or error.code in ("frozen", "invalid_client"):
            raise
        return f"app/uninstalled was not heard; the store answered {error.status} {error.code}".strip()
    return None


_GONE = frozenset({401, 403, 404})


def _nameless(shop_id: int) -> dict[str, Any]:
    """A shop that nobody finds by its domain and that opens no door."""
    blank = {column.name: None for column in shops.c if column.nullable}
    empty = {"name": "", "sender_email": "", "sender_name": "", "settings": {}, "brevo_webhook_digest": ""}
    return {**blank, **empty, "domain": f"erased-{shop_id}", "state": "uninstalled"}


def go_on(deps: Deps, shop: Shop, request: Request) -> Request | None:
    """Delete the next batch; with the last one the shop itself goes."""
    with transaction(deps.engine) as connection:
        audit.name_erased_shop(connection, shop.id)
        for table in tables():
            done = connection.execute(_some(table), {"shop_id": shop.id, "most": BATCH}).rowcount
            if done:
                counts = {**request.receipt["tables"]}
                counts[str(table.name)] = counts.get(table.name, 0) + done
                receipt = {**request.receipt, "tables": counts}
                requests.write(connection, shop.id, request, receipt=receipt)
                return replace(request, receipt=receipt)
        _end(connection, deps, shop, request)
    return None


@cache
def _some(table: Table) -> TextClause:
    # By its key, which begins with the shop: a place in the file is no name in a table of partitions.
    keys = [column.name for column in table.primary_key]
    same = " AND ".join(f'{table.name}."{key}" = part."{key}"' for key in keys)
    named = ", ".join(f'"{key}"' for key in keys)
    some = f"SELECT {named} FROM {table.name} WHERE shop_id = :shop_id LIMIT :most"  # noqa: S608
    return text(f"DELETE FROM {table.name} USING ({some}) AS part WHERE {same}")  # noqa: S608


def _end(connection: Connection, deps: Deps, shop: Shop, request: Request) -> None:
    now = deps.clock.now()
    receipt = {**request.receipt, "done_at": now.isoformat()}
    if lines := audit.erase(connection, shop.id):
        receipt = {**receipt, "tables": {**receipt["tables"], "audit_log": lines}}
    others = (privacy_requests.c.shop_id == shop.id) & (privacy_requests.c.id != request.id)
    connection.execute(delete(privacy_requests).where(others))
    connection.execute(delete(shops).where(shops.c.id == shop.id))
    requests.write(connection, shop.id, request, state="done", done_at=now, named={}, reason=None, receipt=receipt)
