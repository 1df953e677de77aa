"""A shop, a person and what they did, to try messages on. Nobody and nothing in it exists."""

from __future__ import annotations

from typing import Any

from flows.content.example_event import told


class _Coupons(dict[str, Any]):
    """An example of a coupon under any name."""

    def __missing__(self, name: str) -> dict[str, Any]:
        return {"code": f"{name.upper()}-7YQK4MTR9X", "percent": 10, "ends_at": "2026-05-04T10:00:00+00:00"}

    def __contains__(self, name: object) -> bool:
        return True


def example(*, offers: bool = True, checkout: bool = True) -> dict[str, Any]:
    """Every root that ``flows.content.context`` lists, filled in. ``offers``: whether the shop's settings have any;
    ``checkout``: whether there is a cart."""
    context: dict[str, Any] = {
        "shop": {
            "name": "Fern & Fjord",
            "url": "https://shop.example",
            "domain": "shop.example",
            "address": "Storgatan 1\n111 22 Stockholm\nSweden",
            "logo_url": "",
            "currency": "EUR",
            "locale": "en",
            "timezone": "Europe/Stockholm",
            "brand": {"name": "Fern & Fjord", "colour": None, "ground": None},
            "offers": {
                "welcome": {"code": "HELLO15", "percent": 15, "expires_days": 9},
                "cart": {"code": "CART10", "percent": 10, "expires_days": 2},
            }
            if offers
            else {},
        },
        "person": {
            "first_name": "Ada",
            "last_name": "Berg",
            "email": "ada@mail.example",
            "phone": "+46701740605",
            "city": "Uppsala",
            "country": "SE",
            "locale": "en",
            "orders_count": 3,
            "total_spent": "241.50",
            "tags": ["newsletter"],
            "segments": ["engaged", "regular"],
            "answers": {"style": "classic", "size": "M"},
            "last_order": {
                "name": "#1042",
                "total": "86.00",
                "currency": "EUR",
                "placed_at": "2026-04-20T09:30:00+00:00",
                "items": _lines(),
                "reorder_url": _REORDER,
            },
        },
        "event": told(),
        "coupon": _Coupons(),
        "order": {
            "name": "#1042",
            "total": "86.00",
            "currency": "EUR",
            "placed_at": "2026-04-20T09:30:00+00:00",
            "items": _lines(),
            "status_url": "https://shop.example/orders/1042/status",
            "reorder_url": _REORDER,
        },
        "tracking": {
            "company": "PostNord",
            "number": "373500482910223344SE",
            "url": "https://track.example/373500482910223344SE",
            "estimated_at": "2026-05-03",
        },
        "product": _product("Linen apron", "apron", "49.00", variant="Moss green", before="59.00"),
        "products": {
            "bestsellers": _shelf(0, 4),
            "similar": _shelf(1, 5),
            "new": _shelf(2, 6),
            "viewed": _shelf(3, 6),
            "bought": _shelf(0, 2),
        },
        "loyalty": {
            "points": 1240,
            "tier": "Silver",
            "reward": "Free shipping",
            "expires_at": "2026-06-30T22:00:00+00:00",
            "next_tier": "Gold",
            "points_to_next": 260,
        },
        "reviews": [
            {"text": "It has softened with every wash.", "author": "Maja", "rating": 5, "product_title": "Linen apron"},
            {
                "text": "The right size for my morning tea.",
                "author": "Jo",
                "rating": 4,
                "product_title": "Stoneware mug",
            },
        ],
        "profile": {"size": "M", "favourite_colour": "green"},
        "links": {
            "unsubscribe": "https://connector.example/u/token",
            "preferences": "https://connector.example/p/token",
        },
        "message": {"key": "example"},
    }
    if checkout:
        context["checkout"] = {
            "items": _lines(),
            "total": "86.00",
            "currency": "EUR",
            "recovery_url": "https://shop.example/checkouts/recover?key=abc&lang=en",
        }
    return context


def bare(**choice: bool) -> dict[str, Any]:
    """The same shop and the same happening with somebody of whom little is known: no name, no points, no past, and a
    shop without reviews and without anything to recommend. What a message says to them has to be whole as well."""
    context = example(**choice)
    unknown = dict.fromkeys(("first_name", "last_name", "phone", "city", "country", "locale", "last_order"))
    context["person"] |= {
        **unknown,
        "orders_count": 0,
        "total_spent": "0.00",
        "tags": [],
        "segments": [],
        "answers": {},
    }
    context["products"] = {name: [] for name in context["products"]}
    context["loyalty"], context["reviews"], context["profile"] = {}, [], {}
    for name in ("variant_title", "image_url", "price", "compare_at_price"):
        context["product"][name] = None
    for name in ("company", "number", "url", "estimated_at"):
        context["tracking"][name] = None
    context["order"]["status_url"] = None
    return context


_REORDER = "https://shop.example/cart/101:1,102:2"


def _lines() -> list[dict[str, Any]]:
    return [
        {
            "product_id": 1,
            "variant_id": 101,
            "title": "Linen apron",
            "variant_title": "Moss green",
            "quantity": 1,
            "price": "49.00",
            "line_price": "49.00",
            "image_url": "https://cdn.shop.example/apron.jpg",
            "url": "https://shop.example/products/apron",
        },
        {
            "product_id": 2,
            "variant_id": 102,
            "title": "Stoneware mug",
            "variant_title": "",
            "quantity": 2,
            "price": "18.50",
            "line_price": "37.00",
            "image_url": "https://cdn.shop.example/mug.jpg",
            "url": "https://shop.example/products/mug",
        },
    ]


def _product(
    title: str, handle: str, price: str, *, variant: str | None = None, before: str | None = None
) -> dict[str, Any]:
    return {
        "product_id": len(handle),
        "title": title,
        "variant_title": variant,
        "url": f"https://shop.example/products/{handle}",
        "image_url": f"https://cdn.shop.example/{handle}.jpg",
        "price": price,
        "compare_at_price": before,
        "currency": "EUR",
        "available": True,
        "buy_url": f"https://shop.example/cart/{100 + len(handle)}:1",
    }


def _shelf(first: int, end: int) -> list[dict[str, Any]]:
    return [dict(one) for one in _SHELF[first:end]]


_SHELF = (
    _product("Linen apron", "apron", "49.00"),
    _product("Stoneware mug", "mug", "18.50"),
    _product("Oak serving board", "serving-board", "64.00", before="72.00"),
    _product("Wool throw", "wool-throw", "119.00"),
    _product("Beeswax candles", "candles", "14.90"),
    _product("Enamel kettle", "kettle", "58.00"),
)
