"""Projections of what the store holds: checkouts, orders and the products that messages show."""

from __future__ import annotations

from sqlalchemy import BigInteger, Boolean, Column, Index, Numeric, PrimaryKeyConstraint, Table, Text
from sqlalchemy.dialects.postgresql import JSONB

from connector.db.schema import Moment, metadata, shop_column

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
    PrimaryKeyConstraint("shop_id", "token"),
    Index(None, "shop_id", "person_id"),
    Index(None, "shop_id", "cart_token"),
)

orders = Table(
    "orders",
    metadata,
    shop_column(),
    Column("id", BigInteger, nullable=False),
    Column("name", Text),
    Column("person_id", BigInteger),
    Column("email", Text),
    Column("checkout_token", Text),
    Column("cart_token", Text),
    Column("currency", Text),
    Column("total", Numeric(18, 2), nullable=False),
    Column("financial_status", Text),
    Column("fulfillment_status", Text),
    Column("items", JSONB, nullable=False),
    Column("discount_codes", JSONB, nullable=False),
    Column("test", Boolean, nullable=False),
    Column("source_name", Text),
    Column("created_at", Moment, nullable=False),
    Column("source_updated_at", Moment, nullable=False),
    Column("cancelled_at", Moment),
    PrimaryKeyConstraint("shop_id", "id"),
    Index(None, "shop_id", "person_id"),
    Index(None, "shop_id", "checkout_token"),
)

products = Table(
    "products",
    metadata,
    shop_column(),
    Column("id", BigInteger, nullable=False),
    Column("title", Text, nullable=False),
    Column("url", Text),
    Column("image_url", Text),
    Column("source_updated_at", Moment),
    PrimaryKeyConstraint("shop_id", "id"),
)
