"""Secrets and signatures of Standard Webhooks 1.0."""

from __future__ import annotations

import secrets
from base64 import b64encode
from collections.abc import Sequence
from datetime import datetime

from standardwebhooks import Webhook

_SECRET_BYTES = 32


def new_secret() -> str:
    """What an endpoint and we share: ``whsec_`` and 32 random bytes in base64."""
    return f"whsec_{b64encode(secrets.token_bytes(_SECRET_BYTES)).decode()}"


def headers(message_id: str, at: datetime, body: bytes, known: Sequence[str]) -> dict[str, str]:
    """What goes with ``body`` in this attempt. ``at``: real time; ``known``: every secret that the receiver may still
    have, each of which signs.
    """
    signed = [Webhook(secret).sign(msg_id=message_id, timestamp=at, data=body.decode()) for secret in known]
    return {
        "Content-Type": "application/json",
        "User-Agent": "Shopify-Brevo-Connector",
        "webhook-id": message_id,
        "webhook-timestamp": str(int(at.timestamp())),
        "webhook-signature": " ".join(signed),
    }
