"""Carts: what somebody, unknown until a checkout names the cart, has put together."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from hashlib import sha256
from typing import Any

import orjson
from sqlalchemy import RowMapping, select
from sqlalchemy.dialects.postgresql import insert

from connector import eventlog
from connector.eventlog import Fact
from connector.models.store import carts
from connector.scope import Scope
from sync import checkouts, people


def project(scope: Scope, payload: Mapping[str, Any], items: Sequence[Mapping[str, Any]] | None, at: datetime) -> None:
    """Apply a cart payload and say what happened to the cart; ``items`` None: the payload does not tell."""
    token = payload["token"]
    held = _held(scope, token)
    created_at = payload["created_at"] or (held["created_at"] if held else payload["updated_at"] or at)
    updated_at = payload["updated_at"] or at
    if items is None:
        items = held["items"] if held else []
    values = {
        "items": list(items),
        "total": sum((Decimal(item["line_price"]) for item in items), Decimal(0)),
        "currency": payload["currency"] or (held["currency"] if held else None),
        "created_at": created_at,
        "source_updated_at": updated_at,
    }
    if held is None or updated_at >= held["source_updated_at"]:
        statement = insert(carts).values(shop_id=scope.shop_id, token=token, **values)
        scope.connection.execute(statement.on_conflict_do_update(index_elements=["shop_id", "token"], set_=values))
    _tell(scope, token, values, held)


def _held(scope: Scope, token: str) -> RowMapping | None:
    query = select(carts).where(carts.c.shop_id == scope.shop_id, carts.c.token == token)
    return scope.connection.execute(query).mappings().first()


def _tell(scope: Scope, token: str, values: Mapping[str, Any], held: RowMapping | None) -> None:
    """What this state of the cart says: begun, changed, emptied. Its flows are those of its checkout."""
    changed_at = values["source_updated_at"]
    props = {
        "cart_token": token,
        "total": str(values["total"]),
        "currency": values["currency"],
        "items": values["items"],
        "changed_at": changed_at.isoformat(),
    }
    subject, person_id, key = f"cart:{token}", people.person_of(scope, "cart", token), token
    cleared = bool(held and held["items"] and not values["items"] and changed_at >= held["source_updated_at"])
    if cleared:
        checkout = checkouts.of_cart(scope, token)
        if checkout is not None:
            person_id, key = checkout["person_id"] or person_id, checkout["token"]
            props["checkout_token"] = key

    def fact(name: str, identity: str, at: datetime) -> Fact:
        return Fact(name, f"{subject}:{identity}", at, subject, person_id, key, props)

    facts = [fact("cart_created", "created", values["created_at"])]
    if changed_at > values["created_at"]:
        content = sha256(orjson.dumps([props["items"], props["total"]])).hexdigest()[:16]
        facts.append(fact("cart_updated", f"{changed_at.isoformat()}:{content}", changed_at))
    if cleared:
        facts.append(fact("cart_cleared", f"cleared:{changed_at.isoformat()}", changed_at))
    eventlog.append(scope, facts)
