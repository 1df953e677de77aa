"""What an endpoint is told of an event: read when it leaves, so that nothing of a person is kept for it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

import orjson

from connector.event_mapping import bounded
from connector.shops import Shop

LARGEST = 16_000
"""Bytes of the properties as JSON; Standard Webhooks asks for bodies below 20 kB."""

# Properties that lead to the person: to their cart or checkout, to where they live, or in their own words.
_LEAD_TO_THE_PERSON = frozenset(
    {"answers", "cart_token", "checkout_token", "invoice_url", "recovery_url", "tracking_number", "tracking_url"}
)


def message_id(event_id: UUID) -> str:
    """What the receiver knows a repetition by: one for an event, however often it is sent."""
    return f"evt_{event_id.hex}"


def body(
    shop: Shop,
    *,
    id: str,
    name: str,
    occurred_at: datetime,
    props: Mapping[str, Any],
    person: Mapping[str, Any] | None,
) -> bytes:
    """``{id, type, timestamp, data: {shop, occurred_at, person, properties}}`` as JSON.

    ``person``: ``{email, customer_id}``, or None for an endpoint that does not ask whose it is; then the properties
    that would lead to them are left out as well.
    """
    told = props if person is not None else {key: props[key] for key in props.keys() - _LEAD_TO_THE_PERSON}
    at = occurred_at.isoformat()
    data = {"shop": shop.domain, "occurred_at": at, "person": person, "properties": bounded(told, LARGEST)}
    return orjson.dumps({"id": id, "type": name, "timestamp": at, "data": data}, default=str)
