"""Orders against cart emails that are due at the same moment: no email leaves later than a second after the order.

Every order is posted around the moment at which its own cart's email wants to leave. The store is never told of
the orders, so that nothing but their webhooks can stop an email; and the process that reads webhooks is held still
now and then, so that acknowledged orders lie unread while emails are due.
"""

from __future__ import annotations

import os
import random
import signal
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
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
# Carts fall due one after the other: business seconds between two, and how fast business time runs meanwhile.
APART, RATE = 3.0, 75.0
# Real seconds around the moment at which a cart falls due in which its order is posted.
EARLY, LATE = 1.6, 2.4
CARELESS = f"""
import sys
from connector.runtime import processes
careful = processes.workers
def careless():
    for process in careful():
        if process.name == "deliver":
            command = (sys.executable, "-m", "tests.e2e.careless", "deliver")
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

    def run(self, count: int, *, hold_every: float, held: float) -> audit.Races:
        """``count`` races. Every ``hold_every`` real seconds nobody reads webhooks for ``held`` seconds."""
        self._product.connect(SHOP, token=self._platforms.tokens[SHOP], brevo_key=account_of(SHOP))
        # The subscribers are welcomed otherwise, which is not what is measured here.
        self._product.rows("UPDATE flows SET status = 'draft' WHERE flow = 'welcome' RETURNING flow")
        poster, pool = Poster(self._product.url), ThreadPoolExecutor(POSTERS)
        try:
            self._abandon(count, poster, pool)
            self._platforms.pass_time(HOUR - count * APART - 1)
            began = time.monotonic() + EARLY + 0.2
            for number in sorted(range(count), key=lambda n: self._moment(began, n)):
                pool.submit(self._buy, number, self._moments[number], poster)
            self._let_time_run(began, count * APART / RATE + LATE, hold_every, held)
            pool.shutdown()
            self._product.wait_until_idle(30)
        finally:
            pool.shutdown(cancel_futures=True)
            poster.close()
        sent = audit.mails(self._platforms.provider("log?kind=email&bodies=0")["entries"])
        assert audit.duplicates(sent) == []
        return audit.races(sent, self.acknowledged)

    def _abandon(self, count: int, poster: Poster, pool: ThreadPoolExecutor) -> None:
        """Guests who ticked the box and left; the last of them now, the others APART before each other."""
        now = self._platforms.now

        def leave(number: int) -> None:
            at = now - (count - number) * APART
            poster.post(SHOP, "checkouts/create", Shopper(SHOP, number, guest=True).checkout(at, at))

        list(pool.map(leave, range(count)))
        self._product.wait_until_idle(60)
        self._moments: dict[int, float] = {}

    def _moment(self, began: float, number: int) -> float:
        """When this one's order is posted (monotonic seconds)."""
        jitter = -EARLY + (EARLY + LATE) * self._chance.random()
        return self._moments.setdefault(number, began + number * APART / RATE + jitter)

    def _buy(self, number: int, at: float, poster: Poster) -> None:
        time.sleep(max(0.0, at - time.monotonic()))
        one = Shopper(SHOP, number, guest=True)
        self.acknowledged[one.email] = poster.post(SHOP, "orders/create", one.order(self._platforms.now))

    def _let_time_run(self, began: float, seconds: float, hold_every: float, held: float) -> None:
        start, next_hold = self._platforms.now, began + hold_every / 2
        while (now := time.monotonic()) < began + seconds:
            self._platforms.pass_time(start + max(0.0, now - began) * RATE - self._platforms.now)
            if now >= next_hold:
                next_hold += hold_every
                reader = self._product.pid_of("intake")
                os.kill(reader, signal.SIGSTOP)
                threading.Timer(held, os.kill, (reader, signal.SIGCONT)).start()
            time.sleep(0.02)


def settings(platforms: Platforms, database_url: str, redis_url: str) -> dict[str, str]:
    return {**platforms.settings, "DATABASE_URL": database_url, "REDIS_URL": redis_url, "LOG_LEVEL": "WARNING"}


@pytest.mark.timeout(240)
def test_no_cart_email_leaves_more_than_a_second_after_the_order(
    folder: Path, database_url: str, redis_url: str
) -> None:
    seed, count = 20261121, 1000
    with (
        # Contacts and events may take their time: they are not in this race.
        Platforms(folder, [SHOP], wire_rate=1.0) as platforms,
        Product(folder / "product", settings(platforms, database_url, redis_url)) as product,
    ):
        found = Course(platforms, product, seed).run(count, hold_every=8.0, held=2.0)
    print(
        f"seed {seed}: {found.count} races, {found.before} emails left before the order, {found.within} after it,"
        f" {found.skipped} never; worst margin {found.worst:.3f} s"
    )
    assert found.count == count
    assert found.too_late(PROMISE) == []
    # Real races: neither the emails nor the orders always came first.
    assert found.before > 100 and found.skipped > 100


@pytest.mark.timeout(120)
def test_control_without_the_look_at_unread_orders_emails_leave_too_late(
    folder: Path, database_url: str, redis_url: str
) -> None:
    with (
        Platforms(folder, [SHOP], wire_rate=1.0) as platforms,
        Product(folder / "product", settings(platforms, database_url, redis_url), CARELESS) as product,
    ):
        found = Course(platforms, product, seed=1).run(150, hold_every=4.0, held=3.0)
    assert len(found.too_late(PROMISE)) > 5
