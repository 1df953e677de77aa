"""kill -9 of the product's processes, an emptied Redis and a provider that fails, all at once and under load.

Two shops on one installation: the account of one honours idempotency keys, that of the other ignores them. What
came of it is read from the logs of the simulated platforms; the product is asked only what became of each delivery.
"""

from __future__ import annotations

import os
import random
import signal
import time
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.e2e import audit
from tests.e2e.platforms import Platforms, account_of
from tests.e2e.product import QUICK_RESTARTS, Living, Product, open_folder

HONOURS, IGNORES = "honours.myshopify.com", "ignores.myshopify.com"
SHOPS = (HONOURS, IGNORES)
# Each round lets the product come up whole, gives it work, and kills two of its processes in the midst of that.
ROUNDS, KILLS_A_ROUND = 25, 2
FLUSH_EVERY = 5
# Business seconds a round: carts of the first half become due while it goes on, nobody's second email does.
STEP = 600.0
# Real seconds after the work was given in which a kill falls: from its first step until well after its last.
WITHIN = 0.6
HOUR = 3600.0
# What a killed reader of the store had begun is taken up again after half a minute: the last kills leave it alone,
# or the test would wait for that.
READER, READER_DIES_UNTIL = "sync", ROUNDS * 6 // 10
# Who dies how often: what sends and what decides more often than what only loads.
WEIGHTS = {"deliver": 4, "flows": 2, "intake": 2, "sync": 1, "clock": 1, "web": 1, "web worker": 1}
SETTINGS = {
    "PROVIDER_TIMEOUT_SECONDS": "1",
    "DELIVERY_LEASE_SECONDS": "3",
    "UNKNOWN_SETTLE_SECONDS": "2",
    "RETRY_SECONDS": "0.3,0.6,1" + ",2" * 30,
    "CONTACT_COALESCE_SECONDS": "0.2",
    "LOG_LEVEL": "WARNING",
}
# Shares of the calls. An answer that comes after PROVIDER_TIMEOUT_SECONDS counts as none.
FAULTS: tuple[Mapping[str, Any], ...] = (
    {"kind": "status", "status": 429, "probability": 0.06},
    {"kind": "status", "status": 500, "probability": 0.06},
    {"kind": "accept_then_cut", "probability": 0.08},
    {"kind": "half", "probability": 0.08},
    {"kind": "slow", "delay": 0.7, "probability": 0.3},
    {"kind": "slow", "delay": 1.3, "probability": 0.05},
)


def spoil(platforms: Platforms, seed: int) -> None:
    """A share of all calls that change something goes wrong."""
    for path in ("/smtp/email", "/contacts", "/events"):
        for fault in FAULTS:
            platforms.provider("faults", {**fault, "path": path, "method": "POST", "seed": seed})


@pytest.fixture
def folder() -> Iterator[Path]:
    with open_folder("crash") as made:
        yield made


@pytest.mark.timeout(300)
def test_fifty_kills_lose_nothing_and_mail_nobody_twice(folder: Path) -> None:
    seed = 20261121
    with Platforms(folder, SHOPS) as platforms:
        platforms.provider("settings", {"account": account_of(IGNORES), "honour_idempotency": False})
        platforms.provider("settings", {"delivery_seconds": 0})
        with Product(folder / "product", {**SETTINGS, **platforms.settings}, QUICK_RESTARTS) as product:
            for shop in SHOPS:
                product.connect(shop, token=platforms.tokens[shop], brevo_key=account_of(shop))
            spoil(platforms, seed)
            killed = Storm(platforms, product, random.Random(seed)).rage()
            platforms.end_faults()
            # What waited for the store's word on consent asks again after some minutes.
            for span in (1.2 * HOUR, HOUR / 6, HOUR / 6):
                platforms.pass_time(span)
                product.wait_until_idle(60, told=True)
            found = Aftermath.read(platforms, product)
            said = found.problems()
            print(*said, *reasons(product, found.sent, found.wanted), sep="\n")
    print(f"seed {seed}, killed {killed}, {found.cut_off} attempts cut off, {len(found.sent)} emails")
    assert said == [], f"seed {seed}, killed {killed}"
    # The storm hit what it was meant to hit.
    assert sum(killed.values()) >= 50
    assert len(found.sent) > 150 and found.spoilt > 50 and found.cut_off > 0
    # Controls: the same checks see one email that left again, one that never left, and one lost delivery.
    twice = replace(found, sent=[*found.sent, found.sent[0]])
    assert len(twice.problems()) == 2
    needed = next(mail.letter for mail in found.sent if mail.letter in found.wanted)
    never_left = [mail for mail in found.sent if mail.letter != needed]
    assert len(replace(found, sent=never_left).problems()) == 1
    assert len(replace(found, processed=set(sorted(found.processed)[1:])).problems()) == 1


class Storm:
    """Shoppers who act, processes that die and a Redis that is emptied, until enough have died."""

    def __init__(self, platforms: Platforms, product: Product, chance: random.Random) -> None:
        self._platforms = platforms
        self._product = product
        self._chance = chance
        self._carts: list[tuple[str, str]] = []

    def rage(self) -> dict[str, int]:
        """Returns how often which process was killed."""
        killed: dict[str, int] = {}
        for number in range(ROUNDS):
            self._wait_until_whole()
            self._platforms.pass_time(STEP)
            for shop in SHOPS:
                self._shop(shop, number)
            for _ in range(KILLS_A_ROUND):
                time.sleep(WITHIN / KILLS_A_ROUND * self._chance.random())
                victim = self._victim(number)
                os.kill(victim.pid, signal.SIGKILL)
                killed[victim.name] = killed.get(victim.name, 0) + 1
            if number % FLUSH_EVERY == FLUSH_EVERY // 2:
                self._product.flush_redis()
        return killed

    def _shop(self, shop: str, number: int) -> None:
        """Some people subscribe, one of them leaves a checkout; somebody from before buys."""
        for name in ("ada", "bob", "cleo"):
            self._platforms.act("create_customer", shop, email=f"{name}{number}@example.com", accepts_marketing=True)
        for name in ("ada", "bob"):
            label = f"{name}-{shop}-{number}"
            self._platforms.act("start_checkout", shop, email=f"{name}{number}@example.com", label=label)
            self._carts.append((shop, label))
        if self._chance.random() < 0.5:
            buyer = self._carts.pop(self._chance.randrange(len(self._carts)))
            self._platforms.act("complete_checkout", buyer[0], checkout=buyer[1])

    def _wait_until_whole(self) -> None:
        deadline = time.monotonic() + 60
        while {one.name for one in self._ready()} != set(WEIGHTS):
            assert time.monotonic() < deadline, f"not up again: {self._product.living()}"
            time.sleep(0.02)

    def _ready(self) -> list[Living]:
        return [one for one in self._product.living() if one.ready]

    def _victim(self, number: int) -> Living:
        ready = [one for one in self._ready() if one.name != READER or number < READER_DIES_UNTIL]
        return self._chance.choices(ready, [WEIGHTS[one.name] for one in ready])[0]


@dataclass(frozen=True)
class Aftermath:
    """What the platforms saw, and what the product says became of the deliveries."""

    journal: list[audit.Entry]
    sent: list[audit.Mail]
    wanted: Collection[audit.Letter]
    processed: Collection[str]
    reports_lost: int
    strangers: Collection[str]
    unknown: int
    cut_off: int
    spoilt: int

    @classmethod
    def read(cls, platforms: Platforms, product: Product) -> Aftermath:
        journal = platforms.store("log")["entries"]
        record = platforms.provider("log?bodies=0")["entries"]
        inbox = product.rows("SELECT source, external_id, state FROM inbox")
        processed = {source: {key for s, key, state in inbox if s == source and state == "done"} for source in SOURCES}
        reported = sum(entry["kind"] == "webhook" and entry["outcome"] == "ok" for entry in record)
        return cls(
            journal=journal,
            sent=audit.mails(record),
            wanted=wanted(platforms),
            processed=processed["shopify"],
            reports_lost=max(0, reported - len(processed["brevo"])),
            strangers=strangers(platforms),
            unknown=product.rows("SELECT count(*) FROM outbox WHERE state = 'unknown'")[0][0],
            cut_off=product.rows("SELECT count(*) FROM trail WHERE detail->>'reason' = 'cut_off'")[0][0],
            spoilt=sum(entry["kind"] == "request" and bool(entry.get("fault")) for entry in record),
        )

    def problems(self) -> list[str]:
        """Everything that must not be, one sentence each."""
        said = audit.lost(self.journal, self.processed)
        said += audit.duplicates(self.sent)
        said += audit.missing(self.sent, self.wanted)
        said += [f"{address} is no contact" for address in self.strangers]
        if self.reports_lost:
            said.append(f"{self.reports_lost} reports of the provider are lost")
        if self.unknown:
            said.append(f"{self.unknown} emails are in doubt")
        return said


SOURCES = ("shopify", "brevo")


def reasons(product: Product, sent: Collection[audit.Mail], wanted: Collection[audit.Letter]) -> list[str]:
    """What the product's trail says of everybody who is missing an email: for whoever reads a failure."""
    told = []
    for account, to, flow, _ in sorted(set(wanted) - {mail.letter for mail in sent}):
        person = f"persons.email = '{to}' AND '{account}' = 'key-of-' || shops.domain"
        told += product.rows(
            "SELECT shops.domain, persons.email, trail.flow, trail.step, trail.at, trail.code, trail.detail FROM trail"
            " JOIN persons ON persons.shop_id = trail.shop_id AND persons.id = trail.person_id"
            f" JOIN shops ON shops.id = trail.shop_id WHERE {person} AND trail.flow = '{flow}' ORDER BY trail.id"
        )
        told += product.rows(
            "SELECT shops.domain, persons.email, checkouts.token, checkouts.completed_at, checkouts.source_updated_at,"
            " consents.state FROM persons JOIN shops ON shops.id = persons.shop_id LEFT JOIN checkouts ON"
            " checkouts.shop_id = persons.shop_id AND checkouts.person_id = persons.id LEFT JOIN consents ON"
            f" consents.shop_id = persons.shop_id AND consents.person_id = persons.id WHERE {person}"
        )
    return [str(line) for line in told]


def wanted(platforms: Platforms) -> set[audit.Letter]:
    """The emails that must have arrived: a welcome for who subscribed, a reminder of each checkout left alone.

    Who bought is left out: whether the email left before the order is a matter of moments.
    """
    letters = set()
    for shop, state in platforms.store("state")["shops"].items():
        account = account_of(shop)
        for customer in state["customers"]:
            if customer["consent"] == "subscribed" and not customer["orders"]:
                letters.add((account, customer["email"], "welcome", "hello"))
        for checkout in state["checkouts"]:
            if checkout["completed_at"] is None and checkout["last_edit_at"] < platforms.now - HOUR:
                letters.add((account, checkout["email"], "cart-recovery", "reminder"))
    return letters


def strangers(platforms: Platforms) -> list[str]:
    """Customers of the store whom the provider does not know."""
    accounts = platforms.provider("state")["accounts"]
    unknown = []
    for shop, state in platforms.store("state")["shops"].items():
        known = {contact["email"] for contact in accounts[account_of(shop)]["contacts"]}
        unknown += [f"{c['email']} of {shop}" for c in state["customers"] if c["email"] not in known]
    return unknown


# --- control: what a sender does that takes no answer for a refusal


def send_naively(url: str, key: str, addresses: list[str]) -> None:
    """Each address gets one email; what brings no answer, or a 5xx, is simply sent again."""
    with httpx.Client(headers={"api-key": key}, timeout=1.0) as client:
        for address in addresses:
            body = {
                "sender": {"email": f"hello@{IGNORES}"},
                "to": [{"email": address}],
                "subject": "Hello",
                "textContent": "Hello",
                "tags": ["welcome", "hello"],
                "headers": {"X-Mailin-custom": address, "idempotencyKey": address},
            }
            for _ in range(10):
                try:
                    if client.post(f"{url}/v3/smtp/email", json=body).status_code < 500:
                        break
                except httpx.HTTPError:
                    continue


def test_control_a_sender_that_does_not_ask_mails_people_twice(folder: Path) -> None:
    addresses = [f"person{number}@example.com" for number in range(60)]
    with Platforms(folder, [IGNORES]) as platforms:
        platforms.provider("settings", {"honour_idempotency": False})
        spoil(platforms, seed=1)
        send_naively(platforms.provider_url, account_of(IGNORES), addresses)
        sent = audit.mails(platforms.provider("log")["entries"])
    assert len(audit.duplicates(sent)) >= 4
