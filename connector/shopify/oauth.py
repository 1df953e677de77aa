"""The authorization code grant: sending a merchant to the store to be asked, and proving what comes back.

Source: Shopify's library ``@shopify/shopify-api`` 15, ``auth/oauth``; the digest is ShopifyAPI's.
"""

from __future__ import annotations

import hmac
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from hashlib import sha256
from urllib.parse import parse_qsl, urlencode

from itsdangerous import BadData, URLSafeSerializer
from shopify import Session as ShopifySession

from connector.errors import InvalidInput
from connector.settings import Settings
from connector.shopify.domain import shop_domain
from connector.shopify.scopes import NEEDED

STATE_SECONDS = 60.0
"""Real seconds for which a merchant may be away at the store."""

# Real seconds by which the callback's own time may differ from ours.
_TIMESTAMP_LEEWAY = 90.0
_SALT = "connector.oauth.state"
_MOST_PARAMETERS = 20


class NotOurs(InvalidInput):
    """This is not the answer to a question of ours, or it comes too late."""


@dataclass(frozen=True)
class Callback:
    """A proven callback: the shop's domain and the code that a token is given for."""

    shop: str
    code: str


def authorize_url(settings: Settings, shop: str, state: str) -> str:
    """Where the merchant is asked. ``shop``: a checked domain; ``state``: of ``new_state``."""
    base = settings.shopify_base_url.replace("{shop}", shop)
    asked = {
        "client_id": settings.shopify_api_key,
        "scope": ",".join(NEEDED),
        "redirect_uri": redirect_uri(settings),
        "state": state,
    }
    return f"{base}/admin/oauth/authorize?{urlencode(asked)}"


def redirect_uri(settings: Settings) -> str:
    """The one address that the app's configuration allows."""
    return f"{settings.public_url}/auth/callback"


def new_state(keys: Sequence[str], shop: str, nonce: str, now: float) -> tuple[str, str]:
    """The state for the question, and the cookie that proves later that this browser asked it.

    ``keys``: Settings.secret_keys; ``nonce``: cannot be guessed; ``now``: real time, unix seconds.
    """
    return nonce, str(_serializer(keys).dumps([nonce, shop, now]))


def read_callback(settings: Settings, query: str, cookie: str, now: float) -> Callback:
    """What a callback with this query string says, once it is proven. ``now``: real time, unix seconds.

    Raises NotOurs: state, digest, time or shop are not right.
    """
    try:
        pairs = parse_qsl(query, keep_blank_values=True, strict_parsing=True, max_num_fields=_MOST_PARAMETERS)
    except ValueError:
        raise NotOurs("the callback cannot be read") from None
    told = dict(pairs)
    if len(told) != len(pairs):
        raise NotOurs("a parameter of the callback stands there twice")
    if not _is_signed(settings, told):
        raise NotOurs("the callback is not signed by the platform")
    try:
        shop = shop_domain(told.get("shop", ""))
        stamp = float(told.get("timestamp", ""))
    except (InvalidInput, ValueError):
        raise NotOurs("the callback names no shop or no time") from None
    if not abs(now - stamp) <= _TIMESTAMP_LEEWAY:
        raise NotOurs("the callback is too old")
    state, asked_of, asked_at = _state_of(settings.secret_keys, cookie)
    if not hmac.compare_digest(state.encode(), told.get("state", "").encode()) or asked_of != shop:
        raise NotOurs("this browser did not ask for this")
    if not 0 <= now - asked_at <= STATE_SECONDS:
        raise NotOurs("this took too long")
    if not (code := told.get("code", "")):
        raise NotOurs("the merchant did not agree")
    return Callback(shop, code)


def _is_signed(settings: Settings, told: dict[str, str]) -> bool:
    given = told.get("hmac", "").encode()
    secrets = [one for one in (settings.shopify_api_secret, settings.shopify_api_secret_old) if one]
    return any([hmac.compare_digest(_signer(secret).calculate_hmac(told).encode(), given) for secret in secrets])


@lru_cache(maxsize=4)
def _signer(secret: str) -> type[ShopifySession]:
    """ShopifyAPI's digest, with the secret in a class of its own: the library's is shared by the whole process."""
    return type("Signer", (ShopifySession,), {"secret": secret})


def _state_of(keys: Sequence[str], cookie: str) -> tuple[str, str, float]:
    try:
        content = _serializer(keys).loads(cookie)
    except BadData:
        raise NotOurs("this browser did not ask for this") from None
    match content:
        case [str(nonce), str(shop), int() | float() as at]:
            return nonce, shop, float(at)
    raise NotOurs("this browser did not ask for this")


def _serializer(keys: Sequence[str]) -> URLSafeSerializer:
    # itsdangerous signs with the last key and accepts any.
    return URLSafeSerializer(
        list(reversed(keys)), salt=_SALT, signer_kwargs={"digest_method": sha256, "key_derivation": "hmac"}
    )
