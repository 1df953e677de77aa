"""What a merchant has agreed to at Brevo: the access tokens of OAuth, beside the API key of ``shops``."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, Double, Table, Text
from sqlalchemy.dialects.postgresql import ARRAY

from connector.db.schema import Moment, metadata

brevo_grants = Table(
    "brevo_grants",
    metadata,
    # A shop has this row or an API key, never both.
    Column("shop_id", BigInteger, primary_key=True, autoincrement=False),
    # Encrypted (connector.secrets). The last is the refresh token that the pair was got with.
    Column("brevo_token", Text, nullable=False),
    Column("brevo_refresh", Text, nullable=False),
    Column("brevo_refresh_before", Text),
    # What was agreed to, as Brevo said it.
    Column("scopes", ARRAY(Text), nullable=False),
    # Wire time, unix seconds: when the two tokens end, when the pair was stored.
    Column("expires_wire", Double),
    Column("refresh_expires_wire", Double),
    Column("stored_wire", Double, nullable=False),
    # Who renews the pair: the number of the claim, which guards what it writes, and when it is free again.
    Column("claim", BigInteger, nullable=False, server_default="0"),
    Column("lease_real", Moment),
    # Why Brevo gives no token any more: invalid_grant | invalid_client.
    Column("trouble", Text),
)
