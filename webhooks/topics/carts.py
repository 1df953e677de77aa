"""carts/*: what lies in an online-store cart. A cart has no person; the checkout that follows names its token."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from marshmallow import fields, validate

from connector.scope import Scope
from sync import carts
from webhooks.topics.payload import LineItemPayload, Payload, items, moment, text
from webhooks.topics.topic import Delivery, Topic


class _Money(Payload):
    currency_code = text(8)


class _MoneySet(Payload):
    shop_money = fields.Nested(_Money, load_default=None, allow_none=True)
    presentment_money = fields.Nested(_Money, load_default=None, allow_none=True)


class _CartLinePayload(LineItemPayload):
    line_price_set = fields.Nested(_MoneySet, load_default=None, allow_none=True)


class CartPayload(Payload):
    token = fields.String(required=True, validate=validate.Length(min=1, max=255))
    created_at = moment()
    updated_at = moment()
    line_items = fields.List(
        fields.Nested(_CartLinePayload), load_default=None, allow_none=True, validate=validate.Length(max=20_000)
    )


def _currency(lines: list[dict[str, Any]]) -> str | None:
    """Carts tell it with the amounts of their lines only."""
    for line in lines:
        amounts = line["line_price_set"] or {}
        money = amounts.get("presentment_money") or amounts.get("shop_money")
        if money and money["currency_code"]:
            return str(money["currency_code"])
    return None


def apply(scope: Scope, payload: Mapping[str, Any], delivery: Delivery) -> None:
    told = {**payload, "currency": _currency(payload["line_items"] or [])}
    carts.project(scope, told, items(payload["line_items"]), delivery.happened_at)


TOPICS = tuple(Topic("shopify", name, "commerce", CartPayload, apply) for name in ("carts/create", "carts/update"))
