"""Session tokens: only what the app's secret signed, for this app, for a shop, now."""

from __future__ import annotations

import base64
from dataclasses import replace
from typing import Any

import jwt
import orjson
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

from connector.settings import Settings
from connector.shopify.session_token import NotASession, verify

NOW = 1_790_000_000.0
SECRET, OLD = "shpss_0123456789abcdef0123456789abcdef", "shpss_ffffffffffffffffffffffffffffffff"
SETTINGS = Settings(environment="development", shopify_api_key="app-1", shopify_api_secret=SECRET)
CLAIMS: dict[str, Any] = {
    "iss": "https://one.myshopify.com/admin",
    "dest": "https://one.myshopify.com",
    "aud": "app-1",
    "sub": "42",
    "exp": NOW + 60,
    "nbf": NOW,
    "iat": NOW,
    "jti": "j",
    "sid": "s",
}


def signed(secret: Any = SECRET, algorithm: str = "HS256", headers: Any = None, **claims: Any) -> str:
    said = {name: value for name, value in (CLAIMS | claims).items() if value is not None}
    return jwt.encode(said, secret, algorithm=algorithm, headers=headers)


def part(value: Any) -> str:
    return base64.urlsafe_b64encode(orjson.dumps(value)).rstrip(b"=").decode()


def test_a_right_token_says_who_it_is() -> None:
    session = verify(signed(), SETTINGS, NOW + 30)
    assert (session.shop, session.user_id, session.session_id) == ("one.myshopify.com", "42", "s")
    assert session.expires == NOW + 60


@pytest.mark.parametrize(("after", "good"), [(-10, True), (-10.1, False), (69.9, True), (70, False)])
def test_clocks_may_differ_by_ten_seconds(after: float, good: bool) -> None:
    if good:
        assert verify(signed(), SETTINGS, NOW + after)
    else:
        with pytest.raises(NotASession) as refused:
            verify(signed(), SETTINGS, NOW + after)
        assert refused.value.expired is (after > 0)


def test_the_old_secret_is_believed_while_it_is_being_changed() -> None:
    with pytest.raises(NotASession):
        verify(signed(OLD), SETTINGS, NOW)
    assert verify(signed(OLD), replace(SETTINGS, shopify_api_secret_old=OLD), NOW)
    assert verify(signed(), replace(SETTINGS, shopify_api_secret_old=OLD), NOW)


KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048)
PRIVATE = KEY.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
PUBLIC = KEY.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
BODY = part(CLAIMS)
FORGED = {
    "alg none": f"{part({'alg': 'none', 'typ': 'JWT'})}.{BODY}.",
    "alg None, signed": f"{part({'alg': 'None', 'typ': 'JWT'})}.{BODY}.{signed().rpartition('.')[2]}",
    "another algorithm of the same secret": signed(SECRET + "0" * 26, algorithm="HS512"),
    "RS256 with a key of their own": signed(PRIVATE, algorithm="RS256", headers={"kid": "x"}),
    "another app's": signed(aud="app-2"),
    "for several apps": signed(aud=["app-1", "app-2"]),
    "no audience": signed(aud=None),
    "another secret": signed("shpss_00000000000000000000000000000000"),
    "no secret": signed("\0" * 32),
    "expired": signed(exp=NOW - 11),
    "never expires": signed(exp=None),
    "ends at no number": signed(exp="later"),
    "not yet valid": signed(nbf=NOW + 11),
    "begins at no time": signed(nbf=None),
    "issued by another shop": signed(iss="https://two.myshopify.com/admin"),
    "no issuer": signed(iss=None),
    "no destination": signed(dest=None),
    "for no shop": signed(dest="https://evil.example", iss="https://evil.example/admin"),
    "for a look-alike": signed(dest="https://one.myshopify.com.evil.example", iss="https://one.myshopify.com.evil.example"),
    "for a shop behind a user": signed(dest="https://one.myshopify.com@evil.example", iss="https://evil.example"),
    "for a shop with a port": signed(dest="https://one.myshopify.com:1", iss="https://one.myshopify.com:1"),
    "over http": signed(dest="http://one.myshopify.com", iss="http://one.myshopify.com/admin"),
    "for a shop with a line behind": signed(dest="https://one.myshopify.com%0a", iss="https://one.myshopify.com%0a"),
    "of nobody": signed(sub=None),
    "of a strange user": signed(sub="42 or 1=1"),
    "changed": signed().replace(BODY, part(CLAIMS | {"sub": "1"})),
    "cut off": signed()[:-4],
    "too long": signed(jti="x" * 5000),
    "nothing": "",
    "no token": "Bearer",
}  # fmt: skip


@pytest.mark.parametrize("token", FORGED.values(), ids=FORGED.keys())
def test_what_is_forged_is_refused(token: str) -> None:
    with pytest.raises(NotASession):
        verify(token, SETTINGS, NOW)


def test_a_public_key_is_no_secret() -> None:
    """Whoever let the token choose the algorithm would check an HMAC with the key that everybody knows."""
    settings = replace(SETTINGS, shopify_api_secret=PUBLIC.decode())
    with pytest.raises(NotASession):
        verify(signed(PRIVATE, algorithm="RS256"), settings, NOW)
    # The control: a check that takes whatever algorithm the token names believes it.
    careless: Any = {f"verify_{name}": False for name in ("aud", "exp", "nbf", "iat")}
    assert jwt.decode(signed(PRIVATE, algorithm="RS256"), PUBLIC, algorithms=["HS256", "RS256"], options=careless)


def test_without_an_app_nobody_is_known() -> None:
    for missing in ("shopify_api_key", "shopify_api_secret"):
        with pytest.raises(NotASession, match="not set"):
            verify(signed(), replace(SETTINGS, **{missing: ""}), NOW)
