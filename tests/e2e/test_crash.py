"""The product as ``connector up`` runs it, hurt by kill -9: every one of its processes, its supervisor's children of
children, and its own PostgreSQL and Redis, while the provider fails. What many kills come to is in ``test_chaos.py``.

What came of it is read from the logs of the simulated platforms; the product is asked only what became of each
delivery.
"""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from random import Random

import httpx
import pytest

from tests.e2e import audit, faults
from tests.e2e.aftermath import Aftermath
from tests.e2e.crashable import SHORT
from tests.e2e.nursery import NAMES
from tests.e2e.platforms import Platforms, account_of
from tests.e2e.product import QUICK_RESTARTS, Product, open_folder
from tests.e2e.trade import HOUR, Trade

HONOURS, IGNORES = "honours.myshopify.com", "ignores.myshopify.com"
# "web worker" is the process that the web server itself started.
PROCESSES = (*NAMES, "web worker")
STEP = 2 * HOUR
# Real seconds after the work was given in which a kill falls: from its first step until well after its last.
WITHIN = 0.6


@pytest.fixture
def folder() -> Iterator[Path]:
    with open_folder("crash") as made:
        yield made


@pytest.mark.long
@pytest.mark.timeout(240)
def test_every_process_and_both_servers_may_die_and_come_back(folder: Path) -> None:
    seed, shops = 20261121, (HONOURS, IGNORES)
    chance = Random(seed)
    with Platforms(folder, shops) as platforms:
        platforms.provider("settings", {"account": account_of(IGNORES), "honour_idempotency": False})
        platforms.provider("settings", {"delivery_seconds": 0})
        with Product(folder / "product", {**SHORT, **platforms.settings}, QUICK_RESTARTS) as product:
            for shop in shops:
                product.connect(shop, token=platforms.tokens[shop], brevo_key=account_of(shop))
            faults.spoil(platforms, seed)
            trade = Trade(platforms, dict.fromkeys(shops, 3), chance)
            for victim in (*PROCESSES, "postgres", "redis"):
                wait_until_whole(product)
                platforms.pass_time(STEP)
                trade.come_in()
                trade.buy(1)
                time.sleep(WITHIN * chance.random())
                os.kill(product.pid_of(victim), signal.SIGKILL)
            faults.end(platforms)
            wait_until_whole(product)
            for _ in range(3):
                # What the gate put off is due by then.
                product.wait_until_idle(60, told=True)
                platforms.pass_time(STEP)
            product.wait_until_idle(60, told=True)
            found = Aftermath.read(platforms, product.rows, within=2 * STEP)
            said = found.problems()
            print(f"seed {seed}: {len(found.sent)} emails, {found.spoilt:.0%} of calls spoilt, {dict(found.reasons)}")
            assert said == [], "\n".join([f"seed {seed}", *said, product.log[-3000:]])
    assert len(found.sent) > 50


def wait_until_whole(product: Product) -> None:
    deadline = time.monotonic() + 60
    while not {*PROCESSES, "postgres", "redis"} <= {one.name for one in product.living() if one.ready}:
        assert time.monotonic() < deadline, f"not up again: {product.living()}"
        time.sleep(0.02)


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


@pytest.mark.long
def test_control_a_sender_that_does_not_ask_mails_people_twice(folder: Path) -> None:
    addresses = [f"person{number}@example.com" for number in range(60)]
    with Platforms(folder, [IGNORES]) as platforms:
        platforms.provider("settings", {"honour_idempotency": False})
        faults.spoil(platforms, seed=1)
        send_naively(platforms.provider_url, account_of(IGNORES), addresses)
        sent = audit.mails(platforms.provider("log")["entries"])
    assert len(audit.duplicates(sent)) >= 4
