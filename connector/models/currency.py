"""What the merchant's currencies are worth in each other."""

from __future__ import annotations

from sqlalchemy import Column, Date, Numeric, PrimaryKeyConstraint, Table, Text

from connector.db.schema import Moment, metadata, shop_column

currency_rates = Table(
    "currency_rates",
    metadata,
    shop_column(),
    # ISO 4217: from the day ``since`` on, until the next row, one unit of ``currency`` is ``rate`` of ``counted_in``.
    Column("currency", Text, nullable=False),
    Column("counted_in", Text, nullable=False),
    Column("since", Date, nullable=False),
    Column("rate", Numeric(24, 12), nullable=False),
    # An actor of the audit log, and when (business time).
    Column("set_by", Text, nullable=False),
    Column("set_at", Moment, nullable=False),
    PrimaryKeyConstraint("shop_id", "currency", "counted_in", "since"),
)

account_currencies = Table(
    "account_currencies",
    metadata,
    shop_column(),
    # The currency in which the shop's account at Brevo shows amounts (ISO 4217), and when it last said so (machine).
    Column("currency", Text, nullable=False),
    Column("asked_real", Moment, nullable=False),
    PrimaryKeyConstraint("shop_id"),
)
