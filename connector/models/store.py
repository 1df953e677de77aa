"""Projections of what the store holds: carts, checkouts, orders and their fulfilments, the catalogue and its stock.

Rows are written by the newest state that was told (``source_updated_at`` is the store's own time, in whole seconds).
``version`` of what the provider keeps a copy of rises with every change that this copy should show. Columns that came
after their table have a default, so that the code of the release before can still write rows.
"""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Index,
    Integer,
    Numeric,
    PrimaryKeyConstraint,
    Table,
    Text,
    func,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB

from connector.db.schema import Moment, metadata, shop_column

# None is the database's NULL, as its queries take it, and not the null of JSON.
_NULLABLE = JSONB(none_as_null=True)


def _by_products(name: str) -> Index:
    """Of the products in ``items`` (the store's ids are one shop's only), for whom news of a product interests."""
    ids = func.jsonb_path_query_array(text("items"), text("'$[*].product_id'")).label("ids")
    return Index(name, ids, postgresql_using="gin", postgresql_ops={"ids": "jsonb_path_ops"})


carts = Table(
    "carts",
    metadata,
    shop_column(),
    # A cart has no person; checkouts.cart_token and orders.cart_token name it.
    Column("token", Text, nullable=False),
    # As in checkouts.
    Column("items", JSONB, nullable=False),
    Column("total", Numeric(18, 2), nullable=False),
    Column("currency", Text),
    Column("created_at", Moment, nullable=False),
    Column("source_updated_at", Moment, nullable=False),
    PrimaryKeyConstraint("shop_id", "token"),
)

checkouts = Table(
    "checkouts",
    metadata,
    shop_column(),
    Column("token", Text, nullable=False),
    Column("cart_token", Text),
    Column("person_id", BigInteger),
    Column("email", Text),
    Column("currency", Text),
    Column("total", Numeric(18, 2), nullable=False),
    Column("recovery_url", Text),
    # [{product_id, variant_id, title, variant_title, quantity, price, line_price, sku}]
    Column("items", JSONB, nullable=False),
    Column("created_at", Moment, nullable=False),
    # The store's updated_at of the newest state applied, and when the shopper last changed something.
    Column("source_updated_at", Moment, nullable=False),
    Column("completed_at", Moment),
    # Its recovery address leads nowhere any more.
    Column("deleted_at", Moment),
    PrimaryKeyConstraint("shop_id", "token"),
    Index(None, "shop_id", "person_id"),
    Index(None, "shop_id", "cart_token"),
    _by_products("ix_checkouts_products"),
)

orders = Table(
    "orders",
    metadata,
    shop_column(),
    Column("id", BigInteger, nullable=False),
    Column("name", Text),
    Column("person_id", BigInteger),
    Column("customer_id", BigInteger),
    Column("email", Text),
    Column("checkout_token", Text),
    Column("cart_token", Text),
    Column("currency", Text),
    # What it comes to now, after edits and returned items; ``gross`` is before returns.
    Column("total", Numeric(18, 2), nullable=False),
    Column("gross", Numeric(18, 2)),
    # Money given back so far: {refund id: amount as text} and their sum.
    Column("refunds", JSONB, nullable=False, server_default="{}"),
    Column("refunded", Numeric(18, 2), nullable=False, server_default="0"),
    # The part of the person's total_spent that is this order; NULL: it is not among the person's orders.
    Column("counted", Numeric(18, 2)),
    # pending | authorized | partially_paid | paid | partially_refunded | refunded | voided | expired
    Column("financial_status", Text),
    # NULL (nothing yet) | partial | fulfilled | restocked
    Column("fulfillment_status", Text),
    # As in checkouts, with current_quantity (after edits and returns) where the store told it.
    Column("items", JSONB, nullable=False),
    Column("discount_codes", JSONB, nullable=False),
    # {name, address, city, region, postcode, country, country_code, phone}, what is not known left out
    Column("billing", _NULLABLE),
    Column("payment_method", Text),
    # The store's page of the order, which needs no login; the first one that was told.
    Column("status_url", Text),
    Column("test", Boolean, nullable=False),
    Column("source_name", Text),
    # Placed long before it was first heard of: told nobody and sent by no call that starts automations.
    Column("historical", Boolean, nullable=False, server_default="false"),
    Column("created_at", Moment, nullable=False),
    Column("source_updated_at", Moment, nullable=False),
    Column("closed_at", Moment),
    Column("cancelled_at", Moment),
    Column("deleted_at", Moment),
    Column("version", BigInteger, nullable=False, server_default="0"),
    PrimaryKeyConstraint("shop_id", "id"),
    Index(None, "shop_id", "person_id"),
    Index(None, "shop_id", "checkout_token"),
    # For staff who have its number.
    Index(None, "shop_id", "name"),
    _by_products("ix_orders_products"),
)

fulfillments = Table(
    "fulfillments",
    metadata,
    shop_column(),
    Column("id", BigInteger, nullable=False),
    Column("order_id", BigInteger, nullable=False),
    # pending | open | success | cancelled | error | failure
    Column("status", Text),
    # The carrier's word and when it was said: in_transit | out_for_delivery | delivered | ...
    Column("shipment_status", Text),
    Column("moved_at", Moment),
    Column("tracking_company", Text),
    Column("tracking_number", Text),
    Column("tracking_url", Text),
    # When the carrier means to be there.
    Column("estimated_at", Moment),
    Column("created_at", Moment, nullable=False),
    Column("source_updated_at", Moment, nullable=False),
    Column("delivered_at", Moment),
    PrimaryKeyConstraint("shop_id", "id"),
    Index(None, "shop_id", "order_id"),
)

products = Table(
    "products",
    metadata,
    shop_column(),
    Column("id", BigInteger, nullable=False),
    Column("title", Text, nullable=False),
    Column("handle", Text),
    Column("url", Text),
    Column("image_url", Text),
    # active | draft | archived | unlisted
    Column("status", Text),
    Column("vendor", Text),
    Column("product_type", Text),
    # [text]
    Column("tags", _NULLABLE),
    # Lowest and highest price of its variants.
    Column("price_min", Numeric(18, 2)),
    Column("price_max", Numeric(18, 2)),
    # Since when it is in the shop, or there at all; NULL: not told.
    Column("published_at", Moment),
    # Ids of the collections it is in, ascending; NULL: not read yet.
    Column("collection_ids", _NULLABLE),
    Column("source_updated_at", Moment),
    Column("deleted_at", Moment),
    Column("version", BigInteger, nullable=False, server_default="0"),
    PrimaryKeyConstraint("shop_id", "id"),
    Index("ix_products_published", "shop_id", "published_at", postgresql_where="deleted_at IS NULL"),
)

variants = Table(
    "variants",
    metadata,
    shop_column(),
    Column("id", BigInteger, nullable=False),
    Column("product_id", BigInteger, nullable=False),
    Column("title", Text),
    Column("sku", Text),
    Column("position", Integer),
    Column("price", Numeric(18, 2)),
    Column("compare_at_price", Numeric(18, 2)),
    Column("inventory_item_id", BigInteger),
    # Over all locations; NULL: not known, or not tracked.
    Column("inventory_quantity", Integer),
    Column("source_updated_at", Moment),
    Column("deleted_at", Moment),
    PrimaryKeyConstraint("shop_id", "id"),
    Index(None, "shop_id", "product_id"),
    Index(None, "shop_id", "inventory_item_id"),
)

collections = Table(
    "collections",
    metadata,
    shop_column(),
    Column("id", BigInteger, nullable=False),
    Column("title", Text, nullable=False),
    Column("handle", Text),
    Column("image_url", Text),
    Column("source_updated_at", Moment),
    Column("deleted_at", Moment),
    Column("version", BigInteger, nullable=False, server_default="0"),
    PrimaryKeyConstraint("shop_id", "id"),
)

inventory_levels = Table(
    "inventory_levels",
    metadata,
    shop_column(),
    Column("inventory_item_id", BigInteger, nullable=False),
    Column("location_id", BigInteger, nullable=False),
    # NULL: not tracked.
    Column("available", Integer),
    Column("source_updated_at", Moment, nullable=False),
    PrimaryKeyConstraint("shop_id", "inventory_item_id", "location_id"),
)
