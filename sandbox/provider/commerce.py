"""Orders, products and categories; all refused (403) until the account has activated e-commerce."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from sandbox.provider import moments
from sandbox.provider.shapes import ALERT, CATEGORY, CATEGORY_BATCH, ORDER, ORDER_BATCH, PRODUCT, PRODUCT_BATCH
from sandbox.provider.wire import Answer, Call, Refusal, Route, invalid, not_found

MOST_ORDERS, MOST_PRODUCTS, MOST_CATEGORIES = 1000, 100, 100
MOST_META_KEYS, LARGEST_META = 20, 20_000


@dataclass
class Shop:
    """Commerce data by id, as last sent; an order also carries `historical` and `contact_id`."""

    active: bool = False
    currency: str = "EUR"
    orders: dict[str, dict[str, Any]] = field(default_factory=dict)
    products: dict[str, dict[str, Any]] = field(default_factory=dict)
    categories: dict[str, dict[str, Any]] = field(default_factory=dict)
    batches: int = 0
    # (product, contact) of those who are to be told when it is back.
    alerts: set[tuple[str, str]] = field(default_factory=set)


def activate(call: Call) -> Answer:
    with call.account.lock:
        call.account.shop.active = True
    return Answer(200, {"message": "E-commerce is activated"})


def display_currency(call: Call) -> Answer:
    return Answer(200, {"code": _active(call).currency})


def _active(call: Call) -> Shop:
    if not call.account.shop.active:
        raise Refusal(403, "permission_denied", "eCommerce is not activated for this account")
    return call.account.shop


def _check_order(order: dict[str, Any]) -> None:
    for name in ("createdAt", "updatedAt"):
        if not moments.is_utc_moment(order[name]):
            raise invalid(f"{name} should be in YYYY-MM-DDTHH:mm:ssZ")
    if not order["id"] or not order["status"]:
        raise invalid("id and status should not be empty")
    for product in order["products"]:
        if ("quantity" in product) == ("quantityFloat" in product):
            raise invalid("One of quantity and quantityFloat is required")


def _store_order(call: Call, shop: Shop, order: dict[str, Any], *, historical: bool) -> None:
    call.remark.setdefault("orders", []).append(order["id"])
    contact = call.account.contacts.lookup(order.get("identifiers", {}))
    shop.orders[order["id"]] = {
        **order,
        "historical": historical,
        "contact_id": contact.id if contact else None,
    }
    if not historical:
        call.platform.record.add(
            "automation",
            account=call.account.key,
            order=order["id"],
            status=order["status"],
            contact_id=contact.id if contact else None,
        )


def put_order(call: Call) -> Answer:
    with call.account.lock:
        shop = _active(call)
        _check_order(call.body)
        _store_order(call, shop, call.body, historical=False)
    return Answer(204)


def put_orders(call: Call) -> Answer:
    orders = call.body["orders"]
    with call.account.lock:
        shop = _active(call)
        if not 1 <= len(orders) <= MOST_ORDERS:
            raise Refusal(400, "out_of_range", f"orders should have 1 to {MOST_ORDERS} items")
        for order in orders:
            _check_order(order)
        for order in orders:
            _store_order(call, shop, order, historical=call.body.get("historical", True))
        shop.batches += 1
        return Answer(202, {"batchId": shop.batches, "count": len(orders)})


def _check_product(product: dict[str, Any]) -> None:
    meta = product.get("metaInfo", {})
    if len(meta) > MOST_META_KEYS or len(repr(meta)) > LARGEST_META:
        raise invalid("metaInfo is too large")


def _put_one(call: Call, rows: dict[str, dict[str, Any]]) -> Answer:
    row = {name: value for name, value in call.body.items() if name != "updateEnabled"}
    known = row["id"] in rows
    if known and not call.body.get("updateEnabled"):
        raise invalid(f"Id {row['id']} already exists, set updateEnabled to update it")
    rows[row["id"]] = {**rows.get(row["id"], {}), **row}
    return Answer(204) if known else Answer(201, {"id": row["id"]})


def _put_many(call: Call, rows: dict[str, dict[str, Any]], new: list[dict[str, Any]], most: int) -> Answer:
    if not 1 <= len(new) <= most:
        raise Refusal(400, "out_of_range", f"1 to {most} items can be passed")
    ids = [row["id"] for row in new]
    if len(set(ids)) < len(ids):
        raise invalid("Duplicate ids in the request")
    known = [id for id in ids if id in rows]
    if known and not call.body.get("updateEnabled"):
        raise invalid(f"Id {known[0]} already exists, set updateEnabled to update it")
    for row in new:
        rows[row["id"]] = {**rows.get(row["id"], {}), **row}
    return Answer(201, {"createdCount": len(ids) - len(known), "updatedCount": len(known)})


def put_product(call: Call) -> Answer:
    with call.account.lock:
        shop = _active(call)
        _check_product(call.body)
        return _put_one(call, shop.products)


def get_product(call: Call) -> Answer:
    with call.account.lock:
        row = _active(call).products.get(call.path["id"])
    if row is None:
        raise not_found("Product not found")
    return Answer(200, {"isDeleted": False, **row})


def put_products(call: Call) -> Answer:
    with call.account.lock:
        shop = _active(call)
        for product in call.body["products"]:
            _check_product(product)
        return _put_many(call, shop.products, call.body["products"], MOST_PRODUCTS)


def put_category(call: Call) -> Answer:
    with call.account.lock:
        return _put_one(call, _active(call).categories)


def put_categories(call: Call) -> Answer:
    with call.account.lock:
        return _put_many(call, _active(call).categories, call.body["categories"], MOST_CATEGORIES)


def ask_for_alert(call: Call) -> Answer:
    who = call.body.get("contactIdentifiers", {})
    with call.account.lock:
        shop = _active(call)
        if call.path["id"] not in shop.products:
            raise not_found("Product not found")
        if not who:
            raise invalid("At least one contact identifier is required")
        shop.alerts.add((call.path["id"], who.get("ext_id") or who.get("email") or who["sms"]))
    return Answer(204)


ROUTES = [
    Route("POST", "/ecommerce/activate", activate),
    Route("GET", "/ecommerce/config/displayCurrency", display_currency),
    Route("POST", "/orders/status", put_order, ORDER),
    Route("POST", "/orders/status/batch", put_orders, ORDER_BATCH),
    Route("POST", "/products", put_product, PRODUCT),
    Route("GET", "/products/<id>", get_product),
    Route("POST", "/products/batch", put_products, PRODUCT_BATCH),
    Route("POST", "/products/<id>/alerts/back_in_stock", ask_for_alert, ALERT),
    Route("POST", "/categories", put_category, CATEGORY),
    Route("POST", "/categories/batch", put_categories, CATEGORY_BATCH),
]
