"""Who works with this installation, as what, and what they did.

Staff belong to the installation, not to a shop: their tables say in ``tests/architecture/test_schema.py`` why their
keys begin otherwise. The audit log holds numbers, names of fields and digests, never what a field of a person says,
so erasing a person leaves it as it is; erasing a shop takes its lines along (``connector.audit.erase``).
"""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Identity,
    Index,
    PrimaryKeyConstraint,
    Table,
    Text,
    UniqueConstraint,
)
from sqlalchemy.dialects.postgresql import JSONB

from connector.db.schema import Moment, metadata, shop_column

staff = Table(
    "staff",
    metadata,
    Column("id", BigInteger, Identity(), primary_key=True),
    # Lower case.
    Column("email", Text, nullable=False),
    # owner | editor | support | read-only
    Column("role", Text, nullable=False),
    # Argon2id, with its parameters and salt.
    Column("password_hash", Text, nullable=False),
    # Whether they see all shops, also those that are connected later; else those of staff_shops.
    Column("every_shop", Boolean, nullable=False),
    Column("created_at", Moment, nullable=False),
    # The secret of the authenticator app, sealed; NULL: they sign in by the password alone.
    Column("second_factor", Text),
    # One that is being set up: sealed too, and of no effect until a code of it was shown.
    Column("second_factor_next", Text),
    # The newest half minute of which a code was taken: no code is good twice.
    Column("second_factor_step", BigInteger),
    UniqueConstraint("email"),
)

staff_recovery_codes = Table(
    "staff_recovery_codes",
    metadata,
    Column("staff_id", BigInteger, nullable=False),
    # sha256 of the code, which is chance enough to need no salt.
    Column("digest", Text, nullable=False),
    PrimaryKeyConstraint("staff_id", "digest"),
)

staff_shops = Table(
    "staff_shops",
    metadata,
    shop_column(),
    Column("staff_id", BigInteger, nullable=False),
    PrimaryKeyConstraint("shop_id", "staff_id"),
)

staff_sessions = Table(
    "staff_sessions",
    metadata,
    # sha256 of the token in the cookie: who reads this table cannot sign in with it.
    Column("digest", Text, primary_key=True),
    Column("staff_id", BigInteger, nullable=False),
    Column("began_real", Moment, nullable=False),
    Column("ends_real", Moment, nullable=False),
    # When they last proved who they are; NULL: when the session began.
    Column("proven_real", Moment),
)

audit_log = Table(
    "audit_log",
    metadata,
    # 0: an act on the installation, not on a shop.
    shop_column(),
    Column("id", BigInteger, Identity(), nullable=False),
    Column("at", Moment, nullable=False),
    # cli | staff:ID | merchant:ID of the user at Shopify
    Column("actor", Text, nullable=False),
    # What was done: sync.start, delivery.replay, person.reveal ...
    Column("act", Text, nullable=False),
    Column("object_kind", Text, nullable=False),
    Column("object_id", Text, nullable=False),
    Column("detail", JSONB, nullable=False),
    PrimaryKeyConstraint("shop_id", "id"),
    Index(None, "shop_id", "object_kind", "object_id", "id"),
    # What the filters of its page read by.
    Index(None, "shop_id", "actor", "id"),
    Index(None, "shop_id", "act", "id"),
    Index(None, "shop_id", "object_kind", "id"),
)
