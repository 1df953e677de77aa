"""Who signed this: pure checks on bytes, closed when there is nothing to check against.

Shopify signs the raw body: base64 of HMAC-SHA256 with the app's client secret (the store's own secret for
notifications set up by hand). Brevo signs nothing and sends the bearer token that we registered with it.
"""

from __future__ import annotations

import hmac
from base64 import b64encode
from collections.abc import Iterable
from hashlib import sha256


def signature(body: bytes, secret: str) -> str:
    """The signature that Shopify sends for these bytes: 44 characters of base64."""
    return b64encode(hmac.digest(secret.encode(), body, sha256)).decode("ascii")


def is_signed(body: bytes, given: str, secrets: Iterable[str]) -> bool:
    """Whether ``given`` is the signature of ``body`` under one of ``secrets``; empty secrets sign nothing.

    The encoded forms are compared, so that another spelling of the same base64 is another signature. A header
    that was sent twice arrives joined by a comma and is therefore wrong.
    """
    presented = given.encode("utf-8", "surrogatepass")
    expected = [signature(body, secret).encode("ascii") for secret in secrets if secret]
    return any([hmac.compare_digest(each, presented) for each in expected])


def token_digest(token: str) -> str:
    """What is stored of a bearer token: sha256, 64 hex digits."""
    return sha256(token.encode("utf-8", "surrogatepass")).hexdigest()


def is_bearer(token: str, digest: str) -> bool:
    """Whether ``token`` is the one that ``digest`` was made from; no token and no digest never match."""
    if not token or not digest:
        return False
    return hmac.compare_digest(token_digest(token).encode("ascii"), digest.encode("utf-8", "surrogatepass"))
