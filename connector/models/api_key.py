"""Keys by which a merchant's other systems tell us of events, or use the API of the admin."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, Identity, PrimaryKeyConstraint, Table, Text, UniqueConstraint

from connector.db.schema import Moment, metadata, shop_column

api_keys = Table(
    "api_keys",
    metadata,
    shop_column(),
    Column("id", BigInteger, Identity(), nullable=False),
    # What the merchant calls the system that has it.
    Column("name", Text, nullable=False),
    # NULL: it tells of events. Else it asks the API of the admin and may do there what this role may.
    Column("role", Text),
    # sha256 of the whole key, hexadecimal: it is chance enough to need no salt.
    Column("digest", Text, nullable=False),
    Column("created_at", Moment, nullable=False),
    # To the hour.
    Column("last_used_at", Moment),
    Column("revoked_at", Moment),
    PrimaryKeyConstraint("shop_id", "id"),
    UniqueConstraint("shop_id", "digest"),
)
