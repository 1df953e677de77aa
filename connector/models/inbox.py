"""The inbox: every acknowledged delivery, byte for byte, and the keys that make it arrive once."""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Column,
    Index,
    Integer,
    LargeBinary,
    PrimaryKeyConstraint,
    Sequence,
    Table,
    Text,
)
from sqlalchemy.dialects.postgresql import JSONB

from connector.db.schema import Moment, metadata, shop_column

inbox_keys = Table(
    "inbox_keys",
    metadata,
    shop_column(),
    Column("source", Text, nullable=False),
    # Shopify: X-Shopify-Webhook-Id, else sha256 of the bytes. Brevo: a hash of the fields that name the event. The API:
    # the sender's own id of the event.
    Column("external_id", Text, nullable=False),
    Column("received_at", Moment, nullable=False),
    PrimaryKeyConstraint("shop_id", "source", "external_id"),
    Index(None, "received_at"),
)

# A sequence by hand: PostgreSQL before 17 has no identity columns on partitioned tables.
_id = Sequence("inbox_id_seq", metadata=metadata)

inbox = Table(
    "inbox",
    metadata,
    shop_column(),
    Column("id", BigInteger, _id, server_default=_id.next_value(), nullable=False),
    Column("received_at", Moment, nullable=False),
    Column("received_real", Moment, nullable=False),
    # shopify | brevo | api
    Column("source", Text, nullable=False),
    Column("topic", Text, nullable=False),
    Column("external_id", Text, nullable=False),
    # commerce: orders, checkouts, consent, privacy, uninstall; other
    Column("lane", Text, nullable=False),
    # new | retry | done | ignored | poison | quarantined
    Column("state", Text, nullable=False),
    Column("raw", LargeBinary, nullable=False),
    Column("headers", JSONB, nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("retry_real", Moment),
    Column("reason", Text),
    # How often staff have given it another go, and when last.
    Column("replays", Integer),
    Column("replayed_real", Moment),
    PrimaryKeyConstraint("shop_id", "id", "received_at"),
    Index("ix_inbox_open", "shop_id", "id", postgresql_where="state IN ('new', 'retry')"),
    Index("ix_inbox_lane", "shop_id", "lane", "id", postgresql_where="state = 'new'"),
    Index("ix_inbox_stopped", "shop_id", "id", postgresql_where="state IN ('quarantined', 'poison')"),
    # What an id of the API's stood for, when it comes again.
    Index("ix_inbox_api", "shop_id", "external_id", postgresql_where="source = 'api'"),
    postgresql_partition_by="RANGE (received_at)",
)
