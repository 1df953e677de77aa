"""customers/*: the profile, and two records that become one or none.

Consent, tags and counts are not in these payloads since 2025-01 and are fetched. A merge is a job of the store: only
its end counts. Whether the store also tells that the record which a merge took away was deleted is not documented;
told or not, before or after, it changes nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from marshmallow import fields, validate

from connector.scope import Scope
from sync import customers
from webhooks.topics.payload import CustomerPayload, GlobalId, Payload, identifier
from webhooks.topics.topic import Delivery, Topic


class CustomerMergePayload(Payload):
    admin_graphql_api_customer_kept_id = GlobalId("Customer", required=True)
    admin_graphql_api_customer_deleted_id = GlobalId("Customer", required=True)
    # requested | in_progress | completed | failed
    status = fields.String(required=True, validate=validate.Length(max=64))


class CustomerDeletedPayload(Payload):
    id = identifier(required=True)


def apply(scope: Scope, payload: Mapping[str, Any], delivery: Delivery) -> None:
    customers.project(scope, payload, created=delivery.topic == "customers/create")


def apply_merge(scope: Scope, payload: Mapping[str, Any], delivery: Delivery) -> None:
    if payload["status"].lower() != "completed":
        return
    kept, gone = (payload[f"admin_graphql_api_customer_{which}_id"] for which in ("kept", "deleted"))
    customers.merged(scope, kept, gone)


def apply_deletion(scope: Scope, payload: Mapping[str, Any], delivery: Delivery) -> None:
    customers.deleted(scope, payload["id"], delivery.happened_at)


TOPICS = (
    Topic("shopify", "customers/create", "other", CustomerPayload, apply),
    Topic("shopify", "customers/update", "other", CustomerPayload, apply),
    Topic("shopify", "customers/merge", "commerce", CustomerMergePayload, apply_merge),
    Topic("shopify", "customers/delete", "commerce", CustomerDeletedPayload, apply_deletion),
)
