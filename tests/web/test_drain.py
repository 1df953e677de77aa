"""How long what waits for Brevo's limits will take is the arithmetic of the limits, learned ones included."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from math import ceil
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import insert, update

from connector.app import create_app
from connector.db.session import transaction
from connector.models.shop import shops
from connector.models.sync import feed, sync_state
from tests.engine.installation import ConnectedShop, installation
from tests.sandbox.store_process import OTHER_SHOP

# The general plan's 10 calls a second, of which we use 80 %. They are counted in windows of 17 slots of 1/16 s; four or
# fewer calls, which cost less to count, in 61 of 1/60 s.
OURS, FEW = 8, 4
WINDOW, FINE_WINDOW = 17 / 16, 61 / 60


@pytest.fixture
def shop(database_url: str, redis_url: str, tmp_path: Path) -> Iterator[ConnectedShop]:
    with installation(database_url, redis_url, tmp_path) as made:
        connected = made.connect(flows=[])
        connected.set(plan="general")
        yield connected


def wait(shop: ConnectedShop, *, contacts: int = 0, orders: int = 0, events: int = 0, later: float = 0.0) -> None:
    due = {"due_real": shop.deps.clock.machine() + timedelta(seconds=later), "attempts": 0, "shop_id": shop.id}
    record = {"wanted_version": 1, "sent_version": 0, "state": "due", **due}
    rows = [{"entity": "contact", "entity_id": n, **record} for n in range(contacts)]
    rows += [{"entity": "order", "entity_id": n, **record} for n in range(orders)]
    told: list[dict[str, Any]] = [
        {"person_id": n, "event_id": f"11111111-1111-1111-1111-{n:012}", "name": "n", "body": {}, "state": "due", **due}
        for n in range(events)
    ]
    with transaction(shop.deps.engine) as connection:
        if rows:
            connection.execute(insert(sync_state), rows)
        if told:
            connection.execute(insert(feed), told)


def draining(shop: ConnectedShop) -> dict[tuple[int, str], tuple[int, float]]:
    deps = shop.deps
    client = create_app(deps.settings, deps.engine, deps.redis, account_of=deps.brevo).test_client()
    told = client.get("/healthz").get_json()["draining"]
    return {(one["shop"], one["bucket"]): (one["calls"], one["seconds"]) for one in told}


def windows(calls: int, ours: int = OURS) -> Any:
    """The first window's worth goes at once, each further one a window later. Told in milliseconds."""
    return pytest.approx((ceil(calls / ours) - 1) * (FINE_WINDOW if ours <= FEW else WINDOW), abs=0.001)


def test_a_backlog_takes_as_long_as_the_limit_says(shop: ConnectedShop) -> None:
    wait(shop, contacts=1920, orders=40, events=9, later=0.5)
    assert draining(shop) == {
        (shop.id, "contacts"): (1920, windows(1920)),
        (shop.id, "orders"): (40, windows(40, 4)),
        (shop.id, "events"): (9, windows(9)),
    }
    # The same in plain words: 40 a second for a minute leave 1920 behind, which take four minutes at 8 a second.
    assert draining(shop)[shop.id, "contacts"][1] == pytest.approx(1920 / 8, rel=0.07)


def test_another_plan_and_what_answers_have_told_count(shop: ConnectedShop) -> None:
    wait(shop, contacts=480)
    shop.set(plan="advanced")
    assert draining(shop)[shop.id, "contacts"][1] == windows(480, 16)
    account = shop.deps.brevo(shop.shop)
    headers = {"x-sib-ratelimit-limit": "5", "x-sib-ratelimit-remaining": "4", "x-sib-ratelimit-reset": "1"}
    for _ in range(3):
        shop.deps.limiter.observe(account.identity, "contacts", 200, headers, tier="advanced")
    assert draining(shop)[shop.id, "contacts"][1] == windows(480, 4)


def test_shops_with_one_account_wait_for_each_other(shop: ConnectedShop) -> None:
    other = shop.installation.connect(OTHER_SHOP, flows=[])
    other.set(plan="general")
    wait(shop, contacts=80)
    wait(other, contacts=40)
    # Without a provider both were connected with the same key.
    together = windows(120)
    assert draining(shop) == {(shop.id, "contacts"): (80, together), (other.id, "contacts"): (40, together)}
    sealed = shop.deps.secrets.encrypt(other.id, "brevo_key", "a key of its own")
    with transaction(shop.deps.engine) as connection:
        connection.execute(update(shops).where(shops.c.id == other.id).values(brevo_key=sealed))
    assert draining(shop)[other.id, "contacts"] == (40, windows(40))


def test_a_key_that_cannot_be_opened_costs_the_others_nothing(shop: ConnectedShop) -> None:
    other = shop.installation.connect(OTHER_SHOP, flows=[])
    wait(shop, contacts=20)
    wait(other, contacts=20)
    with transaction(shop.deps.engine) as connection:
        connection.execute(update(shops).where(shops.c.id == other.id).values(brevo_key="broken"))
    assert set(draining(shop)) == {(shop.id, "contacts")}
