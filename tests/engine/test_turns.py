"""Whose turn it is: several workers share what is due in a shop, and a look begins where the last one found any."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

import pytest

from connector import horizons
from connector.horizons import Horizons
from connector.models.flow import timers
from connector.models.person import persons
from flows.engine.turns import claim
from tests.engine.installation import HOUR, START, ConnectedShop, Installation
from tests.engine.shoppers import begin_checkout

PEOPLE = 6
MINUTE = timedelta(minutes=1)


@pytest.fixture
def due(product: Installation) -> ConnectedShop:
    """A shop with six people whose clock has run out, a minute apart."""
    shop = product.connect(flows=["cart-recovery"])
    for number in range(PEOPLE):
        begin_checkout(shop, f"p{number}@example.com", f"tok-{number}", at=START + number * MINUTE)
    product.settle("intake", "fetch", "flows")
    for number, person_id in enumerate(everybody(shop)):
        shop.change(timers, {"due_at": START + number * MINUTE}, person_id=person_id)
    product.at(START + 2 * HOUR)
    return shop


def everybody(shop: ConnectedShop) -> list[int]:
    return [row.id for row in shop.rows(persons)]


def claimed(shop: ConnectedShop, most: int, memory: Horizons | None = None) -> Sequence[int]:
    with shop.scope() as scope:
        return [row.person_id for row in claim(scope, most, memory or Horizons())]


def test_a_second_worker_takes_others_and_not_none(due: ConnectedShop) -> None:
    with due.scope() as first, due.scope() as second:
        mine = {row.person_id for row in claim(first, 3, Horizons())}
        others = {row.person_id for row in claim(second, 3, Horizons())}
    assert (len(mine), len(others)) == (3, 3) and not mine & others
    # Those who have waited longest go first.
    assert mine == set(everybody(due)[:3])


def test_a_look_begins_where_the_last_one_found_something(due: ConnectedShop) -> None:
    memory, ids = Horizons(), everybody(due)
    # Whatever takes so long is not done again at once.
    memory.found(due.id, START + 3 * MINUTE, whole=True, took=60.0)
    assert claimed(due, 2, memory) == ids[3:5]
    # The control: without a memory it begins at the beginning.
    assert claimed(due, 2) == ids[:2]


def test_what_was_left_behind_is_found_when_nothing_else_is(due: ConnectedShop) -> None:
    memory = Horizons()
    memory.found(due.id, START + HOUR, whole=True, took=60.0)
    assert len(claimed(due, 10, memory)) == PEOPLE


def test_looks_at_everything_take_a_twentieth_of_the_time(monkeypatch: pytest.MonkeyPatch) -> None:
    memory, now = Horizons(), [100.0]
    monkeypatch.setattr(horizons, "monotonic", lambda: now[0])
    assert memory.of(1) is None
    memory.found(1, START, whole=True, took=0.5)
    assert memory.of(1) == START and memory.of(2) is None
    now[0] += 9.0
    memory.found(1, START + HOUR, whole=False, took=0.001)
    assert memory.of(1) == START + HOUR
    now[0] += 2.0
    assert memory.of(1) is None
