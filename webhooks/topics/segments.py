"""customer.joined_segment and customer.left_segment, which only a subscription through the Admin API can carry."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from connector.scope import Scope
from sync import customer_signs
from webhooks.topics.payload import GlobalId, Payload
from webhooks.topics.topic import Delivery, Topic


class SegmentPayload(Payload):
    customer_id = GlobalId("Customer", required=True)
    segment_id = GlobalId("Segment", required=True)


def apply(scope: Scope, payload: Mapping[str, Any], delivery: Delivery) -> None:
    entered = delivery.topic == "customer.joined_segment"
    customer_signs.moved(scope, payload["customer_id"], payload["segment_id"], delivery.happened_at, entered=entered)


TOPICS = tuple(
    Topic("shopify", name, "other", SegmentPayload, apply)
    for name in ("customer.joined_segment", "customer.left_segment")
)
