"""What is known of a shop's WhatsApp account at Brevo, and of the numbers that it writes to."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, PrimaryKeyConstraint, Table, Text
from sqlalchemy.dialects.postgresql import JSONB

from connector.db.schema import Moment, metadata, shop_column

whatsapp_accounts = Table(
    "whatsapp_accounts",
    metadata,
    shop_column(),
    # When Brevo was last asked for the templates, and when they were last read; NULL: never.
    Column("asked_real", Moment, nullable=False),
    Column("read_real", Moment),
    # What Brevo tells of the account: names, states, quality, the limit of Meta's tier.
    Column("found", JSONB, nullable=False),
    PrimaryKeyConstraint("shop_id"),
)

whatsapp_templates = Table(
    "whatsapp_templates",
    metadata,
    shop_column(),
    Column("id", BigInteger, nullable=False),
    # Several may share a name, one for each language.
    Column("name", Text, nullable=False),
    Column("language", Text, nullable=False),
    # MARKETING | UTILITY | AUTHENTICATION: Meta's word, which may change it.
    Column("category", Text, nullable=False),
    # approved, or why it cannot be sent.
    Column("status", Text, nullable=False),
    PrimaryKeyConstraint("shop_id", "id"),
)

whatsapp_numbers = Table(
    "whatsapp_numbers",
    metadata,
    shop_column(),
    # HMAC-SHA256 of the number with the shop's salt (connector.suppression).
    Column("number_digest", Text, nullable=False),
    # When somebody last wrote to the shop from it: text may be sent for a day.
    Column("replied_at", Moment),
    # Until when Meta is not to be asked to deliver marketing there.
    Column("wait_until", Moment),
    # After this moment neither says anything.
    Column("of_use_until", Moment, nullable=False),
    PrimaryKeyConstraint("shop_id", "number_digest"),
)
