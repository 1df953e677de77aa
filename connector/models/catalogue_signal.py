"""News of products on their way to the people whom they interest."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, Identity, Index, Integer, PrimaryKeyConstraint, Table, Text, UniqueConstraint
from sqlalchemy.dialects.postgresql import JSONB

from connector.db.schema import Moment, metadata, shop_column

catalogue_signals = Table(
    "catalogue_signals",
    metadata,
    shop_column(),
    Column("id", BigInteger, Identity(), nullable=False),
    # price_dropped | back_in_stock | low_stock
    Column("kind", Text, nullable=False),
    Column("product_id", BigInteger, nullable=False),
    # When it happened, by the store's word.
    Column("at", Moment, nullable=False),
    # [{variant_id, old, new, percent}] of a price, amounts as text; [{variant_id}] of stock
    Column("variants", JSONB, nullable=False),
    # due: people are still to be told | done
    Column("state", Text, nullable=False),
    # How many it interested, NULL until they were looked for, and how many of them were told.
    Column("people", Integer),
    Column("told", Integer, nullable=False),
    # Why not everybody was told: old | unheard | over
    Column("reason", Text),
    Column("due_real", Moment, nullable=False),
    PrimaryKeyConstraint("shop_id", "id"),
    UniqueConstraint("shop_id", "kind", "product_id", "at"),
    Index("ix_catalogue_signals_due", "shop_id", "due_real", postgresql_where="state = 'due'"),
)

# A row goes when the person is told.
catalogue_signal_people = Table(
    "catalogue_signal_people",
    metadata,
    shop_column(),
    Column("signal_id", BigInteger, nullable=False),
    Column("person_id", BigInteger, nullable=False),
    # Which of the signal's variants they want; NULL: none in particular.
    Column("variant_id", BigInteger),
    # asked | carted | viewed | bought
    Column("why", Text, nullable=False),
    PrimaryKeyConstraint("shop_id", "signal_id", "person_id"),
    Index(None, "shop_id", "person_id"),
)

# Who has asked to be told when something is back; the row goes when they are.
product_alerts = Table(
    "product_alerts",
    metadata,
    shop_column(),
    Column("product_id", BigInteger, nullable=False),
    Column("person_id", BigInteger, nullable=False),
    # NULL: whichever of its variants
    Column("variant_id", BigInteger),
    Column("asked_at", Moment, nullable=False),
    # ours: told by a flow | due: Brevo is to be asked to tell them | brevo: it has been | refused: by Brevo; told by us
    Column("state", Text, nullable=False),
    Column("reason", Text),
    Column("attempts", Integer, nullable=False),
    Column("due_real", Moment, nullable=False),
    Column("lease_real", Moment),
    PrimaryKeyConstraint("shop_id", "product_id", "person_id"),
    Index(None, "shop_id", "person_id"),
    Index("ix_product_alerts_due", "shop_id", "due_real", postgresql_where="state = 'due'"),
)
