"""Short links in messages, where each leads, and when it was followed."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, Index, Integer, PrimaryKeyConstraint, Table, Text

from connector.db.schema import Moment, metadata, shop_column

short_links = Table(
    "short_links",
    metadata,
    shop_column(),
    # The part of the address that nobody can guess.
    Column("id", Text, nullable=False),
    Column("target", Text, nullable=False),
    # The message that it stands in; NULL: one that staff sent to themselves.
    Column("outbox_id", BigInteger),
    Column("created_at", Moment, nullable=False),
    PrimaryKeyConstraint("shop_id", "id"),
    Index("ix_short_links_outbox", "shop_id", "outbox_id"),
    Index("ix_short_links_created", "shop_id", "created_at"),
)

short_link_clicks = Table(
    "short_link_clicks",
    metadata,
    shop_column(),
    Column("link_id", Text, nullable=False),
    # The how-manieth click: 1 is the first.
    Column("n", Integer, nullable=False),
    Column("outbox_id", BigInteger, nullable=False),
    Column("clicked_at", Moment, nullable=False),
    PrimaryKeyConstraint("shop_id", "link_id", "n"),
    Index("ix_short_link_clicks_outbox", "shop_id", "outbox_id"),
)
