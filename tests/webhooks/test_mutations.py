"""Mutated deliveries of every topic: each is answered and stored, each gets its verdict, none is tried for ever.

What cannot be read is poison, what has another shape is quarantined, what belongs elsewhere is ignored, and the rest is
applied. A delivery that makes a topic fail is a fault of ours: it shows up as poison with the name of an exception.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from random import Random
from typing import Any

import orjson
import pytest
from sqlalchemy import update
from werkzeug.test import Client
from werkzeug.wrappers import Response

from connector.models.event import events
from connector.models.inbox import inbox
from connector.models.person import persons
from connector.models.shop import shops as shops_table
from sync import orders as order_projection
from tests.engine.installation import START, ConnectedShop, installation
from tests.engine.payloads import customer
from tests.intake.senders import SECRET, Counted, shopify_headers
from tests.sandbox.store_process import OTHER_SHOP, SHOP
from tests.webhooks.mutations import mutated
from tests.webhooks.test_brevo_samples import SAMPLES
from tests.webhooks.test_topics import OWN, sample
from webhooks import brevo_entries, intake
from webhooks.bodies import LARGEST_BODY
from webhooks.ringer import Ringer
from webhooks.topics import TOPICS, brevo_payload
from webhooks.verify import token_digest
from webhooks.writer import Writer

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
def counted() -> Counted:
    return Counted()


@pytest.fixture
def door(shop: ConnectedShop, counted: Counted) -> Iterator[Client]:
    """The intake, as WSGI."""
    ringer = Ringer(lambda kind, shop_id: True, Counted())
    ringer.start()
    settings = shop.deps.settings
    writer = Writer(settings.database_url, settings.intake_timeout_seconds, Counted())
    writer.start()
    built = intake.build(
        settings,
        topics=TOPICS,
        decrypt=lambda shop_id, token: token,
        writer=writer,
        ringer=ringer,
        counts=counted,
        rest=Response("somewhere else", status=404),
    )
    yield Client(built)
    built.stop()


def send(door: Client, count: int, seed: int, topics: Sequence[str] = LIVING) -> int:
    """Send so many mutated deliveries, the topics in turn; returns how many of them were not too large."""
    chance, large = Random(seed), 0
    samples = {topic: sample(topic) for topic in topics}
    for number in range(count):
        topic = topics[number % len(topics)]
        body = mutated(samples[topic], chance)
        headers = shopify_headers(body, topic=topic, domain=SHOP, webhook_id=f"{seed}-{topic}-{number}")
        answer = door.post("/webhooks/shopify", data=body, headers=headers)
        is_large = len(body) > LARGEST_BODY
        assert answer.status_code == (413 if is_large else 200), (topic, answer.status_code, body[:2_000])
        large += is_large
    return count - large


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
def test_mutated_deliveries(shop: ConnectedShop, door: Client) -> None:
    check(shop, door, 120, seed=1)


@pytest.mark.contract
@pytest.mark.long
@pytest.mark.parametrize("seed", range(2, 12))
def test_ten_thousand_mutated_deliveries(shop: ConnectedShop, door: Client, seed: int) -> None:
    check(shop, door, 1_000, seed=seed)


@pytest.mark.contract
@pytest.mark.long
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
    sent = send(door, 150, seed=1)
    assert sum(settle(shop).values()) == sent
    assert {reason.partition(":")[0] for _, reason, _ in ours(shop)} == {"AttributeError"}


# --- Brevo

BREVO = {str(path.relative_to(SAMPLES)): path for path in sorted(SAMPLES.rglob("*.json"))}
# Words and fields of one family in the objects of another, and values that only this platform has.
STRAY: tuple[dict[str, Any], ...] = (
    {"event": "unsubscribed"}, {"event": "contact_updated"}, {"event": "teleported"}, {"event": None}, {"event": [1]},
    {"msg_status": "replied"}, {"msg_status": 7}, {"contactNumber": 4915112345678, "event": "reply", "body": "STOP"},
    {"camp_id": None}, {"content": [{"emailBlacklisted": True}]}, {"content": {"emailBlacklisted": "no"}},
    {"list_id": "34"}, {"ts_epoch": 1e308}, {"ts_epoch": -5}, {"ts": "soon"}, {"message-id": "<>"},
    {"message-id": "x" * 9_000}, {"tag": ["a", 7]}, {"tag": "[broken"}, {"reason": {"code": 5}},
    {"reason": "x" * 50_000}, {"loyalty_program": 1}, {"event_id": ""}, {"identifiers": [1]}, {"to": True},
    {"to": "00"}, {"email": "not an address"}, {"email": ["ann@example.com"]}, {"api_key_name": {"a": 1}},
)  # fmt: skip


def brevo_bodies(count: int, seed: int) -> Iterator[bytes]:
    """Mutated samples, every tenth in a batch with others."""
    chance = Random(seed)
    samples = [path.read_bytes() for path in BREVO.values()]
    for number in range(count):
        body = orjson.loads(samples[number % len(samples)])
        for one in body if isinstance(body, list) else [body]:
            if chance.random() < 0.4:
                one.update(chance.choice(STRAY))
        raw = mutated(orjson.dumps(body), chance)
        yield raw if number % 10 else b"[" + raw + b"," + chance.choice(samples) + b"]"


def give_token(shop: ConnectedShop) -> None:
    with shop.deps.engine.begin() as connection:
        connection.execute(
            update(shops_table).where(shops_table.c.id == shop.id).values(brevo_webhook_digest=token_digest("secret"))
        )


def check_brevo(shop: ConnectedShop, door: Client, counted: Counted, count: int, seed: int) -> None:
    give_token(shop)
    for customer_id, email in enumerate(("example@gmail.com", "example@domain.com"), start=1):
        shop.deliver("customers/create", customer(customer_id, email, START, phone="+918076001713"))
    bodies = list(brevo_bodies(count, seed))
    for body in bodies:
        answer = door.post(f"/webhooks/brevo/{shop.id}/secret", data=body)
        assert answer.status_code == (200 if len(body) <= LARGEST_BODY else 413), (answer.status_code, body[:2_000])
    sent = [body for body in bodies if len(body) <= LARGEST_BODY]
    assert counted.outcomes.count(("brevo", "too_large")) == count - len(sent), "what is not stored is counted"
    settle(shop)
    rows = shop.rows(inbox, source="brevo")
    identities = {brevo_entries.identity(brevo_entries.objects(body), body) for body in sent}
    assert {row.external_id for row in rows} == identities, "each is stored, what names the same event once"
    assert {row.state for row in rows} <= {"done", "poison", "quarantined"}, "none is ignored"
    assert all(row.reason for row in rows if row.state != "done") and ours(shop) == []
    # Every object that could be read has left its fact, or a verdict that names it.
    told = {row.name for row in shop.rows(events, source="brevo")}
    assert {"message_other", "message_delivered", "message_bounced", "loyalty_reported", "push_reported"} <= told
    shop.installation.settle("flows")


@pytest.mark.contract
def test_mutated_deliveries_of_brevo(shop: ConnectedShop, door: Client, counted: Counted) -> None:
    check_brevo(shop, door, counted, 150, seed=1)


@pytest.mark.contract
@pytest.mark.long
@pytest.mark.parametrize("seed", range(2, 12))
def test_ten_thousand_mutated_deliveries_of_brevo(
    shop: ConnectedShop, door: Client, counted: Counted, seed: int
) -> None:
    check_brevo(shop, door, counted, 1_000, seed=seed)


@pytest.mark.contract
@pytest.mark.long
def test_a_report_that_fails_on_odd_input_shows_up(
    shop: ConnectedShop, door: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The control: a reading of times that takes for granted what Brevo may leave out."""
    monkeypatch.setattr(brevo_payload, "moment", lambda values, _: datetime.fromtimestamp(next(iter(values)), UTC))
    give_token(shop)
    for body in brevo_bodies(100, seed=1):
        door.post(f"/webhooks/brevo/{shop.id}/secret", data=body)
    settle(shop)
    assert ours(shop)
