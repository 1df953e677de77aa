"""Discount codes that were generated here, and the pools that are kept filled with them."""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Column,
    Identity,
    Index,
    Integer,
    PrimaryKeyConstraint,
    Table,
    Text,
    UniqueConstraint,
    Uuid,
)
from sqlalchemy.dialects.postgresql import JSONB

from connector.db.schema import Moment, metadata, shop_column

coupons = Table(
    "coupons",
    metadata,
    shop_column(),
    Column("id", BigInteger, Identity(), nullable=False),
    # Capitals, as the store shows it. Written down before the store hears of it.
    Column("code", Text, nullable=False),
    # Which of the codes that its key leads to this is: those before it are somebody else's.
    Column("variant", Integer, nullable=False),
    # stored: the store may have it or not | made: the store has it, and it is ours
    Column("state", Text, nullable=False),
    # NULL: a discount of its own.
    Column("pool", Text),
    # For whom, once it is handed out; of a code of its own from the beginning.
    Column("outbox_id", BigInteger),
    Column("person_id", BigInteger),
    Column("run_id", Uuid),
    Column("flow", Text),
    # What the flow calls it.
    Column("name", Text),
    # {percent | amount, minimum, once_per_customer}: percent a number, amounts as text in the shop's currency.
    Column("terms", JSONB, nullable=False),
    Column("ends_at", Moment),
    # The store's global id of the discount.
    Column("discount_id", Text),
    Column("created_at", Moment, nullable=False),
    Column("made_at", Moment),
    Column("given_at", Moment),
    # When Brevo was given it, for a collection there.
    Column("told_at", Moment),
    Column("redeemed_at", Moment),
    Column("order_id", BigInteger),
    PrimaryKeyConstraint("shop_id", "id"),
    UniqueConstraint("shop_id", "code"),
    Index("uq_coupons_outbox", "shop_id", "outbox_id", unique=True),
    Index(None, "shop_id", "person_id"),
    # What a pool can hand out, and what it still has to have made.
    Index("ix_coupons_pool", "shop_id", "pool", "state", "id", postgresql_where="given_at IS NULL"),
)

coupon_pools = Table(
    "coupon_pools",
    metadata,
    shop_column(),
    Column("name", Text, nullable=False),
    # As those of its coupons.
    Column("terms", JSONB, nullable=False),
    Column("prefix", Text, nullable=False),
    Column("ends_at", Moment),
    # For flows: so many codes are kept ready. For a collection at Brevo: so many in all.
    Column("size", Integer, nullable=False),
    # The collection at Brevo that gets its codes; NULL: flows hand them out.
    Column("collection", Text),
    Column("collection_id", Text),
    # What Brevo shows when the collection has run out.
    Column("fallback", Text),
    # The discount in the store that its codes belong to, and the addition under way there.
    Column("discount_id", Text),
    Column("creation_id", Text),
    # due: there is something to do at due_real | ready | failed: somebody has to act
    Column("state", Text, nullable=False),
    Column("reason", Text),
    Column("attempts", Integer, nullable=False),
    Column("due_real", Moment, nullable=False),
    Column("lease_real", Moment),
    Column("created_at", Moment, nullable=False),
    PrimaryKeyConstraint("shop_id", "name"),
)
