"""The outbox: effects on the outside world, each attempt with what it carried, and what frequency caps count."""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Column,
    Identity,
    Index,
    Integer,
    LargeBinary,
    Numeric,
    PrimaryKeyConstraint,
    Table,
    Text,
    UniqueConstraint,
    Uuid,
)
from sqlalchemy.dialects.postgresql import JSONB

from connector.db.schema import Moment, metadata, shop_column

outbox = Table(
    "outbox",
    metadata,
    shop_column(),
    Column("id", BigInteger, Identity(), nullable=False),
    # run:step:visit:n
    Column("key", Text, nullable=False),
    Column("run_id", Uuid, nullable=False),
    Column("flow", Text, nullable=False),
    Column("version", Integer, nullable=False),
    Column("person_id", BigInteger, nullable=False),
    Column("step", Text, nullable=False),
    Column("channel", Text, nullable=False),
    Column("message", Text, nullable=False),
    # What is to be done, of an effect that is no message (flows/actions); its channel is the action's name.
    Column("data", JSONB),
    # marketing | transactional
    Column("purpose", Text, nullable=False),
    Column("priority", Integer, nullable=False),
    # due: may leave at due_at | leased: an attempt is under way | sent | skipped | failed | unknown
    Column("state", Text, nullable=False),
    Column("reason", Text),
    Column("created_at", Moment, nullable=False),
    Column("due_at", Moment, nullable=False),
    Column("deadline", Moment, nullable=False),
    Column("deferrals", Integer, nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("retry_real", Moment),
    Column("lease_real", Moment),
    # Since when unprocessed rows of the commerce lane have kept this message waiting.
    Column("lane_waiting_real", Moment),
    Column("subject", Text),
    Column("recipient_digest", Text),
    Column("provider_message_id", Text),
    # How many messages the provider bills for the last attempt at it, and what these cost in the shop's currency: NULL
    # when the settings do not say.
    Column("segments", Integer),
    Column("cost", Numeric(12, 4)),
    Column("sent_at", Moment),
    # First occurrence of what the provider told of it.
    Column("delivered_at", Moment),
    Column("opened_at", Moment),
    Column("clicked_at", Moment),
    Column("bounced_at", Moment),
    Column("complained_at", Moment),
    Column("unsubscribed_at", Moment),
    # How far it came, of all that the provider told: a state of sync/reports/states.py. NULL: nothing was told.
    Column("reported", Text),
    PrimaryKeyConstraint("shop_id", "id"),
    UniqueConstraint("shop_id", "key"),
    Index("ix_outbox_due", "shop_id", "due_at", postgresql_where="state = 'due'"),
    # What waits for one person: deciding about them asks for it, however much waits in the shop.
    Index("ix_outbox_person_due", "shop_id", "person_id", postgresql_where="state = 'due'"),
    Index("ix_outbox_leased", "shop_id", "lease_real", postgresql_where="state IN ('leased', 'unknown')"),
    Index("ix_outbox_actions", "shop_id", "due_at", postgresql_where="message = '' AND state IN ('due', 'leased')"),
    Index("ix_outbox_failed", "shop_id", "created_at", postgresql_where="state = 'failed'"),
    # What the complaint rate is counted from.
    Index("ix_outbox_delivered", "shop_id", "delivered_at", postgresql_where="purpose = 'marketing'"),
    # Messages that left and of which nothing was told.
    Index("ix_outbox_untold", "shop_id", "sent_at", postgresql_where="state = 'sent' AND reported IS NULL"),
    Index("ix_outbox_complained", "shop_id", "complained_at", postgresql_where="complained_at IS NOT NULL"),
    # To whom a message of a flow was sent.
    Index("ix_outbox_flow", "shop_id", "flow", "message", "id", postgresql_where="message <> ''"),
    Index(None, "shop_id", "person_id"),
    Index(None, "shop_id", "run_id"),
    Index(None, "shop_id", "provider_message_id"),
)

attempts = Table(
    "attempts",
    metadata,
    shop_column(),
    Column("outbox_id", BigInteger, nullable=False),
    Column("n", Integer, nullable=False),
    # The outbox row's created_at: constant for the row, so (outbox_id, n) stays unique across partitions.
    Column("outbox_created_at", Moment, nullable=False),
    Column("started_real", Moment, nullable=False),
    Column("ended_real", Moment),
    # started | accepted | retry | refused | unknown
    Column("result", Text, nullable=False),
    Column("status", Integer),
    Column("detail", JSONB, nullable=False),
    PrimaryKeyConstraint("shop_id", "outbox_id", "n", "outbox_created_at"),
    postgresql_partition_by="RANGE (outbox_created_at)",
)

message_contents = Table(
    "message_contents",
    metadata,
    shop_column(),
    Column("outbox_id", BigInteger, nullable=False),
    # As of attempts.
    Column("outbox_created_at", Moment, nullable=False),
    # What the newest attempt at it carried, as people see it: connector/sent_contents.py.
    Column("content", LargeBinary, nullable=False),
    PrimaryKeyConstraint("shop_id", "outbox_id", "outbox_created_at"),
    postgresql_partition_by="RANGE (outbox_created_at)",
)

send_ledger = Table(
    "send_ledger",
    metadata,
    shop_column(),
    Column("outbox_id", BigInteger, nullable=False),
    Column("person_id", BigInteger, nullable=False),
    Column("run_id", Uuid, nullable=False),
    Column("flow", Text, nullable=False),
    Column("channel", Text, nullable=False),
    Column("purpose", Text, nullable=False),
    # count | own | exempt: the flow's cap when the message left
    Column("cap", Text, nullable=False),
    Column("counted_at", Moment, nullable=False),
    PrimaryKeyConstraint("shop_id", "outbox_id"),
    Index(None, "shop_id", "person_id", "counted_at"),
)
