"""What merchants map beside the columns of ``persons``, the documents in which they say so, and who is to be told again
because of it."""

from __future__ import annotations

from sqlalchemy import BigInteger, Boolean, Column, Date, Identity, PrimaryKeyConstraint, Table, Text
from sqlalchemy.dialects.postgresql import JSONB

from connector.db.schema import Moment, metadata, shop_column

profile_fields = Table(
    "profile_fields",
    metadata,
    shop_column(),
    Column("person_id", BigInteger, nullable=False),
    # As a mapping names it: metafield:NAMESPACE.KEY | customer.FIELD. Only what the shop's mapping names is kept.
    Column("source", Text, nullable=False),
    # As the store has it, in JSON; JSON's null: it had a value and has none now.
    Column("value", JSONB, nullable=False),
    PrimaryKeyConstraint("shop_id", "person_id", "source"),
)

mapping_edits = Table(
    "mapping_edits",
    metadata,
    shop_column(),
    Column("id", BigInteger, Identity(), nullable=False),
    # The merchant's own text, remarks and all; what it says is in shops.settings.
    Column("document", Text, nullable=False),
    # An actor of the audit log.
    Column("made_by", Text, nullable=False),
    Column("made_at", Moment, nullable=False),
    PrimaryKeyConstraint("shop_id", "id"),
)

profile_passes = Table(
    "profile_passes",
    metadata,
    shop_column(),
    # When the next pass begins, in business time; NULL: nothing of this shop's mapping changes by itself.
    Column("due_at", Moment),
    # The day, in the shop's zone, that values which count days are true for.
    Column("day", Date),
    # {last_order_at | orders_count | total_spent: the four borders between fifths of the shop's customers}, and those
    # of the pass before.
    Column("borders", JSONB),
    Column("borders_before", JSONB),
    # The pass under way: everybody is told again, or those whose values the new day changes; the last person it has
    # come to (NULL: none is under way).
    Column("everybody", Boolean, nullable=False),
    Column("cursor", BigInteger),
    Column("lease_real", Moment),
    PrimaryKeyConstraint("shop_id"),
)
