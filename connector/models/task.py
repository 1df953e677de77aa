"""What flows give staff to do about people."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, Identity, Index, PrimaryKeyConstraint, Table, Text, Uuid

from connector.db.schema import Moment, metadata, shop_column

tasks = Table(
    "tasks",
    metadata,
    shop_column(),
    Column("id", BigInteger, Identity(), nullable=False),
    # The effect that asked for it: however often that is tried, it is one task.
    Column("outbox_id", BigInteger, nullable=False),
    Column("person_id", BigInteger, nullable=False),
    Column("run_id", Uuid, nullable=False),
    Column("flow", Text, nullable=False),
    Column("step", Text, nullable=False),
    Column("title", Text, nullable=False),
    Column("details", Text, nullable=False),
    # The email of somebody on the staff, in small letters; NULL: everybody's.
    Column("assignee", Text),
    Column("due_at", Moment),
    # open | done | dropped
    Column("state", Text, nullable=False),
    Column("made_at", Moment, nullable=False),
    # When it was done or dropped, and by whom: as in the audit log.
    Column("closed_at", Moment),
    Column("closed_by", Text),
    PrimaryKeyConstraint("shop_id", "id"),
    Index("uq_tasks_outbox", "shop_id", "outbox_id", unique=True),
    Index(None, "shop_id", "person_id"),
    Index("ix_tasks_open", "shop_id", "due_at", postgresql_where="state = 'open'"),
)
