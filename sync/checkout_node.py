"""An abandoned checkout as the store's GraphQL tells it (queries/abandoned_checkouts.graphql), applied like a delivery.

It has an id of its own there and no token: webhooks know it by the token in its recovery address.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from connector.scope import Scope
from sync import checkouts
from sync.node_lines import items
from sync.node_values import moment, number, shop_money

# .../checkouts/TOKEN/recover, .../checkouts/ac/TOKEN/recover
_PATH = re.compile(r"/checkouts/(?:[a-z]{2}/)?([^/]{5,200})(?:/|\Z)")


def token(node: Mapping[str, Any]) -> str | None:
    """By which the checkout is known; None when its address does not tell."""
    found = _PATH.search(urlsplit(node.get("abandonedCheckoutUrl") or "").path)
    return found[1] if found else None


def refresh(scope: Scope, node: Mapping[str, Any]) -> None:
    """Apply the checkout. Raises ValueError when its address does not tell which it is."""
    named = token(node)
    if named is None:
        raise ValueError("the recovery address of the checkout holds no token")
    checkouts.project(scope, _payload(node, named), items(node))


def _payload(node: Mapping[str, Any], named: str) -> dict[str, Any]:
    customer = node.get("customer") or None
    money = (node.get("totalPriceSet") or {}).get("shopMoney") or {}
    return {
        "token": named,
        "cart_token": None,
        "email": _address(customer),
        "customer": _customer(customer) if customer else None,
        "currency": money.get("currencyCode"),
        "presentment_currency": None,
        "total_price": shop_money(node.get("totalPriceSet")),
        "abandoned_checkout_url": node.get("abandonedCheckoutUrl"),
        "created_at": moment(node.get("createdAt")),
        "updated_at": moment(node.get("updatedAt")),
        "completed_at": moment(node.get("completedAt")),
        "buyer_accepts_marketing": None,
    }


def _address(customer: Mapping[str, Any] | None) -> str | None:
    return ((customer or {}).get("defaultEmailAddress") or {}).get("emailAddress")


def _customer(customer: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "id": number(customer["id"]),
        "email": _address(customer),
        "phone": None,
        "first_name": customer.get("firstName"),
        "last_name": customer.get("lastName"),
        "created_at": None,
        "updated_at": None,
        "default_address": None,
    }
