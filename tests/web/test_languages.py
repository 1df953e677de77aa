"""The pages of customers in their language: every phrase in each, and whose wish counts."""

from __future__ import annotations

import string
from dataclasses import replace

import pytest
from flask.testing import FlaskClient
from sqlalchemy import Engine, text

from connector.confirmation import token as confirmation_token
from connector.shops import Shop
from connector.unsubscribe import token
from connector.web.customer_page import language_of
from connector.web.languages import shipped
from tests.web.conftest import KEYS

SHOP = Shop(1, "demo-a.myshopify.com", "Tea", "active", "tea@example.com", "Tea", "UTC", "EUR", b"salt", {})
CODES = ["da", "de", "en", "es", "fr", "it", "nl", "pl", "pt", "sv"]


def placeholders(phrase: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(phrase) if name is not None}


def test_every_language_has_every_phrase_with_what_it_names() -> None:
    assert sorted(shipped()) == CODES
    english = {path: placeholders(phrase) for path, phrase in shipped()["en"].phrases.items()}
    for language in shipped().values():
        assert {path: placeholders(phrase) for path, phrase in language.phrases.items()} == english, language.code
        assert all(phrase.strip() for phrase in language.phrases.values())


def test_no_phrase_was_left_in_english() -> None:
    english = shipped()["en"].phrases
    for language in shipped().values():
        same = [path for path, phrase in language.phrases.items() if phrase == english[path]]
        # Names, and words that two languages share.
        assert language.code == "en" or len(same) <= 3, (language.code, same)


@pytest.mark.parametrize(
    ("asked", "locale", "accepted", "of_shop", "code"),
    [
        ("sv", "de", "fr", "it", "sv"),
        ("xx", "de-AT", "fr", "it", "de"),
        ("", "pt-BR", "fr", "it", "pt"),
        ("", "ja", "zh, en;q=0.2, fr-CA;q=0.8, de;q=0", "it", "fr"),
        ("", "", "zh", "it", "it"),
        ("", "", "", "ja", "en"),
        ("../../etc/passwd", "\x00", "*", "", "en"),
    ],
)
def test_the_link_the_person_the_browser_the_shop(
    client: FlaskClient, asked: str, locale: str, accepted: str, of_shop: str, code: str
) -> None:
    shop = replace(SHOP, raw_settings={"locale": of_shop})
    with client.application.test_request_context(
        query_string={"lang": asked} if asked else {}, headers={"Accept-Language": accepted}
    ):
        assert language_of(shop, locale or None).code == code


@pytest.mark.parametrize("code", CODES)
def test_every_page_is_shown_in_each(client: FlaskClient, engine: Engine, shop_id: int, code: str) -> None:
    with engine.begin() as connection:
        connection.execute(
            text(
                "INSERT INTO persons (shop_id, seed, email, locale, tags, orders_count, total_spent, version,"
                " created_at) VALUES (:shop, '6f0e9f6e-5d0b-5a3e-9a53-2f6f1b0c7a11', 'a@example.com', :code, '[]', 0,"
                " 0, 1, '2026-01-01T00:00:00Z')"
            ),
            {"shop": shop_id, "code": code},
        )
        person_id = connection.execute(text("SELECT id FROM persons")).scalar_one()
    signed = token(KEYS, shop_id, person_id, "email")
    confirmed = confirmation_token(KEYS, shop_id, person_id, 1)
    phrases = {"/u/": "unsubscribe.question", "/p/": "choices.title"}
    for prefix, path in phrases.items():
        page = client.get(f"{prefix}{signed}").get_data(as_text=True)
        assert f'<html lang="{code}">' in page and shipped()[code].say(path) in page
        assert page.count('hreflang="') == len(CODES) - 1
    page = client.get(f"/confirmed/{confirmed}").get_data(as_text=True)
    assert shipped()[code].say("confirmed.useless") in page
