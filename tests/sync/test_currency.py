"""Amounts in the one currency of the account at Brevo: by the merchant's rate of the day, or not at all."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, datetime
from decimal import Decimal
from typing import Any

import httpx
import pytest
from sqlalchemy import delete, update

from connector.errors import InvalidInput
from connector.models.currency import account_currencies
from sync import currency
from sync.copies import RESOURCES
from sync.copies.sending import send_due
from sync.currency import ALWAYS, NoRate, Rate, Rates
from tests.sync.commerce import order, product
from tests.sync.world import NOON, World, world


@pytest.fixture
def shop(database_url: str, redis_url: str) -> Iterator[World]:
    """A shop that counts in euros, whose account shows pounds."""
    with world(database_url, redis_url) as made:
        with made.transaction() as connection:
            connection.execute(update(account_currencies).values(currency="GBP"))
        yield made


def sent(shop: World, path: str) -> list[dict[str, Any]]:
    return shop.brevo.bodies(f"/v3{path}")


def drain(shop: World) -> None:
    while send_due(shop.deps, shop.shop, RESOURCES).more:
        shop.clock.pass_seconds(1.1)


def keep(shop: World, rate: str, since: date = ALWAYS, of: str = "EUR", into: str = "GBP") -> int:
    return currency.keep(shop.deps, shop.shop, [Rate(of, into, since, Decimal(rate))], by="cli")


def test_an_order_is_told_in_the_accounts_currency_with_its_original(shop: World) -> None:
    keep(shop, "0.875")
    order(shop, 17, None)
    drain(shop)
    (body,) = sent(shop, "/orders/status")
    # 40.00 and 9.50 euros.
    assert (body["amount"], body["products"][0]["price"]) == (35.0, 8.31)
    assert body["metaInfo"]["currency"] == "EUR" and body["metaInfo"]["original_amount"] == "40.00"
    assert body["metaInfo"]["rate"] == "0.875 GBP"


def test_without_a_rate_it_is_held_back_with_words_and_told_when_there_is_one(shop: World) -> None:
    order(shop, 17, None)
    product(shop, 11, {111: "19.00"})
    drain(shop)
    assert shop.brevo.requests == []
    row = shop.state(17, "order")
    assert (row.state, row.sent_version) == ("failed", 0)
    assert row.reason == "no rate of EUR in GBP on 2026-11-01: give one under Settings, Exchange rates"
    assert shop.state(11, "product").state == "failed"
    assert keep(shop, "0.5") == 2
    drain(shop)
    assert sent(shop, "/orders/status")[0]["amount"] == 20.0
    (record,) = sent(shop, "/products")
    assert (record["price"], record["alternativePrice"]) == (9.5, 15.0)
    assert record["metaInfo"]["original_price"] == "19.00" and record["metaInfo"]["currency"] == "EUR"


def test_an_order_has_the_rate_of_its_day(shop: World) -> None:
    keep(shop, "0.9", date(2026, 1, 1))
    keep(shop, "0.8", date(2026, 10, 1))
    for number, at in (
        (1, NOON),
        (2, datetime.fromisoformat("2026-09-30T23:59:59+00:00")),
        (3, NOON.replace(year=2025)),
    ):
        order(shop, number, None, created_at=at)
    drain(shop)
    assert {body["id"]: body["amount"] for body in sent(shop, "/orders/status")} == {"1": 32.0, "2": 36.0}
    assert shop.state(3, "order").reason.startswith("no rate of EUR in GBP on 2025-11-01")


def test_what_is_in_the_accounts_currency_needs_no_rate(shop: World) -> None:
    order(shop, 17, None, currency="GBP")
    drain(shop)
    (body,) = sent(shop, "/orders/status")
    assert body["amount"] == 40.0 and "original_amount" not in body["metaInfo"]


def test_nothing_is_told_before_the_accounts_currency_is_known(shop: World) -> None:
    def answer(request: httpx.Request) -> httpx.Response | None:
        if not request.url.path.endswith("/displayCurrency"):
            return None
        return httpx.Response(200, json={"code": "EUR"})

    with shop.transaction() as connection:
        connection.execute(delete(account_currencies))
    # The hour's calls are used up.
    grant = shop.deps.brevo(shop.shop).grab("other", 100)
    assert grant.calls == 80
    order(shop, 17, None)
    drain(shop)
    assert shop.brevo.requests == [] and shop.state(17, "order").state == "due"
    shop.brevo.answer = answer
    shop.clock.pass_seconds(3700)
    drain(shop)
    assert [one.url.path for one in shop.brevo.requests] == [
        "/v3/ecommerce/config/displayCurrency",
        "/v3/orders/status",
    ]
    shop.clock.pass_seconds(60)
    order(shop, 18, None)
    drain(shop)
    assert len(shop.brevo.requests) == 3, "it is asked once a day"


def test_rates_serve_both_ways_and_are_never_guessed() -> None:
    rates = Rates([Rate("USD", "EUR", date(2026, 1, 1), Decimal("0.8"))])
    there = rates.exchange("USD", "EUR", date(2026, 2, 1))
    back = rates.exchange("EUR", "USD", date(2026, 2, 1))
    assert there is not None and there.amount("10.00") == 8.0
    assert back is not None and back.amount("10.00") == 12.5
    assert rates.exchange("EUR", "EUR", None) is None and rates.exchange("EUR", None, None) is None
    for pair, day in ((("USD", "GBP"), date(2026, 2, 1)), (("USD", "EUR"), date(2025, 12, 31))):
        with pytest.raises(NoRate):
            rates.exchange(*pair, day)


def test_a_file_of_rates() -> None:
    lines = ["date,currency,rate\n", "2026-01-01,USD,0.92\n", "2026-01-02,JPY,0.0061\n"]
    assert currency.parsed(lines, "EUR") == [
        Rate("USD", "EUR", date(2026, 1, 1), Decimal("0.92")),
        Rate("JPY", "EUR", date(2026, 1, 2), Decimal("0.0061")),
    ]


@pytest.mark.parametrize(
    "line", ["2026-13-01,USD,1", "2026-01-01,usd,1", "2026-01-01,USD,0", "2026-01-01,USD,NaN", "x", "2026-01-01,USD"]
)
def test_what_is_wrong_in_a_file_is_named_by_its_line(line: str) -> None:
    with pytest.raises(InvalidInput, match="^line 2: "):
        currency.parsed(["date,currency,rate\n", f"{line}\n"], "EUR")


def test_a_file_that_is_no_table_is_refused() -> None:
    for text in ("a,b", "", f'date,currency,rate\n2026-01-01,USD,"{"x" * 140_000}'):
        with pytest.raises(InvalidInput, match="^line 1: "):
            currency.parsed(text.splitlines(), "EUR")
