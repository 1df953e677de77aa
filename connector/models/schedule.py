"""Where each flow with a schedule stands: which occurrence comes next or is being prepared, and how far that is."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, Integer, PrimaryKeyConstraint, Table, Text

from connector.db.schema import Moment, metadata, shop_column

schedules = Table(
    "schedules",
    metadata,
    shop_column(),
    Column("flow", Text, nullable=False),
    # The schedule and the shop's zone in words, as of when the next occurrence was found; '': it has to be found.
    Column("plan", Text, nullable=False),
    # The day that comes next or whose people get their clocks now; NULL: none comes.
    Column("occurrence", Text),
    # When to look again; NULL: never.
    Column("due_at", Moment),
    # The last person that was looked at for this occurrence, and how many got a clock.
    Column("cursor", BigInteger, nullable=False),
    Column("armed", Integer, nullable=False),
    # The last occurrence for which all have been looked at, and how many got a clock.
    Column("prepared", Text),
    Column("prepared_armed", Integer),
    # The last occurrence that came too late for everybody.
    Column("missed", Text),
    PrimaryKeyConstraint("shop_id", "flow"),
)
