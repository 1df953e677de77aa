"""What a store has that is read as a whole, in the order in which it is applied: what others refer to comes first."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from connector.shopify import bulk
from connector.shops import Shop
from sync import profile_fields
from sync.node_values import number


@dataclass(frozen=True)
class Kind:
    """``type``: the GraphQL type of its records. ``query``: the text of the bulk query for a shop; None: there is no
    bulk query for it, and it is read page by page. ``children``: {GraphQL type of a child: the field of the record that
    it belongs to}.
    """

    name: str
    type: str
    query: Callable[[Shop], str] | None = None
    children: Mapping[str, str] = field(default_factory=dict)

    @property
    def first_state(self) -> str:
        """Of a part that begins."""
        return "waiting" if self.query else "paging"

    def whole(self, record: dict[str, Any], children: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
        """The record as the store's ``nodes`` tell it (``connector/shopify/queries``), of its own line and those of its
        children. Their order in the file says nothing: as they were made, which is how the store lists them."""
        for name in self.children.values():
            record.setdefault(name, {"nodes": [], "pageInfo": {"hasNextPage": False}})
        for child in sorted(children, key=lambda one: number(one["id"])):
            name = self.children.get(type_of(str(child["id"])), "")
            if name:
                record[name]["nodes"].append(child)
        return record


def type_of(gid: str) -> str:
    """The type in a global id, gid://shopify/Product/17."""
    return gid.rsplit("/", 2)[-2]


def _customers(shop: Shop) -> str:
    return bulk.text_of("bulk_customers", profile_fields.variables(shop))


def _named(document: str) -> Callable[[Shop], str]:
    return lambda shop: bulk.text_of(document)


_OF_PRODUCT = {"ProductVariant": "variants", "Collection": "collections"}

KINDS: Mapping[str, Kind] = {
    one.name: one
    for one in (
        Kind("products", "Product", _named("bulk_products"), _OF_PRODUCT),
        Kind("collections", "Collection", _named("bulk_collections")),
        Kind("customers", "Customer", _customers, {"Metafield": "metafields"}),
        Kind("orders", "Order", _named("bulk_orders"), {"LineItem": "lineItems"}),
        Kind("checkouts", "AbandonedCheckout"),
    )
}
PLACES: Mapping[str, int] = {name: place for place, name in enumerate(KINDS)}
