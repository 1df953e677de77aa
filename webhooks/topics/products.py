"""products/* and variants/*: the catalogue. All variants are listed by id, the first hundred in full."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from marshmallow import fields, validate

from connector.scope import Scope
from sync import products, stock
from webhooks.topics.payload import TEXT, URL, Money, Payload, identifier, moment, text
from webhooks.topics.topic import Delivery, Topic


class VariantPayload(Payload):
    id = identifier(required=True)
    title = text()
    sku = text(255)
    position = fields.Integer(load_default=None, strict=True, allow_none=True, validate=validate.Range(0, 10**6))
    price = Money(load_default=None, allow_none=True)
    # Null is an answer: no longer reduced.
    compare_at_price = Money(allow_none=True)
    inventory_item_id = identifier(load_default=None, allow_none=True)
    inventory_quantity = fields.Integer(
        load_default=None, strict=True, allow_none=True, validate=validate.Range(-(10**9), 10**9)
    )
    updated_at = moment()


class StockedVariantPayload(VariantPayload):
    product_id = identifier(required=True)


class _Image(Payload):
    src = text(URL)


class _VariantId(Payload):
    admin_graphql_api_id = fields.String(
        required=True, validate=validate.Regexp(r"gid://shopify/ProductVariant/[1-9]\d{0,17}\Z")
    )


class ProductPayload(Payload):
    id = identifier(required=True)
    title = text()
    handle = text(255)
    status = text(64)
    vendor = text(255)
    product_type = text(255)
    # "a, b"
    tags = text(65_000)
    image = fields.Nested(_Image, load_default=None, allow_none=True)
    created_at = moment()
    published_at = moment()
    updated_at = moment()
    variants = fields.List(
        fields.Nested(VariantPayload), load_default=None, allow_none=True, validate=validate.Length(max=2_048)
    )
    variant_gids = fields.List(
        fields.Nested(_VariantId), load_default=None, allow_none=True, validate=validate.Length(max=TEXT * 2)
    )


class ProductDeletedPayload(Payload):
    id = identifier(required=True)


def _told(payload: Mapping[str, Any]) -> dict[str, Any]:
    tags, gids = payload["tags"], payload["variant_gids"]
    return {
        **payload,
        "tags": None if tags is None else [tag.strip() for tag in tags.split(",") if tag.strip()],
        "published_at": payload["published_at"] or payload["created_at"],
        "image_url": (payload["image"] or {}).get("src"),
        "variant_ids": None if gids is None else [int(one["admin_graphql_api_id"].rsplit("/", 1)[-1]) for one in gids],
    }


def apply(scope: Scope, payload: Mapping[str, Any], delivery: Delivery) -> None:
    created = delivery.topic == "products/create"
    products.project(scope, _told(payload), delivery.happened_at, created=created)


def apply_deletion(scope: Scope, payload: Mapping[str, Any], delivery: Delivery) -> None:
    products.deleted(scope, payload["id"], delivery.happened_at)


def apply_stock(scope: Scope, payload: Mapping[str, Any], delivery: Delivery) -> None:
    event = "variant_in_stock" if delivery.topic == "variants/in_stock" else "variant_out_of_stock"
    stock.reported(scope, event, payload, delivery.happened_at)


TOPICS = (
    Topic("shopify", "products/create", "other", ProductPayload, apply),
    Topic("shopify", "products/update", "other", ProductPayload, apply),
    Topic("shopify", "products/delete", "other", ProductDeletedPayload, apply_deletion),
    Topic("shopify", "variants/in_stock", "other", StockedVariantPayload, apply_stock),
    Topic("shopify", "variants/out_of_stock", "other", StockedVariantPayload, apply_stock),
)
