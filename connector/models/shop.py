"""Shops: one row per connected store, with its two sets of credentials. Nothing in it is about a customer."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, Double, Identity, LargeBinary, Table, Text, UniqueConstraint
from sqlalchemy.dialects.postgresql import ARRAY, JSONB

from connector.db.schema import Moment, metadata

shops = Table(
    "shops",
    metadata,
    Column("id", BigInteger, Identity(), primary_key=True),
    Column("domain", Text, nullable=False),
    Column("name", Text, nullable=False),
    # active | paused | installed: the store is connected and Brevo not yet | uninstalled
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
    # The token before it, believed while Brevo is being given the new one; "": none is.
    Column("brevo_webhook_digest_before", Text, nullable=False, server_default=""),
    Column("created_at", Moment, nullable=False),
    # fixed | expiring: an access token with a refresh token | client_credentials (connector.tokens)
    Column("token_kind", Text, nullable=False, server_default="fixed"),
    # The client id of an app that only this shop has; its secret is shopify_secret.
    Column("shopify_client_id", Text),
    # Encrypted. The second is the one that the first was got with: it serves until the first has been used.
    Column("shopify_refresh", Text),
    Column("shopify_refresh_before", Text),
    # Wire time, unix seconds: when the access token and the refresh token end, when both were stored.
    Column("token_expires_wire", Double),
    Column("refresh_expires_wire", Double),
    Column("token_stored_wire", Double),
    # Who renews the token: the number of the claim, which guards what it writes, and when it is free again.
    Column("token_claim", BigInteger, nullable=False, server_default="0"),
    Column("token_lease_real", Moment),
    # Why the store gives no token any more: invalid_grant | invalid_client.
    Column("token_trouble", Text),
    # The access scopes that the merchant has granted, as last heard; null: never heard.
    Column("granted_scopes", ARRAY(Text)),
    Column("scopes_heard_at", Moment),
    # When the app was last installed and last removed.
    Column("installed_at", Moment),
    Column("uninstalled_at", Moment),
    # When the webhooks of this installation were in place: what happened before is history. Null: not known.
    Column("live_since", Moment),
    # What tells the account at Brevo from others; shops with the same share it. Null: not known.
    Column("brevo_account", Text),
    UniqueConstraint("domain"),
)
