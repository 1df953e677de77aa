"""Parts that several topics' payload schemas share. Webhook payloads are read with unknown fields left out.

Ids are larger than 2^53 in the platform's own samples: they are read as integers, strictly, never through a float.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from marshmallow import EXCLUDE, Schema, ValidationError, fields, post_load, validate

TEXT = 2_000
URL = 4_000


class Payload(Schema):
    """Base of all webhook payload schemas."""

    class Meta:
        unknown = EXCLUDE


def text(limit: int = TEXT, **options: Any) -> fields.String:
    return fields.String(load_default=None, allow_none=True, validate=validate.Length(max=limit), **options)


def identifier(**options: Any) -> fields.Integer:
    return fields.Integer(strict=True, validate=validate.Range(min=1, max=2**63 - 1), **options)


def moment(**options: Any) -> fields.AwareDateTime:
    return fields.AwareDateTime(format="iso", **{"load_default": None, "allow_none": True, **options})


class Money(fields.Field):
    """A decimal written as text or number, e.g. "421.88"; bounded, so that 1e999999 is refused early."""

    def _deserialize(
        self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **kwargs: Any
    ) -> Decimal:
        written = str(value)
        if len(written) > 24 or isinstance(value, bool | dict | list):
            raise ValidationError("Not a valid amount.")
        try:
            amount = Decimal(written)
        except ArithmeticError as error:
            raise ValidationError("Not a valid amount.") from error
        if not amount.is_finite() or abs(amount) >= Decimal(10) ** 13:
            raise ValidationError("Amount out of range.")
        return amount.quantize(Decimal("0.01"))


class AddressPayload(Payload):
    first_name = text(255)
    last_name = text(255)
    city = text(255)
    country_code = text(8)
    phone = text(64)


class CustomerPayload(Payload):
    """A customer, as a topic of its own or embedded in checkouts and orders (there with null times)."""

    id = identifier(required=True)
    email = text(320)
    phone = text(64)
    first_name = text(255)
    last_name = text(255)
    created_at = moment()
    updated_at = moment()
    default_address = fields.Nested(AddressPayload, load_default=None, allow_none=True)


class EmbeddedCustomerPayload(CustomerPayload):
    id = identifier(load_default=None, allow_none=True)


class BuyerPayload(Payload):
    """What checkouts and orders share: an embedded customer, of use only when it has an id."""

    customer = fields.Nested(EmbeddedCustomerPayload, load_default=None, allow_none=True)

    @post_load
    def _without_nameless_customer(self, data: dict[str, Any], **kwargs: Any) -> dict[str, Any]:
        if data["customer"] and not data["customer"].get("id"):
            data["customer"] = None
        return data


class LineItemPayload(Payload):
    product_id = identifier(load_default=None, allow_none=True)
    variant_id = identifier(load_default=None, allow_none=True)
    title = text()
    presentment_title = text()
    variant_title = text()
    sku = text(255)
    quantity = fields.Integer(
        load_default=1, strict=True, allow_none=True, validate=validate.Range(min=0, max=10**9)
    )
    price = Money(load_default=None, allow_none=True)
    line_price = Money(load_default=None, allow_none=True)


def items(lines: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Line items as the projections keep them: JSON values, amounts as text."""
    kept = []
    for line in lines:
        price = line["price"] or Decimal(0)
        quantity = line["quantity"] if line["quantity"] is not None else 1
        total = line["line_price"] if line["line_price"] is not None else price * quantity
        kept.append(
            {
                "product_id": line["product_id"],
                "variant_id": line["variant_id"],
                "title": line["title"] or line["presentment_title"] or "",
                "variant_title": line["variant_title"],
                "sku": line["sku"],
                "quantity": quantity,
                "price": str(price),
                "line_price": str(total),
            }
        )
    return kept
