"""What flows have brought: figures by day, people by step, and which message an order is owed to.

All of it is counted from other tables. What changes there leaves its difference in ``figure_changes`` and
``step_changes``, and whose orders are to be looked at again in ``attribution_marks``: triggers write these, so that
whoever writes a counted row need not know of it (ADR 52).
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import BigInteger, Column, Date, Identity, Index, Integer, Numeric, PrimaryKeyConstraint, Table, Text

from connector.db.schema import Moment, metadata, shop_column

COUNTS = (
    "entered",
    "inside",
    "completed",
    "exited",
    "converted",
    "conversion_seconds",
    "sent",
    "delivered",
    "opened",
    "clicked",
    "unsubscribed",
    "bounced",
    "complained",
    "skipped",
    "failed",
    "orders",
    "unpriced",
)
"""What is counted in whole numbers."""
AMOUNTS = ("revenue", "cost")
"""What is summed up in the shop's currency."""


def _cohort() -> list[Column[object]]:
    """What a figure is of. Of people in flows ``step``, ``message`` and ``channel`` are ""."""
    return [
        Column("flow", Text, nullable=False),
        Column("version", Integer, nullable=False),
        Column("step", Text, nullable=False),
        Column("message", Text, nullable=False),
        Column("channel", Text, nullable=False),
    ]


def _figures() -> list[Column[Any]]:
    return [
        *(Column(name, BigInteger, nullable=False, server_default="0") for name in COUNTS),
        *(Column(name, Numeric(18, 4), nullable=False, server_default="0") for name in AMOUNTS),
    ]


# Differences that are not in the tables below yet. Nobody waits for anybody: rows are only added, and taken away whole.
figure_changes = Table(
    "figure_changes",
    metadata,
    shop_column(),
    Column("id", BigInteger, Identity(), nullable=False),
    *_cohort(),
    # The quarter of an hour, in which all of the world has the same day.
    Column("at", Moment, nullable=False),
    *(Column(name, BigInteger) for name in COUNTS),
    *(Column(name, Numeric(18, 4)) for name in AMOUNTS),
    PrimaryKeyConstraint("shop_id", "id"),
)

# By the shop's day: people by when they entered, messages by when they were sent, orders by when they were placed.
figure_days = Table(
    "figure_days",
    metadata,
    shop_column(),
    *_cohort(),
    Column("day", Date, nullable=False),
    *_figures(),
    PrimaryKeyConstraint("shop_id", "flow", "day", "version", "step", "message", "channel"),
    Index(None, "shop_id", "day"),
)

# The same of all days together.
figure_totals = Table(
    "figure_totals",
    metadata,
    shop_column(),
    *_cohort(),
    *_figures(),
    PrimaryKeyConstraint("shop_id", "flow", "version", "step", "message", "channel"),
)

step_changes = Table(
    "step_changes",
    metadata,
    shop_column(),
    Column("id", BigInteger, Identity(), nullable=False),
    Column("flow", Text, nullable=False),
    Column("version", Integer, nullable=False),
    Column("step", Text, nullable=False),
    Column("what", Text, nullable=False),
    Column("people", BigInteger, nullable=False),
    PrimaryKeyConstraint("shop_id", "id"),
)

step_counts = Table(
    "step_counts",
    metadata,
    shop_column(),
    Column("flow", Text, nullable=False),
    Column("version", Integer, nullable=False),
    # "": the end of the flow.
    Column("step", Text, nullable=False),
    # reached | inside | ended:OUTCOME
    Column("what", Text, nullable=False),
    Column("people", BigInteger, nullable=False),
    PrimaryKeyConstraint("shop_id", "flow", "version", "step", "what"),
)

# Whose orders are to be looked at again: something they bought, opened or followed has changed.
attribution_marks = Table(
    "attribution_marks",
    metadata,
    shop_column(),
    # 0: nobody's, it only says that something is to be done.
    Column("person_id", BigInteger, nullable=False),
    Column("id", BigInteger, Identity(), nullable=False),
    PrimaryKeyConstraint("shop_id", "person_id", "id"),
)

attributions = Table(
    "attributions",
    metadata,
    shop_column(),
    Column("order_id", BigInteger, nullable=False),
    # NULL: of somebody who was erased.
    Column("person_id", BigInteger),
    Column("outbox_id", BigInteger),
    Column("flow", Text, nullable=False),
    Column("version", Integer, nullable=False),
    Column("step", Text, nullable=False),
    Column("message", Text, nullable=False),
    Column("channel", Text, nullable=False),
    # clicked | opened | sent
    Column("touch", Text, nullable=False),
    Column("touched_at", Moment, nullable=False),
    Column("placed_at", Moment, nullable=False),
    # In the order's own currency: what it came to, and what of that was given back or taken off again.
    Column("currency", Text),
    Column("amount", Numeric(18, 2), nullable=False),
    Column("refunded", Numeric(18, 2), nullable=False),
    # What is left in the shop's currency; NULL: the merchant has given no rate.
    Column("revenue", Numeric(18, 4)),
    PrimaryKeyConstraint("shop_id", "order_id"),
    Index(None, "shop_id", "person_id"),
    Index(None, "shop_id", "outbox_id"),
    Index("ix_attributions_flow", "shop_id", "flow", "placed_at", "order_id"),
    Index("ix_attributions_unpriced", "shop_id", "flow", "order_id", postgresql_where="revenue IS NULL"),
)

# How many people got how many messages by a channel in the last week; drawn once a day.
message_weeks = Table(
    "message_weeks",
    metadata,
    shop_column(),
    Column("channel", Text, nullable=False),
    Column("messages", Integer, nullable=False),
    Column("people", BigInteger, nullable=False),
    PrimaryKeyConstraint("shop_id", "channel", "messages"),
)

# When the figures were last brought up to date, and when they may be again.
figure_passes = Table(
    "figure_passes",
    metadata,
    shop_column(),
    Column("counted_at", Moment),
    Column("due_real", Moment, nullable=False),
    # When the messages of a week were last counted.
    Column("week_at", Moment),
    # Stands for the windows by which the orders were attributed.
    Column("windows", Text),
    # The person up to whom orders are being marked anew, after other windows or a rebuild; NULL: none are.
    Column("marked_to", BigInteger),
    PrimaryKeyConstraint("shop_id"),
)

# What metrics come to, as each round has counted them: those of the round that is shown, and of the one under way.
metric_figures = Table(
    "metric_figures",
    metadata,
    shop_column(),
    Column("round", BigInteger, nullable=False),
    # Of flows/analytics/metrics.
    Column("metric", Text, nullable=False),
    # "": of the whole shop.
    Column("flow", Text, nullable=False),
    # On which the counted began; of the whole shop that on which it was counted.
    Column("day", Date, nullable=False),
    # "" | vip | others
    Column("who", Text, nullable=False),
    Column("whole", BigInteger, nullable=False),
    Column("hits", BigInteger, nullable=False),
    # Not among the hits, and still in time.
    Column("waiting", BigInteger, nullable=False),
    # In the shop's currency.
    Column("amount", Numeric(18, 4), nullable=False),
    PrimaryKeyConstraint("shop_id", "round", "metric", "flow", "day", "who"),
)

metric_passes = Table(
    "metric_passes",
    metadata,
    shop_column(),
    # The round that is shown, 0: none yet; and as of when it was counted.
    Column("round", BigInteger, nullable=False),
    Column("counted_at", Moment),
    # As of when the next round counts, and the person up to whom it has come; NULL: none is under way.
    Column("began_at", Moment),
    Column("beyond", BigInteger, nullable=False),
    # How long the slices of the round have taken together.
    Column("took_ms", BigInteger, nullable=False),
    Column("due_real", Moment, nullable=False),
    PrimaryKeyConstraint("shop_id"),
)
