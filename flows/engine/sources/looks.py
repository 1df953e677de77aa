"""What the store says now of the prices and the stock that messages are about to show (ruling X12).

Asked for a whole batch, before anybody is locked, and only of what nobody has asked about within FRESH. When the store
does not answer, the messages leave all the same, and say of when their prices are.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from decimal import Decimal, InvalidOperation
from typing import Any

from connector.crashpoints import reach
from connector.db.rows import write_rows
from connector.deps import Deps
from connector.errors import ProviderError
from connector.logging import get
from connector.models.shown import store_looks
from connector.shopify.graphql import PartialData
from connector.shops import Shop
from flows.content import names
from flows.content.source import MessageSource

log = get(__name__)

FRESH = timedelta(minutes=10)
"""Business time for which what the store said is as good as asked."""
_MOST = 40
_PRICES = (
    ("checkout", "items"),
    ("checkout", "total"),
    ("cart", "items"),
    ("cart", "total"),
    ("product", "price"),
    ("product", "compare_at_price"),
    ("products",),
)
_STOCK = (
    *_PRICES,
    ("product", "available"),
    ("product", "sold_out"),
    ("product", "buy_url"),
    ("product", "description"),
    ("order", "reorder_url"),
    ("person", "last_order"),
)

Goods = tuple[str, int]
"""("product" or "variant", the store's id)."""


def shows_prices(source: MessageSource) -> bool:
    return any(names.names(source, *path) for path in _PRICES)


def hangs_on_the_store(source: MessageSource) -> bool:
    """Whether it shows something of which the store may say something else by now."""
    return any(names.names(source, *path) for path in _STOCK)


def goods_of(context: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """The products and lines that a message may show, of what was loaded for it."""
    for name in ("checkout", "cart", "order"):
        yield from (context.get(name) or {}).get("items") or ()
    yield from ((context.get("person") or {}).get("last_order") or {}).get("items") or ()
    if context.get("product"):
        yield context["product"]
    for several in (context.get("products") or {}).values():
        yield from several


def as_of(context: Mapping[str, Any], now: datetime) -> str | None:
    """The moment for which the oldest price among them is known, ISO 8601; None when all are of now."""
    # What was bought keeps its price.
    shown = goods_of({name: value for name, value in context.items() if name not in ("order", "person")})
    known = [datetime.fromisoformat(one["known_at"]) for one in shown if one.get("known_at")]
    oldest = min(known, default=now)
    return oldest.isoformat() if oldest < now - FRESH else None


def stale(context: Mapping[str, Any], now: datetime) -> set[Goods]:
    """Of what the store is to be asked."""
    wanted: set[Goods] = set()
    for one in goods_of(context):
        known_at = one.get("known_at")
        if known_at and datetime.fromisoformat(known_at) >= now - FRESH:
            continue
        wanted |= {(kind, one[f"{kind}_id"]) for kind in ("product", "variant") if one.get(f"{kind}_id")}
    return wanted


def take(deps: Deps, shop: Shop, wanted: Collection[Goods]) -> None:
    """Ask the store of these and keep what it says. One call; of more than _MOST the rest stays as old as it is."""
    ids = [f"gid://shopify/{_NAMES[kind]}/{number}" for kind, number in sorted(wanted)][:_MOST]
    try:
        nodes: Sequence[Any] = deps.store(shop).query("goods_now", {"ids": ids}).get("nodes") or []
    except PartialData as error:
        nodes, struck = error.nodes()
        nodes = [node for place, node in enumerate(nodes) if place not in struck]
    except ProviderError as error:
        log.warning("prices_not_read", shop_id=shop.id, error=type(error).__name__)
        return
    reach("t4.looked")
    rows = {(row["kind"], row["id"]): row for node in nodes if node for row in _rows(node)}
    if not rows:
        return
    with deps.open(shop) as scope:
        common = {"shop_id": shop.id, "looked_at": scope.now}
        write_rows(scope.connection, store_looks, [{**rows[key], **common} for key in sorted(rows)])


_NAMES = {"product": "Product", "variant": "ProductVariant"}


def _rows(node: Mapping[str, Any]) -> Iterable[dict[str, Any]]:
    if node.get("__typename") == "ProductVariant":
        yield _variant(node)
        return
    connection = node.get("variants") or {}
    lying = [_variant(one) for one in connection.get("nodes") or () if one]
    # A product of many variants may have one left that was not listed.
    more = bool((connection.get("pageInfo") or {}).get("hasNextPage"))
    sold = node.get("status") in ("ACTIVE", "UNLISTED")
    yield {
        "kind": "product",
        "id": _number(node["id"]),
        "price": None,
        "compare_at_price": None,
        "available": sold and (more or any(one["available"] for one in lying)),
        "description": node.get("description") or None,
    }
    yield from lying


def _variant(node: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "kind": "variant",
        "id": _number(node["id"]),
        "price": _amount(node.get("price")),
        "compare_at_price": _amount(node.get("compareAtPrice")),
        "available": node.get("availableForSale") is not False,
        "description": None,
    }


def _number(gid: str) -> int:
    return int(gid.rsplit("/", 1)[-1])


def _amount(told: Any) -> str | None:
    try:
        return None if told is None else str(Decimal(str(told)))
    except InvalidOperation:
        return None
