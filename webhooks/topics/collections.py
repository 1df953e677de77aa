"""collections/*: their names. Which products are in them is read from the store."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from marshmallow import fields

from connector.scope import Scope
from sync import collections
from webhooks.topics.payload import URL, Payload, identifier, moment, text
from webhooks.topics.topic import Delivery, Topic


class _Image(Payload):
    src = text(URL)


class CollectionPayload(Payload):
    id = identifier(required=True)
    title = text()
    handle = text(255)
    image = fields.Nested(_Image, load_default=None, allow_none=True)
    updated_at = moment()


class CollectionDeletedPayload(Payload):
    id = identifier(required=True)


def apply(scope: Scope, payload: Mapping[str, Any], delivery: Delivery) -> None:
    told = {**payload, "image_url": (payload["image"] or {}).get("src")}
    created = delivery.topic == "collections/create"
    collections.project(scope, told, delivery.happened_at, created=created)


def apply_deletion(scope: Scope, payload: Mapping[str, Any], delivery: Delivery) -> None:
    collections.deleted(scope, payload["id"], delivery.happened_at)


TOPICS = (
    Topic("shopify", "collections/create", "other", CollectionPayload, apply),
    Topic("shopify", "collections/update", "other", CollectionPayload, apply),
    Topic("shopify", "collections/delete", "other", CollectionDeletedPayload, apply_deletion),
)
