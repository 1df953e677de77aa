"""Alerts that Brevo is asked for: what its answers mean."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import httpx
import pytest
from sqlalchemy import insert, select

from connector.models.catalogue_signal import product_alerts
from connector.models.sync import sync_state
from sync.catalogue_signals import alerts
from tests.sync.world import NOON, World, world

PATH = "/v3/products/5/alerts/back_in_stock"


@pytest.fixture
def shop(database_url: str, redis_url: str) -> Iterator[World]:
    with world(database_url, redis_url) as made:
        for number in (1, 2):
            ask(made, made.person(number))
        yield made


def ask(made: World, person_id: int) -> None:
    times = {"due_real": made.deps.clock.machine(), "attempts": 0}
    known = {"entity": "contact", "entity_id": person_id, "wanted_version": 1, "sent_version": 1, "state": "done"}
    alert = {"product_id": 5, "person_id": person_id, "asked_at": NOON, "state": "due"}
    with made.transaction() as connection:
        connection.execute(insert(sync_state).values(shop_id=made.shop.id, **known, **times))
        connection.execute(insert(product_alerts).values(shop_id=made.shop.id, **alert, **times))


def rows(made: World) -> list[Any]:
    with made.transaction() as connection:
        return list(connection.execute(select(product_alerts).order_by(product_alerts.c.person_id)))


def test_each_is_given_once(shop: World) -> None:
    while alerts.tell_brevo(shop.deps, shop.shop).more:
        pass
    told = [body["contactIdentifiers"] for body in shop.brevo.bodies(PATH)]
    assert told == [{"email": "p1@x.test"}, {"email": "p2@x.test"}]
    assert {row.state for row in rows(shop)} == {"brevo"}


def test_alerts_that_are_switched_off_wait_for_somebody_together(shop: World) -> None:
    shop.brevo.answer = lambda _: httpx.Response(403, json={"code": "permission_denied", "message": "not enabled"})
    before = shop.deps.clock.machine()
    while alerts.tell_brevo(shop.deps, shop.shop).done:
        pass
    assert len(shop.brevo.requests) == 1, "what is wrong with the account is wrong for both"
    assert {row.state for row in rows(shop)} == {"due"} and all(row.attempts == 0 for row in rows(shop))
    assert all(row.due_real >= before + timedelta(minutes=59) for row in rows(shop))
    assert "not enabled" in rows(shop)[0].reason


def test_a_product_that_brevo_does_not_know_is_asked_for_a_few_times(shop: World) -> None:
    shop.brevo.answer = lambda _: httpx.Response(404, json={"code": "document_not_found", "message": "no product"})
    for _ in range(7):
        while alerts.tell_brevo(shop.deps, shop.shop).done:
            pass
        with shop.transaction() as connection:
            connection.execute(product_alerts.update().values(due_real=shop.deps.clock.machine()))
    assert len(shop.brevo.requests) == 10
    assert [(row.state, row.attempts) for row in rows(shop)] == [("refused", 5)] * 2
