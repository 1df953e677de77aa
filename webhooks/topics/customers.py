"""customers/create and customers/update: the profile. Consent, tags and counts are not in these payloads since
2025-01 and are fetched."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from connector.scope import Scope
from sync import customers
from webhooks.topics.payload import CustomerPayload
from webhooks.topics.topic import Delivery, Topic


def apply(scope: Scope, payload: Mapping[str, Any], delivery: Delivery) -> None:
    customers.project(scope, payload, created=delivery.topic == "customers/create")


TOPICS = tuple(
    Topic("shopify", name, "other", CustomerPayload, apply) for name in ("customers/create", "customers/update")
)
