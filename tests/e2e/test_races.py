"""Orders against cart emails that are due at the same moment: no email leaves later than a second after the order.

In batches: some carts fall due, and when the first of their emails have left, the orders of the whole batch are
posted at once and the rest of its carts fall due. The store is never told of the orders, so that nothing but their
webhooks can stop an email; and in some batches the process that reads webhooks is held still at that moment, so that
acknowledged orders lie unread while emails are due.
"""

from __future__ import annotations

import os
import random
import signal
import threading
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from pathlib import Path

import pytest

from tests.e2e import audit
from tests.e2e.deliveries import Poster, Shopper
from tests.e2e.platforms import Platforms, account_of
from tests.e2e.product import PLAIN, Product, open_folder

SHOP = "a.myshopify.com"
HOUR = 3600.0
# Real seconds: the promise of the product.
PROMISE = 1.0
POSTERS = 12
# Carts of a batch, how many of them fall due first, and business seconds between those and the others.
BATCH, FIRST, APART = 100, 60, 60.0
CARELESS = f"""
import sys
from connector.runtime import processes
careful = processes.workers
def careless():
    for process in careful():
        if process.name == "deliver":
            command = (sys.executable, "-m", "tests.e2e.careless", "deliver", "ignores_the_lane")
            process = processes.Process("deliver", command, process.wave)
        yield process
processes.workers = careless
{PLAIN}
"""


@pytest.fixture
def folder() -> Iterator[Path]:
    with open_folder("races") as made:
        yield made


class Course:
    """One shop, the people who abandon a checkout there, and what they buy in the very moment of the reminder."""

    def __init__(self, platforms: Platforms, product: Product, seed: int) -> None:
        self._platforms = platforms
        self._product = product
        self._chance = random.Random(seed)
        # address -> when the order's webhook was acknowledged
        self.acknowledged: dict[str, float] = {}

    def run(self, batches: int, *, hold_each: int, held: float, late: float = 0.0) -> audit.Races:
        """In each ``hold_each``-th batch the reader of webhooks is held for ``held`` real seconds. The rest of a batch
        falls due ``late`` real seconds after it was bought.
        """
        self._product.connect(SHOP, token=self._platforms.tokens[SHOP], brevo_key=account_of(SHOP))
        # The subscribers are welcomed otherwise, which is not what is measured here.
        self._product.rows("UPDATE flows SET status = 'draft' WHERE flow = 'welcome' RETURNING flow")
        poster, pool = Poster(self._product.url), ThreadPoolExecutor(POSTERS)
        try:
            for batch in range(batches):
                shoppers = [Shopper(SHOP, batch * BATCH + number, guest=True) for number in range(BATCH)]
                self._abandon(shoppers, poster, pool)
                self._race(shoppers, poster, pool, held if batch % hold_each == hold_each - 1 else 0.0, late)
        finally:
            pool.shutdown(cancel_futures=True)
            poster.close()
        sent = audit.mails(self._platforms.provider("log?kind=email&bodies=0")["entries"])
        assert audit.duplicates(sent) == []
        return audit.races(sent, self.acknowledged)

    def _abandon(self, shoppers: Sequence[Shopper], poster: Poster, pool: ThreadPoolExecutor) -> None:
        """Guests who ticked the box for marketing and left: some APART before the others."""
        now = self._platforms.now

        def leave(place: int, one: Shopper) -> None:
            at = now if place < FIRST else now + APART
            poster.post(SHOP, "checkouts/create", one.checkout(at, at))

        list(pool.map(leave, range(len(shoppers)), shoppers))
        self._product.wait_until_idle(60)

    def _race(
        self, shoppers: Sequence[Shopper], poster: Poster, pool: ThreadPoolExecutor, held: float, late: float
    ) -> None:
        started = self._chance.randrange(FIRST // 2)
        before = self._left()
        self._platforms.pass_time(HOUR)
        deadline = time.monotonic() + 10
        while self._left() < before + started and time.monotonic() < deadline:
            time.sleep(0.01)
        if held:
            reader = self._product.pid_of("intake")
            os.kill(reader, signal.SIGSTOP)
            threading.Timer(held, os.kill, (reader, signal.SIGCONT)).start()
        buying = [pool.submit(self._buy, one, poster) for one in self._chance.sample(shoppers, len(shoppers))]
        if late:
            wait(buying)
            time.sleep(late)
        self._platforms.pass_time(APART)
        for one in buying:
            one.result()
        self._product.wait_until_idle(30)

    def _buy(self, one: Shopper, poster: Poster) -> None:
        self.acknowledged[one.email] = poster.post(SHOP, "orders/create", one.order(self._platforms.now))

    def _left(self) -> int:
        return int(self._product.rows("SELECT count(*) FROM outbox WHERE state = 'sent'")[0][0])


def settings(platforms: Platforms, database_url: str, redis_url: str) -> dict[str, str]:
    return {**platforms.settings, "DATABASE_URL": database_url, "REDIS_URL": redis_url, "LOG_LEVEL": "WARNING"}


@pytest.mark.timeout(240)
@pytest.mark.parametrize("batches", [1, pytest.param(20, marks=[pytest.mark.long, pytest.mark.alone])])
def test_no_cart_email_leaves_more_than_a_second_after_the_order(
    folder: Path, database_url: str, redis_url: str, batches: int
) -> None:
    seed = 20261121
    with (
        # Contacts and events may take their time: they are not in this race.
        Platforms(folder, [SHOP], wire_rate=1.0) as platforms,
        Product(folder / "product", settings(platforms, database_url, redis_url)) as product,
    ):
        found = Course(platforms, product, seed).run(batches, hold_each=3, held=1.5)
    print(
        f"seed {seed}: {found.count} races, {found.before} emails left before the order, {found.within} after it,"
        f" {found.skipped} never; worst margin {found.worst:.3f} s"
    )
    assert found.count == batches * BATCH
    assert found.too_late(PROMISE) == []
    # Real races: neither the emails nor the orders always came first.
    assert found.before > 10 * batches and found.skipped > 10 * batches


@pytest.mark.timeout(120)
@pytest.mark.long
def test_control_without_the_look_at_unread_orders_emails_leave_too_late(
    folder: Path, database_url: str, redis_url: str
) -> None:
    with (
        Platforms(folder, [SHOP], wire_rate=1.0) as platforms,
        Product(folder / "product", settings(platforms, database_url, redis_url), CARELESS) as product,
    ):
        found = Course(platforms, product, seed=1).run(1, hold_each=1, held=4.0, late=1.5 * PROMISE)
    assert len(found.too_late(PROMISE)) > 5
