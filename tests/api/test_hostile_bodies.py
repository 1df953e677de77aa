"""Mutated events: each is answered, none with 500, and what is taken is applied."""

from __future__ import annotations

import json
from random import Random
from typing import Any

import orjson
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from connector.api.openapi import example
from connector.models.inbox import inbox
from sync import outside
from tests.api.teller import Teller
from tests.engine.installation import ConnectedShop, Installation
from tests.webhooks.mutations import mutated
from webhooks.topics.api_payload import SCHEMAS

ANSWERS = {202, 400, 409, 413, 422}
_NAMES = sorted({name for schema in SCHEMAS.values() for name in schema().fields} | {"email", "phone", "customer_id"})
_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=9), inner, max_size=4),
    max_leaves=12,
)


def send(teller: Teller, body: Any) -> int:
    for path in ("/api/events", "/api/events/batch"):
        answer = teller.post(body, path=path)
        assert answer.status_code in ANSWERS, (answer.status_code, body, answer.get_data(as_text=True))
        if answer.status_code == 202:
            return 1
    return 0


def check(shop: ConnectedShop, teller: Teller, count: int, seed: int) -> None:
    chance, taken = Random(seed), 0
    kinds = list(SCHEMAS)
    for number in range(count):
        body = {**example(kinds[number % len(kinds)]), "id": f"{seed}-{number}"}
        raw = mutated(orjson.dumps(body), chance)
        taken += send(teller, raw)
    settle(shop)
    assert taken


def settle(shop: ConnectedShop) -> None:
    shop.installation.settle("intake")
    assert {row.state for row in shop.rows(inbox)} <= {"done"}, [
        (row.state, row.reason, bytes(row.raw)) for row in shop.rows(inbox) if row.state != "done"
    ]
    shop.installation.settle("flows")


@pytest.fixture
def shop(product: Installation) -> ConnectedShop:
    return product.connect(flows=[])


@pytest.fixture(autouse=True)
def _no_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("connector.api.allowance.Allowance.take", lambda *_: None)


def test_mutated_events(shop: ConnectedShop, teller: Teller) -> None:
    check(shop, teller, 140, seed=1)


@pytest.mark.long
@pytest.mark.parametrize("seed", range(2, 12))
def test_many_mutated_events(shop: ConnectedShop, teller: Teller, seed: int) -> None:
    check(shop, teller, 1_000, seed=seed)


def any_json(shop: ConnectedShop, teller: Teller, examples: int) -> None:
    @settings(
        max_examples=examples, deadline=None, derandomize=True, database=None, suppress_health_check=list(HealthCheck)
    )
    @given(st.sampled_from(list(SCHEMAS)), st.dictionaries(st.sampled_from(_NAMES), _JSON, max_size=4), st.booleans())
    def asked(kind: str, changed: dict[str, Any], inside: bool) -> None:
        body = example(kind)
        body = {**body, "person": {**body["person"], **changed}} if inside else {**body, **changed}
        # Also numbers that JSON may hold and a database not.
        send(teller, json.dumps(body).encode())

    asked()
    settle(shop)


def test_any_json(shop: ConnectedShop, teller: Teller) -> None:
    any_json(shop, teller, 100)


@pytest.mark.long
def test_much_json(shop: ConnectedShop, teller: Teller) -> None:
    any_json(shop, teller, 2_000)


def test_an_event_that_is_taken_and_cannot_be_applied_shows_up(
    shop: ConnectedShop, teller: Teller, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The control: a worker that takes for granted what may be left out."""
    monkeypatch.setattr(outside, "whose", lambda scope, named: len(named["phone"]))
    with pytest.raises(AssertionError):
        check(shop, teller, 14, seed=1)
