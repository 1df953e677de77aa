"""In which order Brevo hears: nothing of a person before their contact, and never "leave" before "enter".

Told by the provider's log of the calls that it took, while a part of them fails.
"""

from __future__ import annotations

from collections import Counter
from datetime import timedelta
from typing import Any

import pytest

from sync.copies import events
from sync.copies.turn import Interrupted
from tests.engine.installation import START, ConnectedShop, Installation
from tests.engine.payloads import checkout
from tests.engine.shoppers import begin_checkout, buy
from tests.engine.test_brevo_mode import choose

ENTER, LEAVE = "cart_updated", "order_completed"
PEOPLE = 8


@pytest.fixture
def shop(product: Installation) -> ConnectedShop:
    connected = product.connect(flows=["cart-recovery"])
    choose(connected, "brevo")
    return connected


def shop_and_buy(product: Installation, shop: ConnectedShop) -> None:
    """Everybody is new, begins a checkout and buys it before Brevo has heard of any of it; the first calls fail."""
    for path in ("/events", "/contacts"):
        shop.account.fault("status", status=503, path=path, method="POST", count=2)
    for number in range(PEOPLE):
        begin_checkout(shop, f"p{number}@example.com", f"tok-{number}")
        product.settle("intake", "flows")
    product.at(START + timedelta(minutes=5))
    for number in range(PEOPLE):
        buy(shop, f"p{number}@example.com", 9100 + number, token=f"tok-{number}")
    product.play(timedelta(minutes=1))


def heard(shop: ConnectedShop) -> dict[str, list[str]]:
    """{address: "contact" and the names of events, as the provider took them}."""
    taken: dict[str, list[str]] = {}
    calls = [one for one in shop.account.log("request") if one["accepted"]]
    for call in sorted(calls, key=lambda one: one["answered_at"]):
        about = call.get("remark") or {}
        if call["path"] == "/v3/contacts":
            taken.setdefault(about["email"], []).append("contact")
        for name, email in about.get("events", ()):
            taken.setdefault(email, []).append(name)
    return taken


def test_a_contact_comes_before_its_events_and_enter_before_leave_whatever_fails(
    product: Installation, shop: ConnectedShop
) -> None:
    shop_and_buy(product, shop)
    taken = heard(shop)
    assert len(taken) == PEOPLE
    for told in taken.values():
        assert told[0] == "contact"
        assert Counter(told)[ENTER] == Counter(told)[LEAVE] == 1 and told.index(ENTER) < told.index(LEAVE)
    failed = [one["path"] for one in shop.account.log("request") if one["status"] == 503]
    assert sorted(failed) == ["/v3/contacts", "/v3/contacts", "/v3/events", "/v3/events"]


@pytest.mark.long
def test_control_who_goes_on_after_a_failure_tells_of_leaving_first(
    product: Installation, shop: ConnectedShop, monkeypatch: pytest.MonkeyPatch
) -> None:
    call = events._call

    def careless(*arguments: Any) -> Any:
        try:
            return call(*arguments)
        except Interrupted:
            return "due", None

    monkeypatch.setattr(events, "_call", careless)
    shop_and_buy(product, shop)
    taken = heard(shop).values()
    assert any(LEAVE in told and (ENTER not in told or told.index(LEAVE) < told.index(ENTER)) for told in taken)


def test_who_has_bought_already_does_not_enter_when_the_checkout_is_heard_of_late(
    product: Installation, shop: ConnectedShop
) -> None:
    product.at(START + timedelta(minutes=5))
    buy(shop, "late@example.com", 9001, token="tok")
    product.settle()
    shop.deliver("checkouts/create", checkout("tok", "late@example.com", START, START, buyer_accepts_marketing=True))
    product.play(timedelta(minutes=1))
    told = heard(shop)["late@example.com"]
    assert LEAVE in told and ENTER not in told
