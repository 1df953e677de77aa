"""What messages show beside the facts of a run: what sells, what the store said of prices and stock, reviews."""

from __future__ import annotations

from sqlalchemy import BigInteger, Boolean, Column, Index, Integer, Numeric, PrimaryKeyConstraint, Table, Text
from sqlalchemy.dialects.postgresql import JSONB

from connector.db.schema import Moment, metadata, shop_column

# What the shop sold most in the last months, drawn once a day while messages show it.
shelves = Table(
    "shelves",
    metadata,
    shop_column(),
    # {category: [product ids, the best seller first]}; "" is the whole shop.
    Column("bestsellers", JSONB, nullable=False),
    Column("drawn_at", Moment, nullable=False),
    PrimaryKeyConstraint("shop_id"),
)

# What the store said of a product or a variant when a message was about to show it. Beside the projections, whose
# changes are told as events: a look tells nobody anything.
store_looks = Table(
    "store_looks",
    metadata,
    shop_column(),
    # product | variant
    Column("kind", Text, nullable=False),
    Column("id", BigInteger, nullable=False),
    Column("price", Numeric(18, 2)),
    Column("compare_at_price", Numeric(18, 2)),
    Column("available", Boolean, nullable=False),
    # Of a product; its first sentences.
    Column("description", Text),
    Column("looked_at", Moment, nullable=False),
    PrimaryKeyConstraint("shop_id", "kind", "id"),
)

reviews = Table(
    "reviews",
    metadata,
    shop_column(),
    # The other system's own id of it.
    Column("review_id", Text, nullable=False),
    Column("person_id", BigInteger, nullable=False),
    # NULL: of the shop.
    Column("product_id", BigInteger),
    Column("rating", Integer, nullable=False),
    Column("text", Text, nullable=False),
    # As the shop shows it.
    Column("author", Text),
    # One that was taken back is shown nobody.
    Column("published", Boolean, nullable=False),
    # When this was so; an older word changes nothing.
    Column("told_at", Moment, nullable=False),
    PrimaryKeyConstraint("shop_id", "review_id"),
    Index(None, "shop_id", "person_id"),
    Index("ix_reviews_published", "shop_id", "told_at", postgresql_where="published"),
)
