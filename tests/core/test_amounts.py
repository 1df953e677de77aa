"""Amounts of money in conditions, whatever currency the shop counts in."""

from __future__ import annotations

from typing import Any

import pytest

from flows.core import conditions
from flows.core.conditions import from_data
from flows.core.enrol import enrol
from flows.core.model import Note, Run
from tests.core.examples import FACTS, T0, event, flow

RATES = {"CHF": {"EUR": "1.05"}, "EUR": {"USD": "1.25"}}


def ask(data: Any, total: Any, currency: Any = "EUR", rates: Any = RATES) -> conditions.Finding:
    event_facts = {"total": total} | ({"currency": currency} if currency is not None else {})
    facts = {"event": event_facts, "shop": {"currency": "CHF", "rates": rates}}
    return conditions.evaluate(from_data({"event.total": data}), facts, T0).because


@pytest.mark.row("S1-25")
@pytest.mark.parametrize(
    ("asked", "total", "currency", "answer"),
    [
        ({"gt": "30 EUR"}, "30.01", "EUR", "yes"),
        ({"gt": "30 EUR"}, "30.00", "EUR", "no"),
        ({"gte": "30 EUR"}, "30.00", "EUR", "yes"),
        ({"lt": "30EUR"}, "29.99", "EUR", "yes"),
        ({"between": ["20 EUR", "50 EUR"]}, "50.00", "EUR", "yes"),
        ({"between": ["20 EUR", "50 EUR"]}, "50.01", "EUR", "no"),
        # 1 CHF is 1.05 EUR, and 1 EUR is 1.25 USD, so that 30 EUR are 37.50 USD.
        ({"gte": "31.5 EUR"}, "30.00", "CHF", "yes"),
        ({"gt": "31.5 EUR"}, "30.00", "CHF", "no"),
        ({"gte": "30 EUR"}, "37.50", "USD", "yes"),
        ({"gte": "30 EUR"}, "37.49", "USD", "no"),
        ({"gte": "30 CHF"}, "30", "USD", "cannot tell"),
        ({"gte": "30 EUR"}, "30", "JPY", "cannot tell"),
        ({"gte": "30 EUR"}, "30", None, "cannot tell"),
        ({"gte": "30 EUR"}, "much", "EUR", "cannot tell"),
        ({"gte": "30 EUR"}, True, "EUR", "cannot tell"),
    ],
)
def test_an_amount_is_held_against_one_in_its_own_currency(
    asked: Any, total: Any, currency: str | None, answer: str
) -> None:
    assert ask(asked, total, currency).truth == answer


def test_a_plain_number_asks_for_no_currency() -> None:
    """The control: the same 30 are more or less than 31 EUR only because of the currency."""
    assert ask({"gt": 31}, "30", "CHF").truth == "no"
    assert ask({"gt": "31 EUR"}, "30", "CHF").truth == "yes"


def test_without_a_rate_it_says_how_to_give_one() -> None:
    why = ask({"gte": "30 EUR"}, "30", "JPY").why
    assert why == "event.total: there is no rate of JPY in EUR: give one under Settings, Exchange rates"


def test_what_was_spent_in_all_is_in_the_currency_of_the_shop() -> None:
    condition = from_data({"person.total_spent": {"gte": "105 EUR"}})
    for spent, answer in (("100.00", "yes"), ("99.99", "no")):
        facts = {"person": {"total_spent": spent}, "shop": {"currency": "CHF", "rates": RATES}}
        assert conditions.truth(conditions.evaluate(condition, facts, T0)) == answer


def test_only_conditions_with_amounts_need_rates() -> None:
    assert conditions.needs(from_data({"checkout.total": {"gt": 30}})) == {"checkout"}
    assert conditions.needs(from_data({"checkout.total": {"gt": "30 EUR"}})) == {"checkout", "shop", "rates"}


@pytest.mark.row("S1-25")
def test_a_flow_for_orders_above_30_euros() -> None:
    thanks = flow(
        trigger={"on": "order_placed", "where": {"event.total": {"gt": "30 EUR"}}},
        goal=None,
        exit=["unsubscribed"],
        steps=[{"email": "last"}],
    )
    answers = []
    for total, currency in (("30.01", "EUR"), ("30.00", "EUR"), ("31.00", "GBP")):
        order = event("order_placed", T0, total=total, currency=currency)
        answers.append(enrol(thanks, order, [], [], FACTS, T0))
    let_in, too_little, unclear = answers
    assert isinstance(let_in, Run) and too_little is None
    assert isinstance(unclear, Note) and unclear.code == "trigger_unclear"


@pytest.mark.row("S5-009")
def test_order_value_above_100_dollars() -> None:
    assert [ask({"gt": "100 USD"}, total, "USD").truth for total in ("100.00", "100.01")] == ["no", "yes"]
