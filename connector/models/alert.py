"""What somebody should look at, with its history, and what is looked with."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, Date, Identity, Index, Integer, PrimaryKeyConstraint, Table, Text
from sqlalchemy.dialects.postgresql import JSONB

from connector.db.schema import Moment, metadata, shop_column

alerts = Table(
    "alerts",
    metadata,
    shop_column(),
    Column("id", BigInteger, Identity(), nullable=False),
    # A name of sync.alerts.KINDS, and which of its objects it is about ("" when there is but one).
    Column("kind", Text, nullable=False),
    Column("subject", Text, nullable=False),
    # What is wrong and what to do, and the numbers behind it: of nobody in particular.
    Column("sentence", Text, nullable=False),
    Column("detail", JSONB, nullable=False),
    # warning | critical
    Column("tone", Text, nullable=False),
    Column("raised_at", Moment, nullable=False),
    # When its cause was last found.
    Column("found_at", Moment, nullable=False),
    # When somebody said that they look after it, and who: as in the audit log.
    Column("seen_at", Moment),
    Column("seen_by", Text),
    # NULL: it stands.
    Column("cleared_at", Moment),
    # due | sent | failed: the email about it. NULL: nobody is to be told.
    Column("mail", Text),
    Column("mail_due_real", Moment),
    Column("mail_tries", Integer, nullable=False),
    PrimaryKeyConstraint("shop_id", "id"),
    # While it stands it is not raised again.
    Index("uq_alerts_open", "shop_id", "kind", "subject", unique=True, postgresql_where="cleared_at IS NULL"),
    # Whether the same was there lately.
    Index(None, "shop_id", "kind", "subject", "raised_at"),
    Index("ix_alerts_mail", "shop_id", "mail_due_real", postgresql_where="mail = 'due'"),
)

alert_looks = Table(
    "alert_looks",
    metadata,
    shop_column(),
    # The next look, and until when somebody is at it.
    Column("due_real", Moment, nullable=False),
    Column("lease_real", Moment),
    # The last delivery of the inbox that ``delivery_days`` counts.
    Column("counted", BigInteger, nullable=False),
    # When the last look ended; NULL: none has.
    Column("finished_at", Moment),
    PrimaryKeyConstraint("shop_id"),
)

delivery_days = Table(
    "delivery_days",
    metadata,
    shop_column(),
    # Of the inbox.
    Column("source", Text, nullable=False),
    Column("topic", Text, nullable=False),
    # In UTC, of the time of receipt.
    Column("day", Date, nullable=False),
    Column("deliveries", Integer, nullable=False),
    Column("last_at", Moment, nullable=False),
    PrimaryKeyConstraint("shop_id", "source", "topic", "day"),
)
