"""Parts that several topics' payload schemas share. Webhook payloads are read with unknown fields left out.

Ids are larger than 2^53 in the platform's own samples: they are read as integers, strictly, never through a float.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from marshmallow import EXCLUDE, Schema, ValidationError, fields, post_load, validate

_ERA = validate.Range(datetime(1970, 1, 1, tzinfo=UTC), datetime(2200, 1, 1, tzinfo=UTC))

TEXT = 2_000
URL = 4_000


class Payload(Schema):
    """Base of all webhook payload schemas."""

    class Meta:
        unknown = EXCLUDE


def text(limit: int = TEXT, **options: Any) -> fields.String:
    return fields.String(load_default=None, allow_none=True, validate=validate.Length(max=limit), **options)


def count(**options: Any) -> fields.Integer:
    bounds = validate.Range(min=0, max=10**9)
    return fields.Integer(strict=True, validate=bounds, **{"load_default": None, "allow_none": True, **options})


def identifier(**options: Any) -> fields.Integer:
    return fields.Integer(strict=True, validate=validate.Range(min=1, max=2**63 - 1), **options)


def moment(**options: Any) -> fields.AwareDateTime:
    """A time with its zone. Years far off are none that a store tells, and no database keeps."""
    return fields.AwareDateTime(format="iso", validate=_ERA, **{"load_default": None, "allow_none": True, **options})


class Money(fields.Field[Decimal]):
    """A decimal written as text or number, e.g. "421.88"; bounded, so that 1e999999 is refused early."""

    def _deserialize(self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **kwargs: Any) -> Decimal:
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


class GlobalId(fields.Field[int]):
    """A global id of this kind, gid://shopify/Customer/17, as its number."""

    def __init__(self, kind: str, **options: Any) -> None:
        super().__init__(**options)
        self._pattern = re.compile(rf"gid://shopify/{kind}/([1-9][0-9]{{0,18}})\Z")

    def _deserialize(self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **kwargs: Any) -> int:
        found = self._pattern.match(value) if isinstance(value, str) else None
        if found is None or (number := int(found[1])) > 2**63 - 1:
            raise ValidationError("Not a valid global id.")
        return number


class AddressPayload(Payload):
    first_name = text(255)
    last_name = text(255)
    name = text(511)
    address1 = text(255)
    address2 = text(255)
    city = text(255)
    province = text(255)
    province_code = text(8)
    zip = text(64)
    country = text(255)
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
    quantity = count(load_default=1)
    # Of orders: what is left of it after edits and returned items.
    current_quantity = count()
    price = Money(load_default=None, allow_none=True)
    line_price = Money(load_default=None, allow_none=True)


def lines() -> fields.List[Any]:
    """Line items; None when the payload does not speak of them."""
    return fields.List(
        fields.Nested(LineItemPayload), load_default=None, allow_none=True, validate=validate.Length(max=20_000)
    )


def items(lines: list[dict[str, Any]] | None) -> list[dict[str, Any]] | None:
    """Line items as the projections keep them: JSON values, amounts as text."""
    if lines is None:
        return None
    kept = []
    for line in lines:
        price = line["price"] or Decimal(0)
        quantity = line["quantity"] if line["quantity"] is not None else 1
        total = line["line_price"] if line["line_price"] is not None else price * quantity
        left = line["current_quantity"]
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
                **({"current_quantity": left} if left is not None else {}),
            }
        )
    return kept
