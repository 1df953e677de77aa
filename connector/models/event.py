"""The event log: append-only facts, what is still undecided, and the marks that a send must not pass."""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Index,
    PrimaryKeyConstraint,
    Sequence,
    Table,
    Text,
    Uuid,
)
from sqlalchemy.dialects.postgresql import JSONB

from connector.db.schema import Moment, metadata, shop_column

# A sequence by hand: PostgreSQL before 17 has no identity columns on partitioned tables.
_seq = Sequence("events_seq_seq", metadata=metadata)

events = Table(
    "events",
    metadata,
    shop_column(),
    # uuid5(shop, identity of the fact, name): the same fact under another webhook id is the same row.
    Column("id", Uuid, nullable=False),
    # Deterministic for the fact, so that it may be part of the key.
    Column("occurred_at", Moment, nullable=False),
    Column("seq", BigInteger, _seq, server_default=_seq.next_value(), nullable=False),
    Column("name", Text, nullable=False),
    # "checkout:TOKEN", "customer:ID", "order:ID", "message:OUTBOX_ID" ...: what the fact is about, immutable.
    Column("subject", Text, nullable=False),
    # What runs are reached by besides the person, e.g. a checkout token; null when the fact has none.
    Column("key", Text),
    Column("person_id", BigInteger),
    Column("source", Text, nullable=False),
    Column("historical", Boolean, nullable=False),
    Column("props", JSONB, nullable=False),
    Column("received_at", Moment, nullable=False),
    PrimaryKeyConstraint("shop_id", "id", "occurred_at"),
    Index(None, "shop_id", "person_id", "occurred_at"),
    Index(None, "shop_id", "subject", "occurred_at"),
    # Who has looked at which product.
    Index("ix_events_viewed", "shop_id", "key", postgresql_where="name = 'product_viewed'"),
    postgresql_partition_by="RANGE (occurred_at)",
)

pending_events = Table(
    "pending_events",
    metadata,
    shop_column(),
    Column("person_id", BigInteger, nullable=False),
    Column("event_id", Uuid, nullable=False),
    Column("occurred_at", Moment, nullable=False),
    PrimaryKeyConstraint("shop_id", "person_id", "event_id"),
)

exit_marks = Table(
    "exit_marks",
    metadata,
    shop_column(),
    Column("event_id", Uuid, nullable=False),
    Column("name", Text, nullable=False),
    Column("person_id", BigInteger),
    Column("key", Text),
    Column("occurred_at", Moment, nullable=False),
    Column("marked_at", Moment, nullable=False),
    PrimaryKeyConstraint("shop_id", "event_id"),
    Index(None, "shop_id", "person_id"),
    Index(None, "shop_id", "key"),
)
