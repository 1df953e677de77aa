"""Unsubscribe tokens: no address inside, valid for ever, across rotation, and only exactly as signed."""

from __future__ import annotations

import base64
import string

import pytest
from cryptography.fernet import Fernet
from hypothesis import given
from hypothesis import strategies as some

from connector import signed_links, unsubscribe
from connector.errors import ConfigurationError
from connector.unsubscribe import Unsubscribe, read, token

OLD, NEW = Fernet.generate_key().decode(), Fernet.generate_key().decode()


def test_a_token_says_whom_and_which_channel() -> None:
    assert read([NEW], token([NEW], 3, 41, "email", 7)) == Unsubscribe(3, 41, "email", 7)
    assert read([NEW], token([NEW], 3, 41, "sms")) == Unsubscribe(3, 41, "sms", None)


def test_a_token_can_stand_in_a_path() -> None:
    assert set(token([NEW], 3, 41, "email", 7)) <= set(string.ascii_letters + string.digits + "-_.")


def test_old_keys_verify_and_the_newest_signs() -> None:
    before = token([OLD], 1, 2, "email")
    assert read([NEW, OLD], before) is not None
    assert read([NEW], before) is None
    after = token([NEW, OLD], 1, 2, "email")
    assert read([NEW], after) is not None
    assert read([OLD], after) is None


def test_a_token_of_years_ago_is_read() -> None:
    # Made with this key when tokens were introduced: neither age nor a new release may break a mailed link.
    key = base64.urlsafe_b64encode(b"k" * 32).decode()
    assert read([key], FIRST) == Unsubscribe(1, 42, "email", 7)


FIRST = "WzEsNDIsImVtYWlsIiw3XQ.CEUWa2VG0tElISf8KcMT8Kc81XE_sFR3NGBG7dhq820"


def test_every_changed_character_is_noticed() -> None:
    right = token([NEW], 3, 41, "email", 7)
    alphabet = string.ascii_letters + string.digits + "-_."
    for place, character in enumerate(right):
        for other in alphabet:
            if other != character:
                assert read([NEW], right[:place] + other + right[place + 1 :]) is None


@given(some.text(max_size=200))
def test_anything_else_is_no_token(text: str) -> None:
    assert read([NEW], text) is None


@pytest.mark.parametrize("content", [[], [1, 2], ["1", 2, "email", None], [1, 2, "email", "7"], {"a": 1}, "x"])
def test_signed_with_our_key_but_of_another_shape_is_no_token(content: object) -> None:
    forged = str(signed_links._serializer([NEW], unsubscribe._SALT).dumps(content))
    assert read([NEW], forged) is None


def test_without_keys_nothing_is_signed() -> None:
    with pytest.raises(ConfigurationError, match="CONNECTOR_SECRET_KEYS"):
        token([], 1, 2, "email")
