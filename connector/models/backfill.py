"""The whole store, read once: backfills, their parts, the lines of the store's files that wait to be applied, and
records that could not be applied.

A line is in ``backfill_lines`` from the moment when the file brings it until its record is applied. ``customer_id`` and
``email`` say whose it is, so that an erasure finds it.
"""

from __future__ import annotations

from sqlalchemy import BigInteger, Boolean, Column, Double, Identity, Index, Integer, PrimaryKeyConstraint, Table, Text
from sqlalchemy.dialects.postgresql import ARRAY, JSONB

from connector.db.schema import Moment, metadata, shop_column

backfills = Table(
    "backfills",
    metadata,
    shop_column(),
    Column("id", BigInteger, Identity(), nullable=False),
    # queued | running | stopping | stopped | done | failed
    Column("state", Text, nullable=False),
    Column("kinds", ARRAY(Text), nullable=False),
    # An actor of the audit log.
    Column("asked_by", Text, nullable=False),
    Column("asked_at", Moment, nullable=False),
    Column("started_at", Moment),
    Column("finished_at", Moment),
    Column("started_real", Moment),
    Column("finished_real", Moment),
    # How long all of it was thought to take when the store had said how much there is (sync.backfill.estimate).
    Column("estimate", JSONB(none_as_null=True)),
    Column("reason", Text),
    PrimaryKeyConstraint("shop_id", "id"),
    Index("uq_backfills_open", "shop_id", unique=True, postgresql_where="state IN ('queued', 'running', 'stopping')"),
)

backfill_parts = Table(
    "backfill_parts",
    metadata,
    shop_column(),
    Column("backfill_id", BigInteger, nullable=False),
    # A name of sync.backfill.KINDS, and its place among them: parts are applied in that order.
    Column("kind", Text, nullable=False),
    Column("place", Integer, nullable=False),
    # waiting: to be asked for | running: the store writes the file | copying | applying | paging: read page by page
    # | done | failed | refused: the store does not let us | stopped
    Column("state", Text, nullable=False),
    # The store's bulk operation, and when it was last asked for one.
    Column("operation", Text),
    Column("asked_at", Moment),
    # What the store says of its file: bytes, lines, records.
    Column("file_bytes", BigInteger),
    Column("lines_expected", BigInteger),
    Column("records_expected", BigInteger),
    # How much of the file has been copied, in bytes and lines, and the last record that was applied (the store's id).
    Column("bytes_done", BigInteger, nullable=False),
    Column("lines_done", BigInteger, nullable=False),
    Column("applied_to", BigInteger),
    # The next page, where there is no file.
    Column("cursor", Text),
    # Of the records: taken on, and what became of them. ``left_out``: of somebody erased, or left to a delivery.
    Column("done", BigInteger, nullable=False),
    Column("created", BigInteger, nullable=False),
    Column("changed", BigInteger, nullable=False),
    Column("unchanged", BigInteger, nullable=False),
    Column("failed", BigInteger, nullable=False),
    Column("left_out", BigInteger, nullable=False),
    # Machine seconds that applying them took.
    Column("applied_seconds", Double, nullable=False),
    # Calls of the Admin API: all but the next two, looks at the operation, pages.
    Column("calls", Integer, nullable=False),
    Column("polls", Integer, nullable=False),
    Column("pages", Integer, nullable=False),
    Column("due_real", Moment, nullable=False),
    # Until when somebody is at it, and the number of their claim, which guards what they write.
    Column("lease_real", Moment),
    Column("claim", BigInteger, nullable=False),
    Column("attempts", Integer, nullable=False),
    # Why it failed, or what it waits for.
    Column("reason", Text),
    Column("started_real", Moment),
    Column("finished_real", Moment),
    PrimaryKeyConstraint("shop_id", "backfill_id", "kind"),
    Index(
        "ix_backfill_parts_open",
        "shop_id",
        "due_real",
        postgresql_where="state IN ('waiting', 'running', 'copying', 'applying', 'paging')",
    ),
)

backfill_lines = Table(
    "backfill_lines",
    metadata,
    shop_column(),
    Column("backfill_id", BigInteger, nullable=False),
    Column("kind", Text, nullable=False),
    # The record that the line is, or belongs to (``child``): the store's id.
    Column("parent_id", BigInteger, nullable=False),
    Column("child", Boolean, nullable=False),
    # Its place in the file.
    Column("seq", BigInteger, nullable=False),
    Column("body", Text, nullable=False),
    Column("customer_id", BigInteger),
    Column("email", Text),
    PrimaryKeyConstraint("shop_id", "backfill_id", "kind", "parent_id", "child", "seq"),
)

backfill_failures = Table(
    "backfill_failures",
    metadata,
    shop_column(),
    Column("backfill_id", BigInteger, nullable=False),
    Column("kind", Text, nullable=False),
    # The store's id of the record.
    Column("record_id", BigInteger, nullable=False),
    # Of whom the record is, when it says so.
    Column("customer_id", BigInteger),
    Column("reason", Text, nullable=False),
    Column("failed_at", Moment, nullable=False),
    PrimaryKeyConstraint("shop_id", "backfill_id", "kind", "record_id"),
)
