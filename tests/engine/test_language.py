"""What the language asks of the runtime: events that are waited for, amounts in other currencies."""

from __future__ import annotations

import pytest
from sqlalchemy import insert

from connector.db.session import transaction
from connector.models.currency import currency_rates
from connector.models.flow import runs, trail
from tests.api.teller import Teller, teller_of
from tests.engine.installation import DAY, HOUR, START, ConnectedShop, Installation
from tests.engine.shoppers import buy, subscribe

ANN, BOB = "ann@example.com", "bob@example.com"
MAIL = "---\nsubject: {0}\npurpose: transactional\ndeadline: 6h\n---\n<p>{0}</p>\n"
AWAITED = """
flow: quiz
name: Quiz
trigger: {on: newsletter_subscribed}
steps:
  - wait: {for: "custom:quiz", at_most: 3d, where: {event.properties.score: {gte: 5}}}
    then: [{email: well-done}]
    else: [{email: try-it}]
"""
DEAR = """
flow: dear
name: Dear
trigger:
  on: order_placed
  where:
    event.total: {gt: "60 USD"}
steps: [{email: thanks}]
"""


@pytest.fixture
def shop(product: Installation) -> ConnectedShop:
    return product.connect(flows=[])


@pytest.fixture
def teller(shop: ConnectedShop) -> Teller:
    return teller_of(shop)


def test_a_flow_waits_for_an_event_and_no_longer(product: Installation, shop: ConnectedShop, teller: Teller) -> None:
    """Bob's score is too low: for him the event has not come."""
    shop.publish(AWAITED, **{name: MAIL.format(name) for name in ("well-done", "try-it")})
    for number, email in enumerate((ANN, BOB), start=1):
        subscribe(shop, email, number)
    product.play(HOUR)
    for email, score in ((ANN, 5), (BOB, 4)):
        teller.tell("custom", {"email": email}, name="quiz", properties={"score": score})
    product.settle()
    assert shop.sent(ANN) == [("well-done", START + HOUR)] and shop.sent(BOB) == []
    product.play(5 * DAY)
    assert shop.sent(ANN) == [("well-done", START + HOUR)]
    assert shop.sent(BOB) == [("try-it", START + 3 * DAY)]
    assert {row.state for row in shop.rows(runs)} == {"done"}


@pytest.mark.row("S1-25")
def test_an_amount_in_another_currency_counts_by_the_rate_of_the_day(
    product: Installation, shop: ConnectedShop
) -> None:
    """Orders of 50 EUR: with 1.2 USD for the euro that is not more than 60 USD, with 1.25 it is."""
    shop.publish(DEAR, thanks=MAIL.format("thanks"))
    buy(shop, ANN, 1, total_price="50.00", current_total_price="50.00")
    product.settle()
    assert shop.sent(ANN) == []
    assert [row.code for row in shop.rows(trail, flow="dear")] == ["trigger_unclear"]
    rates = [(START - DAY, "1.20"), (START + DAY, "1.25")]
    with transaction(product.deps.engine) as connection:
        for since, rate in rates:
            given = {"currency": "EUR", "counted_in": "USD", "since": since.date(), "rate": rate}
            connection.execute(
                insert(currency_rates).values(shop_id=shop.id, set_by="cli", set_at=product.now, **given)
            )
    buy(shop, ANN, 2, total_price="50.00", current_total_price="50.00")
    product.settle()
    assert shop.sent(ANN) == []
    product.play(2 * DAY)
    buy(shop, ANN, 3, total_price="50.00", current_total_price="50.00")
    product.settle()
    assert [name for name, _ in shop.sent(ANN)] == ["thanks"]
