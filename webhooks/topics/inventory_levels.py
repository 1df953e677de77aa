"""inventory_levels/*: how much of an item is at one location."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from marshmallow import fields, validate

from connector.scope import Scope
from sync import stock
from webhooks.topics.payload import Payload, identifier, moment
from webhooks.topics.topic import Delivery, Topic


class LevelPayload(Payload):
    inventory_item_id = identifier(required=True)
    location_id = identifier(required=True)
    # Null: not tracked.
    available = fields.Integer(
        load_default=None, strict=True, allow_none=True, validate=validate.Range(-(10**9), 10**9)
    )
    updated_at = moment()


def apply(scope: Scope, payload: Mapping[str, Any], delivery: Delivery) -> None:
    stock.counted(scope, payload, delivery.happened_at)


def apply_disconnect(scope: Scope, payload: Mapping[str, Any], delivery: Delivery) -> None:
    """The item is kept at this location no longer."""
    stock.counted(scope, {**payload, "available": None}, delivery.happened_at)


TOPICS = (
    Topic("shopify", "inventory_levels/connect", "other", LevelPayload, apply),
    Topic("shopify", "inventory_levels/update", "other", LevelPayload, apply),
    Topic("shopify", "inventory_levels/disconnect", "other", LevelPayload, apply_disconnect),
)
