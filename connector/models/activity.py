"""What is remembered of how people behave, and the segments of the store that they are in."""

from __future__ import annotations

from sqlalchemy import BigInteger, Boolean, Column, PrimaryKeyConstraint, Table
from sqlalchemy.dialects.postgresql import JSONB

from connector.db.schema import Moment, metadata, shop_column

activities = Table(
    "activities",
    metadata,
    shop_column(),
    Column("person_id", BigInteger, nullable=False),
    # Of bounded size: flows.core.activity.Activity as JSON.
    Column("state", JSONB, nullable=False),
    Column("changed_at", Moment, nullable=False),
    PrimaryKeyConstraint("shop_id", "person_id"),
)

segment_members = Table(
    "segment_members",
    metadata,
    shop_column(),
    Column("person_id", BigInteger, nullable=False),
    # The store's id.
    Column("segment_id", BigInteger, nullable=False),
    Column("member", Boolean, nullable=False),
    # When the store says that they entered or left; the newest word counts.
    Column("told_at", Moment, nullable=False),
    PrimaryKeyConstraint("shop_id", "person_id", "segment_id"),
)
