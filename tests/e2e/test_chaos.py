"""Processes that die while they hold something, PostgreSQL that crashes, a Redis that forgets, a provider and a store
that fail: nothing is lost and nobody is mailed twice. Judged by the logs of the simulated platforms."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import time
from pathlib import Path
from random import Random

import pytest

from tests.e2e import audit, faults
from tests.e2e.aftermath import Aftermath
from tests.e2e.crashable import Crashable
from tests.e2e.monkey import Monkey
from tests.e2e.platforms import Platforms, account_of
from tests.e2e.product import open_folder
from tests.e2e.trade import DAY, HOUR, Trade

HONOURS, IGNORES = "honours.myshopify.com", "ignores.myshopify.com"
# Sends nothing at night, and the welcome yields to the other emails of the week.
CAREFUL = "careful.myshopify.com"
CAP = {"count": 2, "days": 7}
NIGHT = {"start": "21:00", "end": "08:00"}
ZONE = "Europe/Paris"


@dataclass(frozen=True)
class Weather:
    """How long and how hard it storms.

    In a round some hours of business time pass; ``newcomers`` come at the shops in the first ``busy`` of them. It goes
    on for so many ``rounds``, and then until so many ``kills`` have hit and so many ``emails`` have left. The rest is
    done once in so many rounds.
    """

    newcomers: Mapping[str, int]
    busy: int
    rounds: int
    kills: int
    emails: int
    restart_each: int
    flush_each: int
    hang_each: int
    # Real seconds that may pass after the storm until nothing is left to do.
    rest: float = 120.0


# While people come in, and after that: their first emails are of use for a few hours only.
STEPS = 3 * HOUR, 6 * HOUR
# Real seconds; more is a product that does not get on.
ROUND_SECONDS = 300
# Between two kills.
PAUSE_SECONDS = 0.1


@pytest.fixture
def folder() -> Iterator[Path]:
    with open_folder("chaos") as made:
        yield made


def rage(product: Crashable, weather: Weather, seed: int) -> Monkey:
    """Storm, then let everything come to rest in fine weather."""
    platforms, chance = product.platforms, Random(seed)
    trade = Trade(platforms, weather.newcomers, chance)
    faults.spoil(platforms, seed)
    with Monkey(product, Random(seed + 1), PAUSE_SECONDS) as monkey:
        number = 0
        while number < weather.rounds or monkey.kills < weather.kills or product.emails() < weather.emails:
            platforms.pass_time(STEPS[number > weather.busy])
            if number < weather.busy or number >= weather.rounds:
                trade.come_in()
            monkey.allow(-(-weather.kills // weather.rounds))
            # In the very moment in which their emails are due.
            trade.buy(1)
            trade.unsubscribe(number % 2)
            number += 1
            once_in(number, weather.restart_each, product.postgres.restart)
            once_in(number, weather.flush_each, product.flush_redis)
            once_in(number + 1, weather.flush_each * 2, product.redis.restart)
            once_in(number, weather.hang_each, lambda: monkey.hang("deliver", 4.0))
            once_in(number, 7, lambda: pause_store(platforms, 1.2))
            # What is unknown goes on into the next round. Time does not pass while a call is under way: an email
            # that may leave now could arrive at night.
            product.wait_until(product.done, ROUND_SECONDS)
    faults.end(platforms)
    product.wait_until(product.idle, weather.rest)
    return monkey


def once_in(number: int, each: int, deed: Callable[[], object]) -> None:
    """In every ``each``-th round; 0: never."""
    if each and number % each == 0:
        deed()


def pause_store(platforms: Platforms, seconds: float) -> None:
    """The store does not answer for a while."""
    os.kill(platforms.store_pid, signal.SIGSTOP)
    threading.Timer(seconds, os.kill, (platforms.store_pid, signal.SIGCONT)).start()


def endure(folder: Path, weather: Weather, seed: int) -> tuple[Monkey, Aftermath]:
    """Connect the shops, storm, and judge what came of it."""
    with Platforms(folder, tuple(weather.newcomers)) as platforms:
        platforms.provider("settings", {"delivery_seconds": 0})
        # What became of an email is told late there, so that the provider's log must be asked.
        silent = {"honour_idempotency": False, "delivery_seconds": 30 * DAY}
        platforms.provider("settings", {"account": account_of(IGNORES), **silent})
        with Crashable(folder / "product", platforms) as product:
            product.nursery.start()
            product.connect(platforms.shops)
            product.restrain(CAREFUL, CAP, NIGHT)
            monkey = rage(product, weather, seed)
            found = Aftermath.read(platforms, product.rows, within=max(STEPS))
            print(
                f"seed {seed}: {monkey.kills} kills that hit {dict(monkey.held)}, others {dict(monkey.others)},"
                f" {monkey.hung} hung; {len(found.sent)} emails, {found.spoilt:.0%} of calls spoilt;"
                f" not sent {dict(found.reasons)}; ended by themselves {dict(product.nursery.by_itself())}"
            )
            said = [*found.problems(), *unrestrained(found)]
            assert said == [], "\n".join([f"seed {seed}", *said, product.log])
    return monkey, found


def unrestrained(found: Aftermath) -> list[str]:
    """Emails of the careful shop at night, and of its welcome above the cap."""
    sent = [mail for mail in found.sent if mail.account == account_of(CAREFUL)]
    hours = time.fromisoformat(NIGHT["start"]), time.fromisoformat(NIGHT["end"])
    return audit.at_night(sent, *hours, ZONE) + audit.above_cap(sent, {"welcome"}, CAP["count"], CAP["days"])


@pytest.mark.timeout(400)
def test_kills_that_hit_a_held_lease_lose_nothing_and_mail_nobody_twice(folder: Path) -> None:
    newcomers = {HONOURS: 15, IGNORES: 15, CAREFUL: 3}
    weather = Weather(newcomers, busy=6, rounds=22, kills=154, emails=1000, restart_each=7, flush_each=4, hang_each=20)
    monkey, found = endure(folder, weather, seed=20261122)
    assert monkey.kills >= 150 and len(found.sent) >= 1000 and found.spoilt >= 0.3
    prove_the_checks(found)


@pytest.mark.long
@pytest.mark.timeout(2700)
def test_fifteen_hundred_kills_over_twenty_thousand_emails(folder: Path) -> None:
    newcomers = {HONOURS: 94, IGNORES: 94, "third.myshopify.com": 20, "fourth.myshopify.com": 5, CAREFUL: 10}
    weather = Weather(
        newcomers, busy=16, rounds=34, kills=1530, emails=20_000, restart_each=1, flush_each=1, hang_each=5, rest=600.0
    )
    monkey, found = endure(folder, weather, seed=1122)
    assert monkey.kills >= 1500 and len(found.sent) >= 20_000 and found.spoilt >= 0.3
    prove_the_checks(found)


def prove_the_checks(found: Aftermath) -> None:
    """Each check sees the one thing that is planted for it."""
    mail = next(mail for mail in reversed(found.sent) if mail.letter in found.wanted)
    others = [other for other in found.sent if other is not mail]
    assert len(replace(found, sent=[*found.sent, mail]).problems()) == 2
    assert len(replace(found, sent=others).problems()) == 2
    assert len(replace(found, processed=set(sorted(found.processed)[1:])).problems()) == 1
    late = replace(found, ended={(mail.to, mail.flow): mail.first_byte_at - 1.1}).problems()
    # More than one when two emails of the flow left within moments of each other.
    assert late and all(mail.to in problem and "after its end" in problem for problem in late)
    careful = next(mail for mail in found.sent if mail.account == account_of(CAREFUL) and mail.flow == "welcome")
    often = [replace(careful, accepted_at=careful.accepted_at + seconds) for seconds in range(CAP["count"])]
    assert unrestrained(replace(found, sent=[*found.sent, *often])) != []
    assert unrestrained(replace(found, sent=[replace(careful, accepted_at=careful.accepted_at + 12 * HOUR)])) != []
