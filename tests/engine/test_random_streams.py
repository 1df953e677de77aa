"""Weeks of random events for flows that overlap, with eight workers at once: what reached whom, counted at the provider
by an oracle that knows nothing of the gate."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime, time
from random import Random
from zoneinfo import ZoneInfo

import pytest

from connector.models.outbox import outbox
from connector.models.person import persons
from flows.engine import claim, dispatch
from tests.api.teller import teller_of
from tests.core.gate_oracle import Delivery, beyond_a_day, beyond_a_window, over_the_cap, two_flows_on_a_day
from tests.engine.installation import DAY, HOUR, START, ConnectedShop, Installation
from tests.engine.shoppers import subscribe

pytestmark = pytest.mark.long
WORKERS, PEOPLE, TICK = 8, 6, 4 * HOUR
PARIS = ZoneInfo("Europe/Paris")
PLANS = {
    "news": ("count", ""),
    "browse": ("count", "caps: {email: {count: 1, per: day}}"),
    "cart": ("own", "caps: {email: {count: 2, days: 3}}"),
    "tips": ("count", ""),
    "birthday": ("exempt", ""),
}
BODY = "---\nsubject: {0}\npurpose: {1}\ndeadline: 9d\n---\n<p>{0}</p>\n"


def overlap(shop: ConnectedShop, chance: Random) -> None:
    """Flows with three or four messages each, one of which says nothing of marketing."""
    for name, (cap, entries) in PLANS.items():
        waits = [f"  - wait: {chance.choice(['1h', '5h', '20h', '1d', '2d'])}\n" for _ in range(3)]
        steps = "".join(f"  - email: m{n}\n{wait}" for n, wait in enumerate(waits)) + "  - email: note\n"
        trigger = f"trigger: {{on: 'custom:{name}', key: event.properties.key}}"
        head = f"flow: {name}\nname: {name}\n{trigger}\nreentry: always\ncap: {cap}\n"
        text = f"{head}priority: {chance.randrange(100)}\n{entries}\nsteps:\n{steps}"
        messages = {f"m{n}": BODY.format(name, "marketing") for n in range(3)}
        shop.publish(text, **messages, note=BODY.format(name, "transactional"))


def at_once(work: Callable[[], None]) -> None:
    begun = threading.Barrier(WORKERS)
    failed: list[BaseException] = []

    def begin() -> None:
        begun.wait()
        try:
            work()
        except BaseException as error:
            failed.append(error)

    threads = [threading.Thread(target=begin) for _ in range(WORKERS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failed, failed


def live(product: Installation, shop: ConnectedShop, chance: Random, days: int) -> None:
    """Events at random, and whatever falls due."""
    telling = teller_of(shop)
    told = 0
    for tick in range(int(days * DAY / TICK)):
        product.at(START + (tick + 1) * TICK)
        for _ in range(chance.choice([0, 0, 1, 3])):
            told += 1
            person = f"p{chance.randrange(PEOPLE)}@example.com"
            name = chance.choice(list(PLANS))
            telling.tell("custom", {"email": person}, name=name, properties={"key": str(told)})
        product.settle("intake", "fetch", "flows")

        def work() -> None:
            for _ in range(3):
                dispatch.dispatch_due(shop.deps, shop.shop)

        at_once(work)
        product.settle()


def faults(shop: ConnectedShop) -> list[object]:
    """What the oracle has against what each person got."""
    found: list[object] = []
    for to in {mail["to"] for mail in shop.mails()}:
        # What left at one moment may have left in any order: the one that asks for least.
        got = sorted(
            (
                Delivery(
                    mail["tags"][0],
                    "email",
                    PLANS[mail["tags"][0]][0],
                    datetime.fromtimestamp(mail["accepted_at"], UTC),
                    "transactional" if mail["tags"][1] == "note" else "marketing",
                )
                for mail in shop.mails(to)
            ),
            key=lambda one: (one.at, one.cap != "count"),
        )
        promised = [one for one in got if one.purpose == "marketing"]
        found += over_the_cap(got)
        found += beyond_a_day(got, {"browse": 1}, PARIS)
        found += beyond_a_window(got, {"cart": (2, 3)})
        found += two_flows_on_a_day(got, PARIS)
        found += [one for one in promised if not time(9) <= one.at.astimezone(PARIS).time() < time(20)]
    return found


def run(product: Installation, seed: int, days: int = 28) -> ConnectedShop:
    chance = Random(seed)
    shop = product.connect(flows=[])
    shop.set(quiet_hours={"start": "20:00", "end": "09:00"})
    overlap(shop, chance)
    for number in range(PEOPLE):
        subscribe(shop, f"p{number}@example.com", number + 1)
    product.settle()
    shop.change(persons, {"timezone": PARIS.key})
    live(product, shop, chance, days)
    return shop


@pytest.mark.parametrize("seed", range(2))
def test_eight_workers_never_exceed_a_cap_a_plan_a_day_or_the_hours(product: Installation, seed: int) -> None:
    shop = run(product, seed)
    assert not faults(shop)
    mails = shop.mails()
    assert len({mail["idempotency_key"] for mail in mails}) == len(mails) > 50
    unexplained = [row for row in shop.rows(outbox) if row.state == "skipped" and not row.reason]
    assert not unexplained
    assert {row.reason for row in shop.rows(outbox)} >= {"deadline"}


def test_what_is_sent_but_not_counted_is_caught(product: Installation, monkeypatch: pytest.MonkeyPatch) -> None:
    """The control: workers that write no ledger."""
    monkeypatch.setattr(claim, "_write_ledger", lambda scope, rows: None)
    shop = run(product, 0, days=8)
    kinds = Counter(type(fault).__name__ for fault in faults(shop))
    assert kinds, "the oracle sees it"
