"""Shops: one row per connected store, with its two sets of credentials."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, Identity, LargeBinary, Table, Text, UniqueConstraint
from sqlalchemy.dialects.postgresql import JSONB

from connector.db.schema import Moment, metadata

shops = Table(
    "shops",
    metadata,
    Column("id", BigInteger, Identity(), primary_key=True),
    Column("domain", Text, nullable=False),
    Column("name", Text, nullable=False),
    # active | paused | uninstalled
    Column("state", Text, nullable=False),
    # Encrypted (connector.secrets), each bound to this shop.
    Column("shopify_token", Text),
    Column("shopify_secret", Text),
    Column("brevo_key", Text),
    Column("sender_email", Text, nullable=False),
    Column("sender_name", Text, nullable=False),
    Column("timezone", Text, nullable=False),
    Column("currency", Text, nullable=False),
    # Salt of the suppression hashes: they must survive an erasure without telling the address.
    Column("salt", LargeBinary, nullable=False),
    # Merchant's settings: caps, offers, quiet hours, attribute mapping ... (connector.shops.ShopSettingsSchema).
    Column("settings", JSONB, nullable=False),
    # Bearer token that Brevo sends with its webhooks, stored as a sha256.
    Column("brevo_webhook_digest", Text, nullable=False),
    Column("created_at", Moment, nullable=False),
    UniqueConstraint("domain"),
)
