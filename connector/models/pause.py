"""Channels at the provider that stand still until somebody acts."""

from __future__ import annotations

from sqlalchemy import Column, Integer, PrimaryKeyConstraint, Table, Text

from connector.db.schema import Moment, metadata, shop_column

channel_pauses = Table(
    "channel_pauses",
    metadata,
    shop_column(),
    # email | ... (a channel of the flows), or account: everything at the provider
    Column("channel", Text, nullable=False),
    # One of connector.pauses.REASONS.
    Column("reason", Text, nullable=False),
    # What the provider said.
    Column("detail", Text, nullable=False),
    Column("since", Moment, nullable=False),
    # When one call may find out whether it is over, and how many have tried.
    Column("probe_real", Moment, nullable=False),
    Column("probes", Integer, nullable=False),
    PrimaryKeyConstraint("shop_id", "channel"),
)
