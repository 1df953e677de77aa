"""Mutated deliveries of every topic: each is answered and stored, each gets its verdict, none is tried for ever.

What cannot be read is poison, what has another shape is quarantined, what belongs elsewhere is ignored, and the rest is
applied. A delivery that makes a topic fail is a fault of ours: it shows up as poison with the name of an exception.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from random import Random
from typing import Any

import pytest
from werkzeug.test import Client
from werkzeug.wrappers import Response

from connector.models.inbox import inbox
from connector.models.person import persons
from sync import orders as order_projection
from tests.engine.installation import START, ConnectedShop, installation
from tests.engine.payloads import customer
from tests.intake.senders import SECRET, Counted, shopify_headers
from tests.sandbox.store_process import OTHER_SHOP, SHOP
from tests.webhooks.mutations import mutated
from tests.webhooks.test_topics import OWN, sample
from webhooks import intake
from webhooks.ringer import Ringer
from webhooks.topics import TOPICS

# The faults of a delivery itself; anything else is ours.
UNREADABLE = ("no JSON", "contains NUL", "not a JSON object")
LONGEST_RETRY = 601
# However mutated, they end the shop: they come last.
LAST = ("app/uninstalled", "shop/redact")
LIVING = [topic for topic in OWN if topic not in LAST]


@pytest.fixture
def shop(database_url: str, redis_url: str, tmp_path: Path) -> Iterator[ConnectedShop]:
    with installation(database_url, redis_url, tmp_path, shopify_api_secret=SECRET) as made:
        shop = made.connect()
        made.connect(OTHER_SHOP, flows=[])
        yield shop


@pytest.fixture
def door(shop: ConnectedShop) -> Iterator[Client]:
    """The intake, as WSGI."""
    ringer = Ringer(lambda kind, shop_id: True, Counted())
    ringer.start()
    built = intake.build(
        shop.deps.settings,
        topics=TOPICS,
        decrypt=lambda shop_id, token: token,
        ringer=ringer,
        counts=Counted(),
        rest=Response("somewhere else", status=404),
    )
    yield Client(built)
    built.stop()


def send(door: Client, count: int, seed: int, topics: Sequence[str] = LIVING) -> int:
    """Send so many mutated deliveries, the topics in turn; returns how many there were."""
    chance = Random(seed)
    samples = {topic: sample(topic) for topic in topics}
    for number in range(count):
        topic = topics[number % len(topics)]
        body = mutated(samples[topic], chance)
        headers = shopify_headers(body, topic=topic, domain=SHOP, webhook_id=f"{seed}-{topic}-{number}")
        answer = door.post("/webhooks/shopify", data=body, headers=headers)
        assert answer.status_code == 200, (topic, answer.status_code, body[:2_000])
    return count


def settle(shop: ConnectedShop) -> Counter[str]:
    """Apply everything, with the time that retries want; how many rows reached which state."""
    for _ in range(8):
        shop.installation.settle("intake")
        states = Counter(row.state for row in shop.rows(inbox))
        if not states["retry"]:
            return states
        shop.installation.skip(LONGEST_RETRY)
    raise AssertionError("something is tried for ever")


def ours(shop: ConnectedShop) -> list[tuple[str, str, bytes]]:
    """Deliveries on which we failed: topic, reason and body."""
    return [
        (row.topic, row.reason, bytes(row.raw)[:2_000])
        for row in shop.rows(inbox, state="poison")
        if not row.reason.startswith(UNREADABLE)
    ]


def check(shop: ConnectedShop, door: Client, count: int, seed: int) -> None:
    sent = send(door, count, seed)
    states = settle(shop)
    assert sum(states.values()) == sent, "each is stored"
    assert set(states) == {"done", "ignored", "poison", "quarantined"}, "each verdict is met"
    assert ours(shop) == []
    assert all(row.reason for row in shop.rows(inbox) if row.state != "done")
    # What was applied can be decided about, and the shop is as good as before.
    shop.installation.settle("flows")
    shop.deliver("customers/create", customer(99, "after@example.com", START))
    shop.installation.settle("intake")
    assert "after@example.com" in {row.email for row in shop.rows(persons)}
    settled = sum(Counter(row.state for row in shop.rows(inbox)).values())
    ended = send(door, count // 25, seed, LAST)
    assert sum(settle(shop).values()) == settled + ended
    assert ours(shop) == []


@pytest.mark.contract
def test_a_thousand_mutated_deliveries(shop: ConnectedShop, door: Client) -> None:
    check(shop, door, 1_000, seed=1)


@pytest.mark.contract
@pytest.mark.long
@pytest.mark.parametrize("seed", range(2, 12))
def test_ten_thousand_mutated_deliveries(shop: ConnectedShop, door: Client, seed: int) -> None:
    check(shop, door, 1_000, seed=seed)


@pytest.mark.contract
def test_a_topic_that_fails_on_odd_input_shows_up(
    shop: ConnectedShop, door: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The control: a projection that takes for granted what a payload may leave out."""
    whole = order_projection.project

    def careless(scope: Any, payload: Any, items: Any, **more: Any) -> None:
        whole(scope, payload, items, **more)
        for name in ("created_at", "updated_at", "cancelled_at"):
            payload[name].isoformat()

    monkeypatch.setattr(order_projection, "project", careless)
    send(door, 300, seed=1)
    assert sum(settle(shop).values()) == 300
    assert {reason.partition(":")[0] for _, reason, _ in ours(shop)} == {"AttributeError"}
