"""A shop's pages look like the shop, and can be read whatever colours it chose."""

from __future__ import annotations

import re
from base64 import b64encode
from hashlib import sha256
from typing import Any

import pytest
from flask.testing import FlaskClient
from hypothesis import given
from hypothesis import strategies as some
from marshmallow import ValidationError
from sqlalchemy import Engine

from connector import shops
from connector.contrast import LEAST, ink, ratio, readable
from connector.db.session import transaction
from connector.unsubscribe import token
from tests.web.conftest import KEYS

colours = some.integers(0, 0xFFFFFF).map(lambda number: f"#{number:06x}")


@given(colours, colours)
def test_any_colour_becomes_readable_before_any_ground(colour: str, ground: str) -> None:
    made = readable(colour, ground)
    assert ratio(made, ground) >= LEAST and ratio(ink(made), made) >= LEAST
    assert made == colour or ratio(colour, ground) < LEAST


@pytest.mark.parametrize(("one", "other", "known"), [("#000000", "#ffffff", 21.0), ("#777777", "#ffffff", 4.48)])
def test_the_ratio_is_that_of_the_guidelines(one: str, other: str, known: float) -> None:
    assert ratio(one, other) == pytest.approx(known, abs=0.01)


@pytest.mark.parametrize("colour", ["#ffee00", "#1f3d36", "#000000", "#ffffff"])
def test_the_page_has_the_brand_and_its_policy_allows_just_that(
    client: FlaskClient, engine: Engine, shop_id: int, colour: str
) -> None:
    logo = "https://cdn.shop.example/files/logo.png?v=1"
    with transaction(engine) as connection:
        brand = {"name": "Tea House", "colour": colour, "ground": "#fff8f0"}
        shops.change_settings(connection, shop_id, {"brand": brand, "logo_url": logo})
    answer = client.get(f"/p/{token(KEYS, shop_id, 1, 'email')}")
    page, policy = answer.get_data(as_text=True), answer.headers["Content-Security-Policy"]
    assert f'<img src="{logo}" alt="Tea House"' in page
    assert "img-src https://cdn.shop.example;" in policy
    styles = re.findall(r"<style>(.*?)</style>", page, re.DOTALL)
    assert len(styles) == 2
    for style in styles:
        assert f"'sha256-{b64encode(sha256(style.encode()).digest()).decode()}'" in policy
    day, night = re.findall(r"--act:(#[0-9a-f]{6});--on-act:(#[0-9a-f]{6})", styles[1])
    for (act, on_act), card in ((day, "#ffffff"), (night, "#212327")):
        assert ratio(act, card) >= LEAST and ratio(on_act, act) >= LEAST
    assert card in styles[0]


def test_a_shop_without_a_brand_has_neither(client: FlaskClient, shop_id: int) -> None:
    answer = client.get(f"/p/{token(KEYS, shop_id, 1, 'email')}")
    assert answer.get_data(as_text=True).count("<style>") == 1
    assert "img-src" not in answer.headers["Content-Security-Policy"]


@pytest.mark.parametrize(
    "wrong",
    [
        {"brand": {"colour": "red"}},
        {"brand": {"colour": "#fff"}},
        {"brand": {"ground": "#000000;}body{display:none"}},
        {"brand": {"name": "x" * 101}},
        {"brand": {"font": "Comic Sans"}},
        {"logo_url": "http://cdn.example/logo.png"},
        {"logo_url": "javascript:alert(1)"},
        {"logo_url": "https://cdn.example;script-src/*"},
        {"logo_url": 'https://cdn.example/"onload=alert(1)'},
        {"logo_url": "https://user@cdn.example/logo.png"},
    ],
)
def test_a_brand_that_is_none_is_refused(engine: Engine, shop_id: int, wrong: dict[str, Any]) -> None:
    with pytest.raises(ValidationError), transaction(engine) as connection:
        shops.change_settings(connection, shop_id, wrong)
