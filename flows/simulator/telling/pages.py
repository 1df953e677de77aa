"""What people look at and say of products, and what becomes of what they looked at."""

from __future__ import annotations

from collections.abc import Mapping

from flows.simulator.telling.told import ITEM, Tell, Told, each

_PRODUCT = ("product_id", "variant_id", "title", "url", "image_url", "price")


def _looked(told: Told) -> None:
    told.fill(**{field: ITEM[field] for field in _PRODUCT}, currency=told.currency, category="Kitchen")
    if told.happening.name == "added_to_cart":
        told.fill(quantity=1, cart_token=None)
    told.tell(told.happening.name, key=str(told.props["product_id"]))


def _category(told: Told) -> None:
    told.fill(category="Kitchen", collection_id=21, url="https://shop.example/collections/kitchen")
    told.tell("category_viewed", key=str(told.props["category"]))


def _catalogue(told: Told) -> None:
    """Something about a product that interests the person; its key is the variant."""
    told.fill(**{field: ITEM[field] for field in (*_PRODUCT, "variant_title", "sku")})
    if told.happening.name == "price_dropped":
        told.fill(old="86.00", new="68.80", percent=20)
    told.fill(why="viewed", inventory_quantity=3)
    variant = told.props["variant_id"]
    told.tell(told.happening.name, f"variant:{variant}", str(variant))


def _review(told: Told) -> None:
    told.fill(rating=5, product_id=ITEM["product_id"], review_id=f"review-{told.shopper.number('review')}")
    if told.happening.name == "review_published":
        told.fill(published=True)
    told.tell(told.happening.name, key=str(told.props["product_id"]))


def _of_product(told: Told) -> None:
    told.fill(**{field: ITEM[field] for field in ("product_id", "title")}, handle="apron")
    told.tell(told.happening.name, key=str(told.props["product_id"]))


def _page(told: Told) -> None:
    told.fill(url="https://shop.example/", title="Home", referrer=None)
    told.tell(told.happening.name)


def _often(told: Told) -> None:
    """That somebody looked at a thing so often: whoever tells it by its own name need not tell each look."""
    told.fill(times=3, category="Kitchen", **{field: ITEM[field] for field in _PRODUCT})
    told.tell(told.happening.name)


TELLS: Mapping[str, Tell] = {
    **each(("product_viewed", "added_to_cart"), _looked),
    "category_viewed": _category,
    **each(("product_viewed_n_times", "category_browsed"), _often),
    "product_discontinued": _of_product,
    **each(("price_dropped", "back_in_stock", "low_stock", "price_raised", "out_of_stock_again"), _catalogue),
    **each(("review_submitted", "review_published"), _review),
    **each(("site_visited", "page_viewed"), _page),
}
