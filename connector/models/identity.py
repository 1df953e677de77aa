"""People who turned out to be one, what contradicts itself, and contacts at the provider that are left over.

``person_merges`` and ``identity_conflicts`` name two people, in columns of their own beside ``person_id``. A person who
was merged into another (``persons.merged_into``) keeps its row without any data.
"""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, Identity, Index, PrimaryKeyConstraint, Table, Text, UniqueConstraint
from sqlalchemy.dialects.postgresql import JSONB

from connector.db.schema import Moment, metadata, shop_column

# Append-only: the database refuses to rewrite a row.
person_merges = Table(
    "person_merges",
    metadata,
    shop_column(),
    Column("id", BigInteger, Identity(), nullable=False),
    # Who stays, and who turned out to be the same.
    Column("person_id", BigInteger, nullable=False),
    Column("gone_id", BigInteger, nullable=False),
    # customer_merge: the store's own | same_address | staff
    Column("reason", Text, nullable=False),
    Column("at", Moment, nullable=False),
    # {table: rows that moved}
    Column("moved", JSONB, nullable=False),
    PrimaryKeyConstraint("shop_id", "id"),
    UniqueConstraint("shop_id", "gone_id"),
    Index(None, "shop_id", "person_id"),
)

identity_conflicts = Table(
    "identity_conflicts",
    metadata,
    shop_column(),
    Column("id", BigInteger, Identity(), nullable=False),
    # phone: two people with one number | email: two customer records with one address | typed: a customer gave
    # somebody else's address at a checkout | customer: the store merged records that were somebody else's already
    Column("kind", Text, nullable=False),
    # The number, address or customer id in question.
    Column("value", Text, nullable=False),
    # The lower id of the two first.
    Column("person_id", BigInteger, nullable=False),
    Column("other_id", BigInteger, nullable=False),
    Column("noted_at", Moment, nullable=False),
    # What ended it: merged | changed: it is no longer so | different: staff say that they are two people
    Column("resolved_at", Moment),
    Column("resolution", Text),
    PrimaryKeyConstraint("shop_id", "id"),
    UniqueConstraint("shop_id", "kind", "value", "person_id", "other_id"),
    Index(None, "shop_id", "person_id"),
    Index(None, "shop_id", "other_id"),
    Index("ix_identity_conflicts_open", "shop_id", "id", postgresql_where="resolved_at IS NULL"),
)

left_contacts = Table(
    "left_contacts",
    metadata,
    shop_column(),
    # Whose contact it was, and who that person is now.
    Column("gone_id", BigInteger, nullable=False),
    Column("person_id", BigInteger, nullable=False),
    # The address under which the provider has it. The row goes when the contact has.
    Column("email", Text, nullable=False),
    PrimaryKeyConstraint("shop_id", "gone_id"),
    Index(None, "shop_id", "person_id"),
)
