"""What the benchmarks measure with: what counts as an effect, what as a call that was not waited with."""

from __future__ import annotations

import os
import sys
from typing import Any

from benchmarks import cpu
from benchmarks.arrivals import Arrival, Effects, spread
from benchmarks.decisions import _kept, _library_flow, _Life, _stored
from benchmarks.latency import delays
from benchmarks.one_shop import calls_into_closed_windows
from benchmarks.shoppers import TOPICS, Delivery, Shoppers, take_turns
from connector.clock import monotonic
from sandbox.clock import Clock
from sandbox.store.platform import Platform
from sandbox.store.settings import from_document

DOMAIN = "bench-1.myshopify.com"
CONTACT = Delivery(DOMAIN, "customers/create", "1", "ann@example.com", None, b"{}")
ORDER = Delivery(DOMAIN, "orders/create", "2", "bob@example.com", "77", b"{}")


def call(at: float, account: str = "key", *, accepted: bool = True, **about: Any) -> dict[str, Any]:
    return {"account": account, "answered_at": at, "accepted": accepted, "remark": about}


def test_the_first_accepted_call_that_carries_it_is_the_effect() -> None:
    effects = Effects()
    effects.add(
        [
            call(1.0, email="ann@example.com", accepted=False),
            call(2.0, email="bob@example.com"),
            call(4.0, email="ann@example.com"),
            call(3.0, email="ann@example.com"),
            call(2.5, account="another", email="ann@example.com"),
        ]
    )
    assert effects.of(CONTACT, "key") == 3.0
    assert effects.of(ORDER, "key") is None, "a contact is not the order"
    effects.add([call(9.0, orders=["77"]), call(8.0, events=[["order_placed", "bob@example.com"]])])
    assert effects.of(ORDER, "key") == 8.0
    effects.add([call(7.0, events=[["order_paid", "bob@example.com"]])])
    assert effects.of(ORDER, "key") == 8.0, "another event of the same order does not tell it"


def test_what_did_not_arrive_is_missing_and_not_fast() -> None:
    effects = Effects()
    effects.add([call(12.5, email="ann@example.com")])
    arrivals = [Arrival(CONTACT, 10.0, 11.0, 200), Arrival(ORDER, 10.0, 11.0, 200), Arrival(ORDER, 10.0, 11.0, 503)]
    found = delays(arrivals, effects, lambda domain: "key")
    assert found["seconds"] == {"count": 1, "p50": 1.5, "p95": 1.5, "p99": 1.5, "max": 1.5}
    assert (found["missing"], found["not_acknowledged"]) == (1, 1)


def test_percentiles() -> None:
    assert spread([float(n) for n in range(100, 0, -1)]) == {"count": 100, "p50": 50, "p95": 95, "p99": 99, "max": 100}
    assert spread([]) == {"count": 0}


def test_calls_into_a_window_that_has_refused_are_counted() -> None:
    def made(begun: float, status: int, bucket: str = "contacts") -> dict[str, Any]:
        return {
            "account": "key", "bucket": bucket, "first_byte_at": begun, "answered_at": begun + 0.05, "status": status,
        }  # fmt: skip

    refusal = made(10.5, 429)
    on_its_way, other, later = made(10.52, 429), made(10.9, 204, "events"), made(11.01, 204)
    assert calls_into_closed_windows([refusal, on_its_way, other, later]) == 0
    assert calls_into_closed_windows([refusal, on_its_way, other, later, made(10.7, 204)]) == 1
    assert calls_into_closed_windows([made(10.2, 204), made(10.7, 204)]) == 0


def test_shoppers_are_the_customers_that_the_store_knows() -> None:
    world = from_document({"seed": 7, "start": 1_790_000_000, "customers": 4, "shops": [{"domain": DOMAIN}]})
    store = Platform(world, Clock(), "http://127.0.0.1:1").shops[DOMAIN]
    shoppers = Shoppers(DOMAIN, 1, seed=7, customers=4, store_url="http://127.0.0.1:1", opened_at=1_790_000_000.0)
    told = list(take_turns([shoppers], 3, 1_790_000_500.0))
    assert [one.topic for one in told] == list(TOPICS)
    assert [one.email for one in told] == [person.email for person in store.customers.values()][:3]
    assert len({one.webhook_id for one in told}) == 3
    for one, person in zip(told, store.customers.values(), strict=False):
        assert str(person.id).encode() in one.body


def test_a_life_of_decisions_runs_to_its_end_however_it_is_stored() -> None:
    # One who buys after a while, and one who hears everything.
    for person, outcome in ((0, "goal"), (3, "completed")):
        for name in ("cart-recovery", "welcome"):
            lives = [_Life(_library_flow(name), person, storage) for storage in (_kept, _stored)]
            ends = [life.live() for life in lives]
            assert ends[0] == ends[1] and ends[0].outcome == outcome
            assert lives[0].steps == lives[1].steps > len(lives[0].ledger) > 0
            assert lives[0].gates >= 2 * len(lives[0].ledger)


def test_processor_seconds_are_found_by_process() -> None:
    until = monotonic() + 0.25
    while monotonic() < until:
        pass
    spent = cpu.between({}, cpu.used({os.getpid(): "tests"}))
    assert spent["tests"] > 0.1
    assert cpu.used({}) == {}
    assert cpu._part(f"{sys.executable} -m connector.worker sync") == "sync"
    assert cpu._part("postgres: connector connector [local] idle") == "postgres"
