"""What Brevo's own statistics have told beside its webhooks, and when too many complaints stopped the marketing."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, Identity, Index, Integer, PrimaryKeyConstraint, Table, Text
from sqlalchemy.dialects.postgresql import JSONB

from connector.db.schema import Moment, metadata, shop_column

report_passes = Table(
    "report_passes",
    metadata,
    shop_column(),
    # email | sms | whatsapp
    Column("channel", Text, nullable=False),
    # The next look, in business time.
    Column("due_at", Moment, nullable=False),
    Column("lease_real", Moment),
    Column("attempts", Integer, nullable=False),
    Column("reason", Text),
    # The pass under way: from which moment on it reads, from which row on, and when it began (NULL: none is under way).
    Column("since", Moment),
    Column("place", Integer, nullable=False),
    Column("began_at", Moment),
    # Of the pass under way, else of the last: how many rows were read, and {event: how many no webhook had told}.
    Column("rows_read", Integer, nullable=False),
    Column("found", JSONB, nullable=False),
    # When the last whole pass ended.
    Column("finished_at", Moment),
    PrimaryKeyConstraint("shop_id", "channel"),
)

complaint_brakes = Table(
    "complaint_brakes",
    metadata,
    shop_column(),
    Column("id", BigInteger, Identity(), nullable=False),
    Column("engaged_at", Moment, nullable=False),
    # What was counted when it engaged.
    Column("complaints", Integer, nullable=False),
    Column("delivered", Integer, nullable=False),
    # NULL: the marketing emails stand still.
    Column("released_at", Moment),
    PrimaryKeyConstraint("shop_id", "id"),
    # It cannot engage twice.
    Index("ix_complaint_brakes_engaged", "shop_id", unique=True, postgresql_where="released_at IS NULL"),
)
