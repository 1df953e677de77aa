"""What the events API is told of the store's pages: one schema for each type of event.

Addresses of pages are kept without what stands behind ``?`` or ``#``, which may say who somebody is.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from marshmallow import ValidationError, fields, validate

from webhooks.topics.event_payload import ID, EventPayload, about
from webhooks.topics.payload import identifier

LONGEST_ADDRESS = 2_000
_TEXT = validate.Length(1, 200)
_PRICE = validate.Regexp(r"\A[0-9]{1,12}(\.[0-9]{1,4})?\Z", error="Write the amount as digits: 19.90")
_CURRENCY = validate.Regexp(r"\A[A-Z]{3}\Z", error="Write the currency's three letters: EUR")


class AddressField(fields.String):
    """A page's address, without what stands behind ? or #."""

    def _deserialize(self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **kwargs: Any) -> Any:
        text = super()._deserialize(value, attr, data, **kwargs)
        if len(text) > LONGEST_ADDRESS:
            raise ValidationError(f"Longer than {LONGEST_ADDRESS} characters.")
        return text.partition("#")[0].partition("?")[0]


def _address(text: str, example: str | None = None) -> AddressField:
    return AddressField(
        load_default=None, allow_none=True, validate=validate.Length(max=LONGEST_ADDRESS), metadata=about(text, example)
    )


def _maybe(text: str, example: Any = None, rule: Any = _TEXT) -> fields.String:
    return fields.String(load_default=None, allow_none=True, validate=rule, metadata=about(text, example))


class PagePayload(EventPayload):
    url = _address("The address of the page", "https://goods.example/pages/pricing")
    title = _maybe("Its title")
    referrer = _address("Where they came from")


class SiteVisitedPayload(PagePayload):
    """Somebody came to the store's pages."""


class PageViewedPayload(PagePayload):
    """Somebody looked at a page."""


class ProductPayload(EventPayload):
    product_id = identifier(required=True, metadata=about("The product's id in the store", 7001))
    variant_id = identifier(load_default=None, allow_none=True, metadata=about("The variant's id in the store"))
    title = _maybe("The product's title", "Linen apron")
    url = _address("Its page", "https://goods.example/products/linen-apron")
    image_url = _address("Its picture")
    price = _maybe("What it costs", "49.00", _PRICE)
    currency = _maybe("In which currency", "EUR", _CURRENCY)
    category = _maybe("The category in which it was found", "Aprons")


class ProductViewedPayload(ProductPayload):
    """Somebody looked at a product."""


class CategoryViewedPayload(EventPayload):
    """Somebody looked at a category."""

    category = fields.String(required=True, validate=_TEXT, metadata=about("Its name", "Aprons"))
    collection_id = identifier(load_default=None, allow_none=True, metadata=about("Its id in the store"))
    url = _address("Its page")


class SearchedPayload(EventPayload):
    """Somebody searched the store."""

    query = fields.String(required=True, validate=_TEXT, metadata=about("What for", "blue apron"))
    results = fields.Integer(
        load_default=None,
        allow_none=True,
        strict=True,
        validate=validate.Range(0, 10**6),
        metadata=about("How many results there were", 4),
    )


class AddedToCartPayload(ProductPayload):
    """Somebody put something into a cart."""

    quantity = fields.Integer(
        load_default=1, strict=True, validate=validate.Range(1, 10**6), metadata=about("How many", 1)
    )
    cart_token = _maybe("The cart", rule=ID)


SCHEMAS: Mapping[str, type[EventPayload]] = {
    "site_visited": SiteVisitedPayload,
    "page_viewed": PageViewedPayload,
    "product_viewed": ProductViewedPayload,
    "category_viewed": CategoryViewedPayload,
    "searched": SearchedPayload,
    "added_to_cart": AddedToCartPayload,
}
"""By the ``type`` of the event."""
