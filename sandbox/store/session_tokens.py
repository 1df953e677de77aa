"""Session tokens: what the admin gives an embedded app to know the shop and the user by. Real time, unix seconds."""

from __future__ import annotations

import hashlib
from base64 import b64encode
from typing import Any

import jwt

from sandbox.store.apps import App
from sandbox.store.tokens import Refused

LIFETIME_SECONDS = 60
LEEWAY_SECONDS = 10
REQUIRED = ["iss", "dest", "aud", "sub", "exp", "nbf", "iat", "jti", "sid"]


def session_token(app: App, domain: str, user_id: int, now: float, number: int, **claims: Any) -> str:
    """A token for one page of one user; `claims` replace what it would say."""
    said = {
        "iss": f"https://{domain}/admin",
        "dest": f"https://{domain}",
        "aud": app.client_id,
        "sub": str(user_id),
        "exp": int(now) + LIFETIME_SECONDS,
        "nbf": int(now),
        "iat": int(now),
        "jti": hashlib.sha256(f"{domain}:{number}:{now}".encode()).hexdigest()[:36],
        "sid": hashlib.sha256(f"{domain}:{user_id}".encode()).hexdigest(),
    }
    return jwt.encode(said | claims, app.secret, algorithm="HS256")


def read_session_token(app: App, domain: str, token: str, now: float) -> dict[str, Any]:
    """Its claims, when the app's secret signed it for this shop and it is fresh. Raises Refused."""
    for secret in app.secrets:
        # PyJWT reads the machine's clock by itself; ours is the one that the rest of the platform lives by.
        options: Any = {"require": REQUIRED, "verify_exp": False, "verify_nbf": False, "verify_iat": False}
        try:
            claims: dict[str, Any] = jwt.decode(
                token, secret, algorithms=["HS256"], audience=app.client_id, options=options
            )
        except jwt.InvalidTokenError:
            continue
        fresh = claims["nbf"] - LEEWAY_SECONDS <= now <= claims["exp"] + LEEWAY_SECONDS
        if fresh and claims["dest"] == f"https://{domain}" and claims["iss"] == f"https://{domain}/admin":
            return claims
    raise Refused("invalid_subject_token", "The session token is not valid for this shop and app, or is stale")


def host_of(domain: str) -> str:
    """The `host` parameter: where the shop's admin is, in base64 without padding."""
    return b64encode(f"admin.shopify.com/store/{domain.partition('.')[0]}".encode()).decode().rstrip("=")
