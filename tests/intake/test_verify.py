"""Signatures and tokens: only the exact right one passes."""

from __future__ import annotations

import base64
from collections.abc import Callable

import pytest

from tests.intake.senders import sign
from webhooks.verify import is_bearer, is_signed, token_digest

BODY = b'{"id": 1, "email": "ann@example.com"}'


def test_the_example_of_the_documentation_is_signed_as_the_platform_signs() -> None:
    # Computed with: printf '{}' | openssl dgst -sha256 -hmac hush -binary | base64
    assert sign(b"{}", "hush") == "UFwgrGBPZilFtmKh8TqcovA78LGYb1BdWu9I4Q2oyRg="
    assert is_signed(b"{}", "UFwgrGBPZilFtmKh8TqcovA78LGYb1BdWu9I4Q2oyRg=", ["hush"])


def _accepted_flips(check: Callable[[bytes, str, list[str]], bool]) -> int:
    """How many of the 256 signatures that differ in one bit are accepted."""
    right = base64.b64decode(sign(BODY, "secret"))
    accepted = 0
    for bit in range(256):
        wrong = bytearray(right)
        wrong[bit // 8] ^= 1 << bit % 8
        accepted += check(BODY, base64.b64encode(wrong).decode(), ["secret"])
    return accepted


def test_no_signature_with_one_bit_flipped_is_accepted() -> None:
    assert is_signed(BODY, sign(BODY, "secret"), ["secret"])
    assert _accepted_flips(is_signed) == 0


def test_control_a_check_of_the_first_half_lets_flips_through() -> None:
    def careless(body: bytes, given: str, secrets: list[str]) -> bool:
        return given[:22] == sign(body, secrets[0])[:22]

    assert _accepted_flips(careless) > 100


def test_another_spelling_of_the_same_base64_is_another_signature() -> None:
    right = sign(BODY, "secret")
    # The last character before the padding carries two bits that decode to nothing.
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
    twin = right[:-2] + alphabet[alphabet.index(right[-2]) ^ 1] + "="
    assert base64.b64decode(twin) == base64.b64decode(right)
    assert not is_signed(BODY, twin, ["secret"])


@pytest.mark.parametrize(
    "given",
    [
        "",
        " ",
        "é" * 44,
        "\udcff",
        base64.b64decode(sign(BODY, "secret")).hex(),
        sign(BODY, "secret") + ",",
        f"{sign(BODY, 'secret')},{sign(BODY, 'secret')}",
        sign(BODY, "secret")[:-1],
        sign(BODY + b" ", "secret"),
    ],
)
def test_anything_else_is_refused_without_an_error(given: str) -> None:
    assert not is_signed(BODY, given, ["secret"])


def test_without_a_secret_nothing_is_signed() -> None:
    assert not is_signed(BODY, sign(BODY, ""), [])
    assert not is_signed(BODY, sign(BODY, ""), ["", ""])


def test_any_of_the_secrets_will_do() -> None:
    assert is_signed(BODY, sign(BODY, "old"), ["new", "old"])
    assert not is_signed(BODY, sign(BODY, "older"), ["new", "old"])


def test_a_bearer_token_is_known_by_its_digest() -> None:
    assert is_bearer("token", token_digest("token"))
    assert not is_bearer("Token", token_digest("token"))
    assert not is_bearer("", token_digest(""))
    assert not is_bearer("token", "")
    assert not is_bearer("\udcff", token_digest("token"))
