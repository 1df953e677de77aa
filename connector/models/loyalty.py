"""Where people stand in the merchant's loyalty programme, as the shop's source of it tells."""

from __future__ import annotations

from sqlalchemy import BigInteger, Boolean, Column, PrimaryKeyConstraint, Table, Text
from sqlalchemy.dialects.postgresql import JSONB

from connector.db.schema import Moment, metadata, shop_column

loyalty_states = Table(
    "loyalty_states",
    metadata,
    shop_column(),
    Column("person_id", BigInteger, nullable=False),
    # NULL: there is none, or nobody has told; ``told`` tells the two apart.
    Column("points", BigInteger),
    Column("tier", Text),
    Column("reward", Text),
    Column("expires_at", Moment),
    # The newest tier that there was, also while there is none.
    Column("last_tier", Text),
    # Of the fields that are known: {field: {"at": when it was so, "source": metafields | tags | api | file | programme,
    # "had": whether there ever was one}}.
    Column("told", JSONB, nullable=False),
    Column("changed_at", Moment, nullable=False),
    # Raised by every change that the store is to be told of (sync_state.wanted_version).
    Column("version", BigInteger, nullable=False),
    # The store has yet to be told: what it says meanwhile is older.
    Column("unwritten", Boolean, nullable=False),
    PrimaryKeyConstraint("shop_id", "person_id"),
)
