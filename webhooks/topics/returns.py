"""returns/*: a customer wants to send something back, and what became of it. One shape, told apart by the topic."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

from marshmallow import fields

from connector.scope import Scope
from sync import order_changes
from webhooks.topics.payload import Payload, count, identifier, text
from webhooks.topics.topic import Delivery, Topic


class _Order(Payload):
    id = identifier(required=True)


class ReturnPayload(Payload):
    id = identifier(required=True)
    order = fields.Nested(_Order, required=True)
    name = text(255)
    status = text(64)
    total_return_line_items = count()


# A return is closed when all of it was received and settled.
EVENTS: Mapping[str, str] = {
    "returns/request": "return_requested",
    "returns/approve": "return_approved",
    "returns/decline": "return_declined",
    "returns/cancel": "return_cancelled",
    "returns/close": "order_returned",
}


def apply(event: str, scope: Scope, payload: Mapping[str, Any], delivery: Delivery) -> None:
    about = {
        "return_id": payload["id"],
        "return_name": payload["name"],
        "return_items": payload["total_return_line_items"],
    }
    order_changes.returned(scope, payload["order"]["id"], event, about, delivery.happened_at)


TOPICS = tuple(Topic("shopify", name, "other", ReturnPayload, partial(apply, event)) for name, event in EVENTS.items())
