"""Messages and facts for the tests of content."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from flows.content.context import example
from flows.content.source import MessageSource

CART_BODY = """<h1>You left something behind</h1>
<p>Hi {{ person.first_name | default: "there" }},</p>

{% render 'cart_items' %}

{% render 'button', label: "Back to my cart", url: checkout.recovery_url %}
"""


def message(body: str = CART_BODY, **fields: Any) -> MessageSource:
    return MessageSource(**{"name": "sample", "subject": "Your cart", "body": body, **fields})


def facts(
    *, person: Mapping[str, Any] | None = None, shop: Mapping[str, Any] | None = None, **checkout: Any
) -> dict[str, Any]:
    """The example, with some facts changed."""
    context = example()
    context["person"] |= person or {}
    context["shop"] |= shop or {}
    context["checkout"] |= checkout
    return context


def item(title: str = "Mug", **fields: Any) -> dict[str, Any]:
    return {
        "title": title,
        "variant_title": "",
        "quantity": 1,
        "price": "18.50",
        "line_price": "18.50",
        "image_url": "https://cdn.shop.example/mug.jpg",
        "url": "https://shop.example/products/mug",
        **fields,
    }
