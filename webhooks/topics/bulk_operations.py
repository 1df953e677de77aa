"""bulk_operations/finish: the store has written the file that a backfill waits for. Where it is the store says when it
is asked."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from connector.scope import Scope
from sync import backfill
from webhooks.topics.payload import Payload, text
from webhooks.topics.topic import Delivery, Topic


class BulkOperationPayload(Payload):
    admin_graphql_api_id = text(255)


def apply(scope: Scope, payload: Mapping[str, Any], delivery: Delivery) -> None:
    if payload["admin_graphql_api_id"]:
        backfill.look_now(scope, payload["admin_graphql_api_id"])


TOPICS = (Topic("shopify", "bulk_operations/finish", "other", BulkOperationPayload, apply),)
