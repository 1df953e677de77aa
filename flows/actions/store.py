"""What actions at the store have in common: the scope they need, whose customer it is, what the store says."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy import bindparam, select

from connector.deps import Deps
from connector.errors import ActionNeeded
from connector.models.person import persons
from connector.scope import Scope
from connector.shops import Shop
from flows.actions.action import NotDone

_CUSTOMER = select(persons.c.customer_id).where(
    persons.c.shop_id == bindparam("shop_id"), persons.c.id == bindparam("person")
)


def allowed(scope: Scope, needed: str) -> None:
    """Raises NotDone (``no_scope``) when the app was not granted this scope; what was granted may be unknown."""
    granted = scope.shop.granted_scopes
    if granted is not None and needed not in granted:
        raise NotDone("no_scope")


def customer_of(scope: Scope, person_id: int) -> int | None:
    """The store's number of the person's customer record; None when there is none."""
    found: int | None = scope.connection.scalar(_CUSTOMER, {"shop_id": scope.shop_id, "person": person_id})
    return found


def ask(deps: Deps, shop: Shop, document: str, variables: Mapping[str, Any], mutation: str) -> list[str]:
    """What the store has against it: sentences, none when it was done. Raises what ``Store.query`` raises, and NotDone
    when a scope is missing after all."""
    try:
        answer = deps.store(shop).query(document, variables)[mutation]
    except ActionNeeded as error:
        if error.code == "ACCESS_DENIED":
            raise NotDone("no_scope", error.detail) from error
        raise
    return [str(one.get("message")) for one in (answer or {}).get("userErrors") or []]
