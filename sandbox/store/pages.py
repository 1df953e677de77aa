"""Lists of records: what one may search them by, their order, and the page that is cut from them."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Iterable
from typing import Any

from graphql import GraphQLError, GraphQLResolveInfo

from sandbox.store.records import Checkout, Collection, Customer, Order, Product, Subscription
from sandbox.store.search import BadSearch, Field, compile_search
from sandbox.store.shop import Shop
from sandbox.store.topics import BY_ENUM_NAME

MAX_PAGE = 250


# In place of `first`: everything there is, as in a bulk query, where a connection has no pages.
WHOLE = object()
# Without the scope read_all_orders an app sees the orders of so many days.
ORDERS_SEEN_SECONDS = 60 * 86_400


class Asked:
    """The context of one request: the shop, the business and wire time, and what was odd about its searches."""

    def __init__(self, shop: Shop, now: float, wire: float, api_version: str) -> None:
        self.shop = shop
        self.now = now
        self.wire = wire
        self.api_version = api_version
        self.search_warnings: list[dict[str, Any]] = []


ORDER_FIELDS: dict[str, Field] = {
    "id": lambda o: o.id,
    "name": lambda o: [o.name, o.name.lstrip("#")],
    "email": lambda o: o.email,
    "customer_id": lambda o: o.customer.id,
    "checkout_token": lambda o: o.checkout_token,
    "cart_token": lambda o: o.cart_token,
    "created_at": lambda o: o.created_at,
    "updated_at": lambda o: o.updated_at,
    "processed_at": lambda o: o.created_at,
    "financial_status": lambda o: o.financial_status,
    "status": lambda o: ["any", "cancelled" if o.cancelled_at else "open"],
    "test": lambda o: o.test,
    "default": lambda o: [o.name, o.email],
}
CUSTOMER_FIELDS: dict[str, Field] = {
    "id": lambda c: c.id,
    "email": lambda c: c.email,
    "phone": lambda c: c.phone,
    "first_name": lambda c: c.first_name,
    "last_name": lambda c: c.last_name,
    "tag": lambda c: c.tags,
    "orders_count": lambda c: len(c.orders),
    "accepts_marketing": lambda c: c.consent.state == "subscribed",
    "customer_date": lambda c: c.created_at,
    "updated_at": lambda c: c.updated_at,
    "default": lambda c: [c.email, c.first_name, c.last_name],
}
CHECKOUT_FIELDS: dict[str, Field] = {
    "id": lambda c: c.id,
    "created_at": lambda c: c.created_at,
    "updated_at": lambda c: c.updated_at,
    "recovery_state": lambda c: "recovered" if c.completed_at else "not_recovered",
    "status": lambda c: "closed" if c.completed_at else "open",
    "default": lambda c: [c.email],
}
PRODUCT_FIELDS: dict[str, Field] = {
    "id": lambda p: p.id,
    "title": lambda p: p.title,
    "handle": lambda p: p.handle,
    "vendor": lambda p: p.vendor,
    "product_type": lambda p: p.product_type,
    "tag": lambda p: p.tags,
    "status": lambda p: p.status,
    "created_at": lambda p: p.created_at,
    "updated_at": lambda p: p.updated_at,
    "sku": lambda p: [v.sku for v in p.variants],
    "default": lambda p: [p.title, p.vendor],
}
COLLECTION_FIELDS: dict[str, Field] = {
    "id": lambda c: c.id,
    "title": lambda c: c.title,
    "handle": lambda c: c.handle,
    "updated_at": lambda c: c.updated_at,
    "default": lambda c: [c.title],
}
BULK_OPERATION_FIELDS: dict[str, Field] = {
    "id": lambda o: o.id,
    "created_at": lambda o: o.created_at,
    "operation_type": lambda o: "query",
    "status": lambda o: o.state,
}


def by_id(record: Any) -> tuple[Any, ...]:
    return (record.id,)


_SORTS: dict[str, Field] = {
    "ID": by_id,
    "CREATED_AT": lambda r: (r.created_at, r.id),
    "PROCESSED_AT": lambda r: (r.created_at, r.id),
    "UPDATED_AT": lambda r: (r.updated_at, r.id),
    "TITLE": lambda r: (r.title, r.id),
}


def page(records: list[Any], arguments: dict[str, Any], key: Field = by_id) -> dict[str, Any]:
    """A connection of `records` in the order of `key`, by first/after or last/before.

    A cursor holds the key of its record, so that the next page is right even when the record has changed. With WHOLE
    for `first` there are `nodes` only: all of them.
    """
    first, last = arguments.get("first"), arguments.get("last")
    if first is WHOLE:
        return {"nodes": sorted(records, key=key, reverse=bool(arguments.get("reverse")))}
    if (first is None) == (last is None):
        raise GraphQLError("you must provide one of first or last")
    size: int = last if first is None else first  # type: ignore[assignment]
    if not 0 <= size <= MAX_PAGE:
        raise GraphQLError(f"first and last must be from 0 to {MAX_PAGE}")
    backwards = bool(arguments.get("reverse"))
    ordered = sorted(records, key=key, reverse=backwards)
    start, end = 0, len(ordered)
    if arguments.get("after"):
        mark = _key_of(arguments["after"])
        start = sum(key(record) >= mark if backwards else key(record) <= mark for record in ordered)
    if arguments.get("before"):
        mark = _key_of(arguments["before"])
        end = sum(key(record) > mark if backwards else key(record) < mark for record in ordered)
    low, high = (start, min(end, start + size)) if last is None else (max(start, end - size), end)
    nodes = ordered[low:high]
    cursors = [cursor(record, key) for record in nodes]
    return {
        "edges": [{"cursor": mark, "node": node} for mark, node in zip(cursors, nodes, strict=True)],
        "nodes": nodes,
        "page_info": {
            "has_next_page": high < len(ordered),
            "has_previous_page": low > 0,
            "start_cursor": cursors[0] if cursors else None,
            "end_cursor": cursors[-1] if cursors else None,
        },
    }


def cursor(record: Any, key: Field = by_id) -> str:
    return base64.urlsafe_b64encode(json.dumps(key(record)).encode()).decode()


def _key_of(text: str) -> tuple[Any, ...]:
    try:
        return tuple(json.loads(base64.urlsafe_b64decode(text)))
    except (ValueError, TypeError):
        raise GraphQLError("Invalid cursor for current pagination sort.") from None


def _found(
    info: GraphQLResolveInfo, records: list[Any], fields: dict[str, Field], arguments: dict[str, Any]
) -> list[Any]:
    try:
        search = compile_search(arguments.get("query"), fields)
    except BadSearch as problem:
        raise GraphQLError(f"Invalid search: {problem}") from problem
    if search.ignored:
        info.context.search_warnings.append(
            {
                "path": info.path.as_list(),
                "query": arguments["query"],
                "warnings": [
                    {"field": name, "message": "Invalid search field for this query."} for name in search.ignored
                ],
            }
        )
    return [record for record in records if search.matches(record)]


def _listing(
    info: GraphQLResolveInfo, records: list[Any], fields: dict[str, Field], arguments: dict[str, Any]
) -> dict[str, Any]:
    sort = arguments.get("sortKey", "ID")
    if sort not in _SORTS:
        raise GraphQLError(f"The simulated store does not sort by {sort}")
    return page(_found(info, records, fields, arguments), arguments, _SORTS[sort])


def list_of(records: Callable[[Asked], list[Any]], fields: dict[str, Field]) -> Callable[..., Any]:
    return lambda source, info, **arguments: _listing(info, records(info.context), fields, arguments)


def count_of(records: Callable[[Asked], list[Any]], fields: dict[str, Field]) -> Callable[..., Any]:
    def count(source: Any, info: GraphQLResolveInfo, **arguments: Any) -> dict[str, Any]:
        number, limit = len(_found(info, records(info.context), fields, arguments)), arguments["limit"]
        # The schema's default is 10,000; null is no limit.
        if limit is None or number <= limit:
            return {"count": number, "precision": "EXACT"}
        return {"count": limit, "precision": "AT_LEAST"}

    return count


def customers(asked: Asked) -> list[Customer]:
    return list(asked.shop.customers.values())


def orders(asked: Asked) -> list[Order]:
    return seen(asked, asked.shop.orders.values())


def seen(asked: Asked, sales: Iterable[Order]) -> list[Order]:
    """Those of the last 60 days, unless the app was granted read_all_orders."""
    if "read_all_orders" in asked.shop.installation.scopes:
        return list(sales)
    return [sale for sale in sales if asked.now - sale.created_at <= ORDERS_SEEN_SECONDS]


def products(asked: Asked) -> list[Product]:
    return list(asked.shop.products.values())


def collections(asked: Asked) -> list[Collection]:
    return list(asked.shop.collections.values())


def abandoned(asked: Asked) -> list[Checkout]:
    """Raises GraphQLError where the scope or the user's permission is missing."""
    if "read_orders" not in asked.shop.installation.scopes or not asked.shop.abandoned_checkouts_allowed:
        needed = "`read_orders` access scope. Also: The user must have manage_abandoned_checkouts permission."
        raise GraphQLError(
            f"Access denied for abandonedCheckouts field. Required access: {needed}",
            extensions={"code": "ACCESS_DENIED", "requiredAccess": needed},
        )
    return [cart for cart in asked.shop.checkouts.values() if asked.shop.is_abandoned(cart, asked.now)]


def orders_of_customer(person: Customer, info: GraphQLResolveInfo, **arguments: Any) -> dict[str, Any]:
    return _listing(info, seen(info.context, person.orders), ORDER_FIELDS, arguments)


def metafields(
    person: Customer,
    info: GraphQLResolveInfo,
    keys: list[str] | None = None,
    namespace: str | None = None,
    **arguments: Any,
) -> dict[str, Any]:
    """``keys``: NAMESPACE.KEY; only these, and of them those that have a value."""
    found = [one for one in person.metafields if keys is None or f"{one.namespace}.{one.key}" in keys]
    return page([one for one in found if namespace in (None, one.namespace)], arguments)


def segments(source: Any, info: GraphQLResolveInfo, **arguments: Any) -> dict[str, Any]:
    return page(list(info.context.shop.segments.values()), arguments)


def bulk_operations(source: Any, info: GraphQLResolveInfo, **arguments: Any) -> dict[str, Any]:
    """The newest first, unless they are asked for in reverse."""
    found = _found(info, list(info.context.shop.bulk_operations.values()), BULK_OPERATION_FIELDS, arguments)
    by_end = arguments.get("sortKey") == "COMPLETED_AT"
    turned = arguments | {"reverse": not arguments.get("reverse")}
    return page(found, turned, lambda one: ((one.completed_at or 0) if by_end else one.created_at, one.id))


def subscriptions(source: Any, info: GraphQLResolveInfo, **arguments: Any) -> dict[str, Any]:
    # Those of the app's configuration, compliance topics among them, are not in the API's list.
    found: list[Subscription] = [one for one in info.context.shop.subscriptions.values() if one.origin == "admin_api"]
    if arguments.get("topics"):
        topics = {BY_ENUM_NAME[name] for name in arguments["topics"]}
        found = [one for one in found if one.topic in topics]
    uri = arguments.get("uri") or arguments.get("callbackUrl")
    if uri:
        found = [one for one in found if one.uri == uri]
    return page(found, arguments)
