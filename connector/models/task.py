"""What staff have to do: about people, given by flows, and reviews that come back by the calendar."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, Identity, Index, PrimaryKeyConstraint, Table, Text, Uuid

from connector.db.schema import Moment, metadata, shop_column

tasks = Table(
    "tasks",
    metadata,
    shop_column(),
    Column("id", BigInteger, Identity(), nullable=False),
    # Of a flow's: the effect that asked for it. However often that is tried, it is one task.
    Column("outbox_id", BigInteger),
    Column("person_id", BigInteger),
    Column("run_id", Uuid),
    Column("flow", Text),
    Column("step", Text),
    # Of a review: which one, and of what time (2026-10, 2026-Q4, 2026). It is about nobody.
    Column("review", Text),
    Column("period", Text),
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
    Index("uq_tasks_review", "shop_id", "review", "period", unique=True, postgresql_where="review IS NOT NULL"),
    # The lists of the admin, by what is due first and by what was closed last.
    Index("ix_tasks_open", "shop_id", "due_at", "id", postgresql_where="state = 'open'"),
    Index("ix_tasks_of", "shop_id", "assignee", "due_at", "id", postgresql_where="state = 'open'"),
    Index("ix_tasks_closed", "shop_id", "closed_at", "id", postgresql_where="state <> 'open'"),
)
