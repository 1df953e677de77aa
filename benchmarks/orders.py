"""What the load consists of: orders/create deliveries of about 11 kB, signed as Shopify signs them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from itertools import count
from typing import Any

from webhooks.verify import signature

SECRET = "secret-of-the-benchmark"
DOMAIN = "benchmark.myshopify.com"
BODY_BYTES = 11_000
# Different bodies, sent in turn.
_VARIANTS = 64


def body(number: int) -> bytes:
    """An order with as many lines as make it BODY_BYTES long, give or take a line."""
    order: dict[str, Any] = {
        "id": 5_000_000_000_000 + number,
        "admin_graphql_api_id": f"gid://shopify/Order/{5_000_000_000_000 + number}",
        "name": f"#{1000 + number}",
        "email": f"customer-{number}@example.com",
        "created_at": "2026-11-21T10:00:00Z",
        "updated_at": "2026-11-21T10:00:05Z",
        "processed_at": "2026-11-21T10:00:00Z",
        "currency": "EUR",
        "financial_status": "paid",
        "total_price": "149.85",
        "customer": {"id": 7_000_000_000_000 + number, "email": f"customer-{number}@example.com", "tags": ""},
        "shipping_address": _address(number),
        "billing_address": _address(number),
        "discount_codes": [],
        "line_items": [],
    }
    while len(json.dumps(order)) < BODY_BYTES:
        order["line_items"].append(_line(number, len(order["line_items"])))
    return json.dumps(order).encode()


def _address(number: int) -> dict[str, Any]:
    return {
        "first_name": f"First {number}",
        "last_name": f"Last {number}",
        "address1": f"{number} Long Street",
        "zip": f"{10_000 + number}",
        "city": "Berlin",
        "country_code": "DE",
        "phone": f"+4930{1_000_000 + number}",
    }


def _line(number: int, place: int) -> dict[str, Any]:
    price = f"{(number * 7 + place * 13) % 90 + 9}.95"
    money = {"amount": price, "currency_code": "EUR"}
    return {
        "id": number * 1000 + place,
        "product_id": 8_000_000_000_000 + place * 37 + number,
        "variant_id": 9_000_000_000_000 + place * 41 + number,
        "title": f"Tea number {place * 31 + number}",
        "variant_title": f"{100 + place * 50} g",
        "sku": f"TEA-{number:04}-{place:04}",
        "vendor": "Teahouse",
        "quantity": place % 3 + 1,
        "grams": 100 + place * 50,
        "price": price,
        "price_set": {"shop_money": money, "presentment_money": money},
        "requires_shipping": True,
        "taxable": True,
        "tax_lines": [{"title": "VAT", "rate": 0.07, "price": "0.65", "price_set": {"shop_money": money}}],
        "properties": [],
    }


def requests(domain: str, secret: str, mark: str) -> Iterator[bytes]:
    """Endless HTTP/1.1 requests, each with its own webhook id. ``mark``: what no other sender puts into its ids."""
    halves = []
    for number in range(_VARIANTS):
        content = body(number)
        head = (
            f"POST /webhooks/shopify HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
            f"Content-Length: {len(content)}\r\nX-Shopify-Topic: orders/create\r\nX-Shopify-Shop-Domain: {domain}\r\n"
            f"X-Shopify-API-Version: 2026-10\r\nX-Shopify-Triggered-At: 2026-11-21T10:00:05.123456789Z\r\n"
            f"X-Shopify-Event-Id: 98880550-7158-44d4-b7cd-2c97c8a09{number:03}\r\n"
            f"X-Shopify-Hmac-Sha256: {signature(content, secret)}\r\nX-Shopify-Webhook-Id: {mark}-"
        )
        halves.append((head.encode(), b"\r\n\r\n" + content))
    for number in count():
        before, after = halves[number % _VARIANTS]
        yield b"%b%012d%b" % (before, number, after)
