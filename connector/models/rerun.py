"""Syncs that staff ask for, how far they are, and which records could not be brought over.

``person_id`` says whom a run was asked for (NULL: for a record or a range of time), and whose a failed record is
(NULL: not known). ``reason`` may quote a platform's answer, which may name that person.
"""

from __future__ import annotations

from sqlalchemy import BigInteger, Boolean, Column, Identity, Index, Integer, PrimaryKeyConstraint, Table, Text
from sqlalchemy.dialects.postgresql import JSONB

from connector.db.schema import Moment, metadata, shop_column

sync_runs = Table(
    "sync_runs",
    metadata,
    shop_column(),
    Column("id", BigInteger, Identity(), nullable=False),
    # contact | orders | products | collections
    Column("entity", Text, nullable=False),
    # What was asked for: {person} | {object} | {since, until} | {ids}, {only_brevo} (sync.reruns.What).
    Column("what", JSONB, nullable=False),
    Column("person_id", BigInteger),
    # queued | running | stopping | stopped | done | failed
    Column("state", Text, nullable=False),
    # An actor of the audit log.
    Column("asked_by", Text, nullable=False),
    # How many records there are; NULL: not counted yet. ``done`` of them were read and applied.
    Column("total", Integer),
    Column("done", Integer, nullable=False),
    Column("changed", Integer, nullable=False),
    Column("unchanged", Integer, nullable=False),
    Column("failed", Integer, nullable=False),
    # The next page of the store's list, and whether all pages have been read.
    Column("cursor", Text),
    Column("read_all", Boolean, nullable=False),
    Column("due_real", Moment, nullable=False),
    Column("lease_real", Moment),
    Column("attempts", Integer, nullable=False),
    # Why it failed, or what it waits for.
    Column("reason", Text),
    Column("asked_at", Moment, nullable=False),
    Column("started_at", Moment),
    Column("finished_at", Moment),
    PrimaryKeyConstraint("shop_id", "id"),
    Index(
        "uq_sync_runs_open",
        "shop_id",
        "entity",
        unique=True,
        postgresql_where="state IN ('queued', 'running', 'stopping')",
    ),
    Index(None, "shop_id", "person_id"),
)

sync_run_failures = Table(
    "sync_run_failures",
    metadata,
    shop_column(),
    Column("run_id", BigInteger, nullable=False),
    # The store's id of the record; of a person without one, our own below zero.
    Column("record_id", BigInteger, nullable=False),
    Column("person_id", BigInteger),
    # Where it failed: store (read), here (applied) | brevo (told)
    Column("stage", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("failed_at", Moment, nullable=False),
    PrimaryKeyConstraint("shop_id", "run_id", "record_id"),
    Index(None, "shop_id", "person_id"),
)
