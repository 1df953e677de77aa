"""Two processes renew one token, are killed, hear late or nothing: the app is never locked out of the store."""

from __future__ import annotations

import multiprocessing
import time
from collections.abc import Iterator
from dataclasses import asdict
from multiprocessing.process import BaseProcess
from random import Random

import pytest

from connector.install.store import arrive
from connector.shops import Shop
from tests.install import renewer
from tests.install.merchant import Merchant, merchant, opened
from tests.sandbox.store_process import SHOP

# Nothing but the answer may be slow: a lease is six of these.
STORE_TIMEOUT = 0.25
LOST = {"kind": "lost", "grant": "refresh_token", "probability": 0.1}
SLOW = {"kind": "slow", "grant": "refresh_token", "probability": 0.1, "seconds": 0.2}
TOO_SLOW = {"kind": "slow", "grant": "refresh_token", "probability": 0.05, "seconds": 0.4}
LATE = {"kind": "delay", "grant": "refresh_token", "probability": 0.05, "seconds": 0.4}

# Started from a process with one thread and everything imported: a death costs no second start.
forks = multiprocessing.get_context("forkserver")
forks.set_forkserver_preload(["tests.install.renewer"])


@pytest.fixture
def one(database_url: str, redis_url: str) -> Iterator[Merchant]:
    with opened() as store, merchant(store, database_url, redis_url, store_timeout_seconds=STORE_TIMEOUT) as made:
        yield made


class Crew:
    """Two workers at one token; whoever is killed is replaced."""

    def __init__(self, made: Merchant, shop: Shop, kind: str) -> None:
        self._arguments = (asdict(made.deps.settings), shop.id, kind)
        self.workers = [self._start(), self._start()]
        self.kills = 0

    def kill(self, number: int) -> None:
        self.workers[number].kill()
        self.workers[number].join()
        self.kills += 1
        self.workers[number] = self._start()

    def locked_out(self) -> bool:
        return any(one.exitcode == renewer.LOCKED_OUT for one in self.workers)

    def broken(self) -> bool:
        return any(one.exitcode not in (None, renewer.LOCKED_OUT) for one in self.workers)

    def stop(self) -> None:
        for worker in self.workers:
            worker.kill()
            worker.join()

    def _start(self) -> BaseProcess:
        worker = forks.Process(target=renewer.run, args=self._arguments, daemon=True)
        worker.start()
        return worker


def renewals(made: Merchant) -> int:
    return sum(token["grant"] == "refresh_token" for token in made.told()["tokens"])


def renew(made: Merchant, kind: str, wanted: int, seconds: float, pause: float = 0.6) -> tuple[int, bool, int]:
    """Renewals until there are so many, or the app is locked out: how many, whether it is, and how many were killed.

    ``pause``: seconds from one death to the next.
    """
    shop, chance = made.installed(), Random(5)
    made.faults(LOST, SLOW, TOO_SLOW, LATE)
    crew, end = Crew(made, shop, kind), time.monotonic() + seconds
    try:
        while renewals(made) < wanted and time.monotonic() < end and not crew.locked_out():
            assert not crew.broken()
            time.sleep(chance.uniform(0.5, 1.5) * pause)
            if kind == "ours":
                crew.kill(chance.randrange(2))
    finally:
        crew.stop()
        made.faults()
    return renewals(made), crew.locked_out(), crew.kills


def check(made: Merchant, wanted: int, seconds: float, kills: int) -> None:
    done, locked_out, killed = renew(made, "ours", wanted, seconds)
    assert not locked_out and done >= wanted and killed >= kills, (done, locked_out, killed)
    told = [entry for entry in made.store.get("log")["entries"] if entry["kind"] == "token"]
    assert any(entry.get("lost") for entry in told), "answers were lost"
    time.sleep(6 * STORE_TIMEOUT)
    shop = arrive(made.deps, SHOP)
    tokens = made.deps.tokens(shop)
    tokens.after(tokens.current())
    assert "shop" in made.deps.store(made.loaded(shop.id)).query("shop")
    assert shop.token_trouble is None and not made.told()["locked_out"]


def test_two_workers_are_never_locked_out(one: Merchant) -> None:
    check(one, 25, 20, 3)


@pytest.mark.long
@pytest.mark.timeout(900)
@pytest.mark.parametrize("retry", ["new_pair", "same_pair"])
def test_two_workers_renew_a_thousand_times(one: Merchant, retry: str) -> None:
    one.store.post("token_rules", retry=retry)
    check(one, 1000, 800, 50)


@pytest.mark.long
def test_without_a_claim_they_are_locked_out(one: Merchant) -> None:
    done, locked_out, _ = renew(one, "unclaimed", 2000, 30)
    assert locked_out, f"{done} renewals without harm"
