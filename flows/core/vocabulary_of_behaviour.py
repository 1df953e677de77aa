"""The words for what people do in the store's pages: events and what they carry."""

from __future__ import annotations

from collections.abc import Mapping

PAGE: Mapping[str, str] = {
    "url": "the address of the page",
    "title": "its title",
    "referrer": "where they came from",
}
PRODUCT: Mapping[str, str] = {
    "product_id": "the product",
    "variant_id": "the variant",
    "title": "its title",
    "url": "its page",
    "image_url": "its picture",
    "price": "what it costs",
    "currency": "in which currency",
    "category": "its category",
}
RAW: Mapping[str, tuple[str, Mapping[str, str], bool]] = {
    "site_visited": ("Somebody came to the store's pages.", PAGE, False),
    "page_viewed": ("Somebody looked at a page of the store.", PAGE, False),
    "product_viewed": ("Somebody looked at a product.", PRODUCT, False),
    "category_viewed": (
        "Somebody looked at a category.",
        {"category": "its name", "collection_id": "the store's number of it", "url": "its page"},
        False,
    ),
    "searched": (
        "Somebody searched the store.",
        {"query": "what for", "results": "how many results there were, when that is known"},
        False,
    ),
    "added_to_cart": (
        "Somebody put something into a cart.",
        {**PRODUCT, "quantity": "how many", "cart_token": "the cart"},
        True,
    ),
}
"""By name: what happened, what it carries, and whether it is about buying."""
