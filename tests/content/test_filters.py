"""Money, dates and links."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal

import pytest

from flows.content.filters import link, optional_link
from flows.content.language import MessageLanguage
from flows.content.problems import ContentProblem

TEXT = MessageLanguage({}, for_html=False)


def filled(template: str, locale: str = "en", **facts: object) -> str:
    shop = {"currency": "EUR", "timezone": "Europe/Stockholm", "locale": "sv"}
    return TEXT.from_string(template).render(shop=shop, person={"locale": locale}, **facts)


@pytest.mark.parametrize(
    ("amount", "locale", "text"),
    [
        ("19.90", "en", "€19.90"),
        (Decimal("19.90"), "de", "19,90\xa0€"),
        (1234, "fr", "1\u202f234,00\xa0€"),
        (-5, "en-GB", "-€5.00"),
        ("0", "", "0,00\xa0€"),
        ("1", "xx-nonsense", "€1.00"),
        ("1", "../../etc", "€1.00"),
    ],
)
def test_money(amount: object, locale: str, text: str) -> None:
    assert filled("{{ amount | money }}", locale, amount=amount) == text


def test_the_currency_is_the_carts_before_the_shops() -> None:
    assert filled("{{ 5 | money }}", checkout={"currency": "USD"}) == "$5.00"
    assert filled("{{ 5 | money: 'JPY' }}", checkout={"currency": "USD"}) == "¥5"


@pytest.mark.parametrize("amount", ["", "much", "nan", "inf", "1e99", None, True])
def test_what_is_no_amount_is_refused(amount: object) -> None:
    with pytest.raises(ContentProblem) as caught:
        filled("{{ amount | money }}", amount=amount)
    assert caught.value.code in ("bad_value", "missing_value")


@pytest.mark.parametrize(
    ("moment", "text"),
    [
        ("2026-05-01T23:30:00+00:00", "May 2, 2026"),
        ("2026-05-01T10:00:00Z", "May 1, 2026"),
        (datetime(2026, 5, 1, 23, 30, tzinfo=UTC), "May 2, 2026"),
        (date(2026, 5, 1), "May 1, 2026"),
        ("2026-05-01", "May 1, 2026"),
    ],
)
def test_dates_are_days_where_the_shop_is(moment: object, text: str) -> None:
    assert filled("{{ moment | date }}", moment=moment) == text
    assert filled("{{ moment | date: 'short' }}", "de", moment=moment).endswith(".05.26")


@pytest.mark.parametrize("template", ["{{ 'soon' | date }}", "{{ 5 | date }}", "{{ '2026-05-01' | date: '%Y' }}"])
def test_what_is_no_date_is_refused(template: str) -> None:
    with pytest.raises(ContentProblem) as caught:
        filled(template)
    assert caught.value.code == "bad_value"


@pytest.mark.parametrize(
    "address", ["https://a.example/x?y=1#z", "http://127.0.0.1:8000/u/t", "mailto:a@b.example", "tel:+46"]
)
def test_addresses_that_are_linked(address: str) -> None:
    assert link(address) == address
    assert optional_link(f" {address} ") == address


def test_braces_in_addresses_are_encoded() -> None:
    assert link("https://a.example/{{x}}?a='{%b%}'") == "https://a.example/%7B%7Bx%7D%7D?a=%27%7B%b%%7D%27"


@pytest.mark.parametrize(
    "address", [None, 5, "", "x", "javascript:x", "https://", "https://[", "https://a/" + "x" * 5000]
)
def test_addresses_that_are_not(address: object) -> None:
    assert optional_link(address) is None
    with pytest.raises(ContentProblem):
        link(address)
