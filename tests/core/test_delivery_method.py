"""Whether an order is sent or picked up: read off the payload, and asked for by flows."""

from __future__ import annotations

from typing import Any

import pytest

from tests.core.examples import T0, entered, event, flow
from webhooks.topics.orders import OrderPayload, delivery_method

ADDRESS = {"city": "Lyon", "country_code": "FR"}
STANDARD, PICKUP = {"code": "Standard", "delivery_category": None}, {"code": "WILLCALL", "delivery_category": "pickup"}


@pytest.mark.parametrize(
    ("told", "method"),
    [
        ({"shipping_address": ADDRESS, "shipping_lines": [STANDARD], "billing_address": ADDRESS}, "delivery"),
        ({"shipping_address": None, "shipping_lines": [STANDARD], "billing_address": ADDRESS}, "pick_up"),
        ({"shipping_address": ADDRESS, "shipping_lines": [PICKUP], "billing_address": ADDRESS}, "pick_up"),
        # Nothing is sent: a voucher.
        ({"shipping_address": None, "shipping_lines": [], "billing_address": ADDRESS}, "none"),
        # Addresses are withheld from the app.
        ({"shipping_address": None, "shipping_lines": [STANDARD], "billing_address": None}, None),
        ({"shipping_lines": [STANDARD], "billing_address": ADDRESS}, None),
        ({"shipping_address": None, "billing_address": ADDRESS}, None),
        ({}, None),
    ],
)
def test_what_the_payload_tells(told: dict[str, Any], method: str | None) -> None:
    assert delivery_method(OrderPayload().load({"id": 1, **told})) == method


@pytest.mark.row("S1-26")
@pytest.mark.parametrize(("method", "message"), [("delivery", "proof"), ("pick_up", "plain"), (None, "last")])
def test_an_order_that_is_picked_up_goes_the_other_way(method: str | None, message: str) -> None:
    other = {"when": {"event.delivery_method": "pick_up"}, "then": [{"email": "plain"}], "else": [{"email": "last"}]}
    ask = {"when": {"event.delivery_method": "delivery"}, "then": [{"email": "proof"}], "else": [other]}
    of = flow(trigger={"on": "order_placed"}, goal=None, exit=None, steps=[ask])
    placed = event("order_placed", T0, order_id=1, total="20.00", **({"delivery_method": method} if method else {}))
    assert [one.message for one in entered(of, placed).effects] == [message]
