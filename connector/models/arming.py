"""Acts by which clocks of signals are armed for people who were there before, and what became of each act.

The clocks themselves are rows of ``timers`` with the number of the act.
"""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, Identity, Index, Integer, PrimaryKeyConstraint, Table, Text
from sqlalchemy.dialects.postgresql import JSONB

from connector.db.schema import Moment, metadata, shop_column

armings = Table(
    "armings",
    metadata,
    shop_column(),
    Column("id", BigInteger, Identity(), nullable=False),
    # A signal that has a clock.
    Column("signal", Text, nullable=False),
    # queued | running | done | stopping (what has not rung is taken back) | stopped
    Column("state", Text, nullable=False),
    # An actor of the audit log.
    Column("asked_by", Text, nullable=False),
    # Of those whose moment has passed, so many a day; NULL: they are left out.
    Column("daily", Integer),
    # Left out is also whose moment has passed by more than so many days; NULL: nobody is.
    Column("longest_days", Integer),
    # How many late ones each day has, from the day after the start on; NULL: not counted yet.
    Column("rations", JSONB),
    # The last person that was looked at.
    Column("cursor", BigInteger, nullable=False),
    # Clocks: armed at their own moment and late ones, and moved because they ran for other thresholds; left alone
    # because they run already, because their fact was told, or because they are left out; and taken back.
    Column("in_time", Integer, nullable=False),
    Column("late", Integer, nullable=False),
    Column("moved", Integer, nullable=False),
    Column("running", Integer, nullable=False),
    Column("told", Integer, nullable=False),
    Column("left_out", Integer, nullable=False),
    Column("taken_back", Integer, nullable=False),
    Column("asked_at", Moment, nullable=False),
    Column("started_at", Moment),
    Column("finished_at", Moment),
    PrimaryKeyConstraint("shop_id", "id"),
    Index(
        "uq_armings_open",
        "shop_id",
        "signal",
        unique=True,
        postgresql_where="state IN ('queued', 'running', 'stopping')",
    ),
)
