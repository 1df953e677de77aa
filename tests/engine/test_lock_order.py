"""Everything that takes several locks, at once, for the same few people: nobody waits in a circle."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from random import Random

import psycopg
import pytest
from sqlalchemy import text

from connector import worker
from connector.db.session import transaction
from connector.models.person import person_work, persons
from connector.unsubscribe import token
from tests.engine.installation import HOUR, ConnectedShop, Installation
from tests.engine.payloads import customer
from tests.engine.shoppers import agree, begin_checkout, buy, by_customer, subscribe
from tests.sync.test_merging import joined

PEOPLE = 6
SECONDS = 3.0
# How many work at the same kind at once.
CROWD = {"intake": 2, "flows": 2, "deliver": 2, "fetch": 1, "sync": 1}
_CIRCLES = "SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()"


@pytest.fixture
def shop(product: Installation) -> ConnectedShop:
    return product.connect()


def circles(product: Installation) -> int:
    """How many transactions PostgreSQL has ended because they waited for each other."""
    # Each server process tells its counts when it is idle, at the latest when it ends.
    product.deps.engine.dispose()
    time.sleep(0.1)
    with product.deps.engine.connect() as connection:
        return int(connection.scalar(text(_CIRCLES)) or 0)


class Bustle:
    """Threads that each do one thing again and again; what they raise is kept."""

    def __init__(self) -> None:
        self.failures: list[BaseException] = []
        self.done = 0
        self._over = threading.Event()

    def run(self, deeds: list[Callable[[], object]], seconds: float) -> None:
        threads = [threading.Thread(target=self._again_and_again, args=[deed]) for deed in deeds]
        for thread in threads:
            thread.start()
        self._over.wait(seconds)
        self._over.set()
        for thread in threads:
            thread.join()

    def _again_and_again(self, deed: Callable[[], object]) -> None:
        while not self._over.is_set():
            try:
                deed()
                self.done += 1
            except Exception as error:
                self.failures.append(error)
                self._over.set()


def deeds(product: Installation, shop: ConnectedShop) -> Iterator[Callable[[], object]]:
    """What shoppers and the store do, what all the workers do, and people at the unsubscribe page."""
    chance = Random(1)

    def something_happens() -> None:
        number = chance.randrange(PEOPLE)
        email, cart = f"p{number}@example.com", f"tok-{number}-{chance.randrange(3)}"
        # Any address with any cart: an order reaches people by its cart as well.
        other = f"p{chance.randrange(PEOPLE)}@example.com"
        match chance.randrange(5):
            case 0:
                begin_checkout(shop, email, cart)
            case 1:
                buy(shop, other, chance.randrange(10**9), token=cart, **by_customer(number + 1, other))
            case 2:
                newcomer = chance.randrange(1_000, 10**9)
                shop.deliver("customers/create", customer(newcomer, f"n{newcomer}@example.com", product.now))
                shop.deliver("customers/merge", joined(number + 1, newcomer))
            case _:
                agree(shop, email, number + 1, chance.choice(["subscribed", "unsubscribed"]))

    def somebody_leaves() -> None:
        person = chance.choice(shop.rows(persons)).id
        link = token(product.deps.settings.secret_keys, shop.id, person, "email")
        assert browser.post(f"/u/{link}", data=chance.choice([None, {"again": "1"}])).status_code == 200

    browser = product.browser()
    yield from (something_happens, something_happens, somebody_leaves)
    for kind, count in CROWD.items():
        yield from [lambda kind=kind: worker.work(product.deps, kind, shop.id)] * count  # type: ignore[misc]


def test_everything_at_once_for_the_same_people_waits_in_no_circle(product: Installation, shop: ConnectedShop) -> None:
    for number in range(PEOPLE):
        subscribe(shop, f"p{number}@example.com", number + 1)
        begin_checkout(shop, f"p{number}@example.com", f"tok-{number}-0")
    product.settle("intake")
    product.at(product.now + HOUR)
    before, bustle = circles(product), Bustle()
    bustle.run(list(deeds(product, shop)), SECONDS)
    assert bustle.failures == [] and bustle.done > 100
    assert circles(product) == before


@pytest.mark.long
def test_control_two_who_lock_people_in_another_order_do(product: Installation, shop: ConnectedShop) -> None:
    for number in range(2):
        subscribe(shop, f"p{number}@example.com", number + 1)
    product.settle("intake")
    first, second = (row.person_id for row in shop.rows(person_work))
    before, both, failures = circles(product), threading.Barrier(2), []
    statement = text("SELECT 1 FROM person_work WHERE shop_id = :shop_id AND person_id = :person_id FOR UPDATE")

    def lock(*people: int) -> None:
        try:
            with transaction(product.deps.engine) as connection:
                for person in people:
                    connection.execute(statement, {"shop_id": shop.id, "person_id": person})
                    both.wait()
        except Exception as error:
            failures.append(getattr(error, "orig", error))
            both.abort()

    threads = [threading.Thread(target=lock, args=order) for order in ((first, second), (second, first))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert any(isinstance(failure, psycopg.errors.DeadlockDetected) for failure in failures)
    assert circles(product) == before + 1
