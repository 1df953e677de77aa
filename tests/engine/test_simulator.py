"""The simulator beside the product: the same flows, the same life, and the same messages at the same moments."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import datetime, timedelta
from random import Random
from typing import Any

import pytest
from sqlalchemy import select

from connector.models.outbox import outbox
from connector.models.person import persons
from connector.simulation import surroundings
from flows.core.model import FlowVersion
from flows.core.permission import Consent
from flows.definition_files import compile_texts, read_folder
from flows.simulator import desk
from flows.simulator.cast import cast
from flows.simulator.happening import Happening
from flows.simulator.life import live
from flows.simulator.record import Record
from flows.simulator.shopper import Shopper
from tests.core.random_flows import MESSAGES, random_flow
from tests.engine.installation import DAY, HOUR, START, ConnectedShop, Installation
from tests.engine.payloads import embedded
from tests.engine.shoppers import agree, begin_checkout, buy, subscribe
from tests.library.playing import LIBRARY

EMAIL = "ada@example.com"
_MESSAGE = "---\nsubject: {0}\npurpose: marketing\ndeadline: 6d\n---\n<p>Hello</p>\n"
_SHOP = {"name": "Shop", "domain": "shop.example", "timezone": "UTC", "currency": "EUR"}
Deed = tuple[datetime, str]


def do(shop: ConnectedShop, what: str, number: int) -> None:
    """One deed of the person, as the store tells it."""
    match what:
        case "subscribe":
            subscribe(shop, EMAIL, 1)
        case "checkout":
            begin_checkout(shop, EMAIL, f"tok-{number}", customer=embedded(1, EMAIL))
        case "buy":
            buy(shop, EMAIL, 9000 + number, token=None, customer=embedded(1, EMAIL))
        case "leave":
            agree(shop, EMAIL, 1, state="unsubscribed")


def happening(at: datetime, what: str, number: int) -> Happening:
    """The same deed, as a script tells it."""
    named: dict[str, tuple[str, dict[str, Any]]] = {
        "subscribe": ("consent_changed", {"new": "subscribed"}),
        # The checkout and the order of tests/engine/payloads.py.
        "checkout": ("checkout_started", {"checkout_token": f"tok-{number}", "total": "120.00"}),
        "buy": ("order_placed", {"order_id": 9000 + number, "checkout_token": None, "total": "120.00"}),
        "leave": ("unsubscribed", {}),
    }
    name, props = named[what]
    return Happening(at, name, props)


def played(product: Installation, shop: ConnectedShop, deeds: Sequence[Deed], until: datetime) -> list[Any]:
    """What the provider took: (message, moment)."""
    for number, (at, what) in enumerate(deeds):
        product.play_to(at)
        do(shop, what, number)
    product.play_to(until)
    return shop.sent()


def simulated(flows: Sequence[FlowVersion], shop: ConnectedShop, deeds: Sequence[Deed], until: datetime) -> Record:
    """The same, with the seed of the person in the product, so that chance is the same."""
    with shop.scope() as scope:
        row = scope.connection.execute(select(persons).where(persons.c.shop_id == shop.id)).mappings().one()
    person = Shopper(row["id"], str(row["seed"]), START)
    person.row |= {"email": EMAIL, **{name: row[name] for name in ("first_name", "last_name", "country")}}
    person.consents["email", "newsletter"] = Consent("not_subscribed", None, START)
    around = surroundings({"country": "US"}, _SHOP)
    happens = [happening(at, what, number) for number, (at, what) in enumerate(deeds)]
    return live(cast(flows, around), person, happens, START, until, record=Record(keeps_lines=True))


def reasons(shop: ConnectedShop) -> list[tuple[str, str, str]]:
    """(flow, message, why) of what the gate skipped in the product."""
    return sorted((row.flow, row.message, row.reason) for row in shop.rows(outbox) if row.state == "skipped")


def skipped(record: Record) -> list[tuple[str, str, str]]:
    return sorted((one.flow, one.message, one.reason) for one in record.held if one.until is None)


def test_the_shipped_flows_write_when_the_product_does(product: Installation) -> None:
    shop = product.connect(consent_to_store=False)
    names = ("welcome", "cart-recovery")
    deeds = [
        (START, "subscribe"),
        (START + 3 * DAY, "checkout"),
        (START + 3 * DAY + 30 * HOUR, "buy"),
    ]
    until = START + 12 * DAY
    sent = played(product, shop, deeds, until)
    record = simulated([read_folder(LIBRARY / name).flow for name in names], shop, deeds, until)
    # Of two that leave at one moment nobody is the first.
    assert sorted((one.at, one.message) for one in record.sent) == sorted((at, message) for message, at in sent)
    assert len(sent) == 5
    assert skipped(record) == reasons(shop)


def story(product: Installation, seed: int) -> tuple[ConnectedShop, list[FlowVersion], list[Deed], datetime]:
    chance = Random(seed)
    shop = product.connect(flows=[], consent_to_store=False)
    texts = {name: _MESSAGE.format(name) for name in MESSAGES}
    flows = []
    for number in range(3):
        definition = random_flow(chance, f"flow-{number}")
        used = {name: texts[name] for name in MESSAGES if f"'email': '{name}'" in str(definition)}
        flows.append(compile_texts(json.dumps(definition), used).flow)
        shop.publish(json.dumps(definition), **used)
    deeds = [(START, "subscribe")]
    for _ in range(chance.randint(3, 6)):
        # Off every grid, so that no two things of different kinds fall on one moment.
        at = deeds[-1][0] + timedelta(minutes=chance.randint(7, 3000), seconds=chance.randint(1, 59))
        deeds.append((at, chance.choice(["checkout", "checkout", "buy", "leave"])))
    return shop, flows, deeds, deeds[-1][0] + 20 * DAY


@pytest.mark.long
@pytest.mark.parametrize("seed", range(12))
def test_any_flow_writes_when_the_product_does(product: Installation, seed: int) -> None:
    shop, flows, deeds, until = story(product, seed)
    sent = played(product, shop, deeds, until)
    record = simulated(flows, shop, deeds, until)
    assert sorted((one.message, one.at) for one in record.sent) == sorted(sent)


@pytest.mark.long
def test_a_simulator_that_forgets_what_has_left_is_caught(
    product: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The control: one that keeps no ledger."""
    monkeypatch.setattr(desk.Post, "left", lambda self, letter, now: None)
    with pytest.raises(AssertionError):
        for seed in range(12):
            test_any_flow_writes_when_the_product_does(product, seed)
