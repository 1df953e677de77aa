"""The plan of shoppers: repeatable, on its grid, in the shares it promises; and how a clock plays it."""

from __future__ import annotations

import re
import time
from collections import Counter
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sandbox.store.settings import WorldSettings, from_document, from_domains
from sandbox.store.shoppers import GRID_SECONDS, Planned, next_slot, plan
from tests.sandbox.store_process import OTHER_SHOP, SHOP, START, Receiver, StoreProcess

PARIS = ZoneInfo("Europe/Paris")


def world(seed: int = 7, shoppers: int = 300, days: int = 30) -> WorldSettings:
    return from_domains([SHOP, OTHER_SHOP], seed=seed, shoppers=shoppers, days=days)


@pytest.fixture(scope="module")
def planned() -> list[Planned]:
    return plan(world(), START)


def test_the_same_seed_gives_the_same_plan_and_another_does_not(planned: list[Planned]) -> None:
    assert plan(world(), START) == planned
    assert plan(world(seed=8), START) != planned


def test_actions_lie_on_the_grid_inside_two_windows_and_the_days(planned: list[Planned]) -> None:
    for one in planned:
        local = datetime.fromtimestamp(one.at, PARIS)
        assert local.timestamp() % GRID_SECONDS == 0
        minute = local.hour * 60 + local.minute
        assert 12 * 60 <= minute <= 14 * 60 or 18 * 60 <= minute <= 21 * 60
        assert START <= one.at < START + 30 * 86400
    assert [one.at for one in planned] == sorted(one.at for one in planned)


def test_the_shares_of_shoppers_are_about_as_stated(planned: list[Planned]) -> None:
    started: dict[str, float] = {}
    completed: dict[str, float] = {}
    last: dict[str, float] = {}
    for one in planned:
        label = one.arguments.get("label") or one.arguments.get("checkout")
        if one.action == "start_checkout":
            started[label] = last[label] = one.at
        elif one.action == "update_checkout":
            last[label] = one.at
        elif one.action == "complete_checkout":
            completed[label] = one.at
    left = {c for c in started if c not in completed or completed[c] - last[c] > 3600}
    recovered = left & completed.keys()
    shoppers = {label.rsplit("-", 1)[0] for label in left}
    subscribers = sum(bool(one.arguments.get("accepts_marketing")) for one in planned)
    assert 0.33 <= len(shoppers) / 300 <= 0.47
    assert 0.27 <= subscribers / 300 <= 0.40
    assert len(recovered) >= 20
    assert all(2 * 3600 <= completed[c] - last[c] <= 3 * 86400 for c in recovered)
    kinds = Counter(one.action for one in planned)
    assert kinds["cancel_order"] >= 3 and kinds["set_consent"] >= 3


def test_some_who_abandon_agree_to_texts_at_a_number_of_their_own(planned: list[Planned]) -> None:
    numbers = {one.arguments["email"]: one.arguments["phone"] for one in planned if "phone" in one.arguments}
    agreed = [one.arguments["email"] for one in planned if one.arguments.get("channel") == "sms"]
    assert sorted(agreed) == sorted(numbers) and len(set(numbers.values())) == len(numbers)
    assert 20 <= len(numbers) <= 70
    assert all(re.fullmatch(r"\+33639\d{6}|\+4917139\d{5}", number) for number in numbers.values())
    assert {number[:3] for number in numbers.values()} == {"+33", "+49"}


@given(st.integers(1_700_000_000, 1_900_000_000), st.sampled_from(["Europe/Paris", "America/New_York"]))
def test_the_next_slot_is_the_first_on_the_grid_not_before(after: int, zone: str) -> None:
    slot = next_slot(after, ZoneInfo(zone))
    assert slot >= after
    assert next_slot(slot, ZoneInfo(zone)) == slot
    earlier = slot - GRID_SECONDS
    if earlier >= after:
        assert next_slot(earlier, ZoneInfo(zone)) == slot
        local = datetime.fromtimestamp(earlier, ZoneInfo(zone))
        assert (local.hour, local.minute) in {(11, 50), (17, 50)}


def test_a_stepped_clock_plays_the_plan_and_the_log_accounts_for_it(tmp_path: Path) -> None:
    settings = {"shoppers": 40, "days": 4, "start": START}
    with Receiver() as receiver, StoreProcess(tmp_path, settings) as store:
        store.post("subscribe", uri=receiver.url)
        stops = 0
        while (upcoming := store.get("next")["at"]) is not None:
            store.step(upcoming)
            step = store.post("advance")
            assert step["actions"] >= 1
            assert step["acknowledged"] == step["webhooks"]
            stops += 1
        state, log = store.get("state"), store.get("log")["entries"]
        assert store.get("idle") == {"pending_deliveries": 0, "held": 0}
    assert [entry["seq"] for entry in log] == list(range(1, len(log) + 1))
    acknowledged = {
        entry["object_id"] for entry in log if entry["kind"] == "acknowledged" and entry["topic"] == "orders/create"
    }
    orders = [order for shop in state["shops"].values() for order in shop["orders"]]
    assert acknowledged == {f"order/{order['id']}" for order in orders} != set()
    checkouts = [cart for shop in state["shops"].values() for cart in shop["checkouts"]]
    assert {cart["token"] for cart in checkouts if cart["completed_at"]} == {
        order["checkout_token"] for order in orders
    }
    assert any(cart["recovered"] for cart in checkouts)
    assert not [entry for entry in log if entry["kind"] == "skipped"]
    assert len(receiver.received) == sum(entry["kind"] == "webhook" for entry in log)
    assert stops < 60


def test_two_runs_of_one_seed_differ_in_webhook_ids_only(tmp_path: Path) -> None:
    runs, settings = [], {"shoppers": 10, "days": 2, "start": START}
    for n in range(2):
        folder = tmp_path / str(n)
        folder.mkdir()
        with (
            Receiver() as receiver,
            StoreProcess(folder, settings, "--public-url", "http://store.example") as store,
        ):
            store.post("subscribe", uri=receiver.url, shops=[SHOP])
            store.step(START + 2 * 86400)
            assert store.post("advance")["unacknowledged"] == 0
            bodies = sorted((one.topic, one.body) for one in receiver.received)
            runs.append((bodies, {one.headers["x-shopify-webhook-id"] for one in receiver.received}))
    assert runs[0][0] == runs[1][0] != []
    assert not runs[0][1] & runs[1][1]


def test_a_playing_store_follows_the_clock_by_itself(tmp_path: Path) -> None:
    with StoreProcess(tmp_path, {"shoppers": 10, "days": 2, "start": START}, "--play") as store:
        assert store.get("next")["remaining"] == store.ready["actions"] > 10
        store.step(START + 2 * 86400)
        end = time.monotonic() + 10
        while store.get("next")["at"] is not None:
            assert time.monotonic() < end
        assert store.get("state")["shops"][SHOP]["customers"]


@pytest.mark.parametrize(
    ("document", "message"),
    [
        ({}, "at least one shop"),
        ({"shops": [{"domain": "a.example.com"}]}, "myshopify.com"),
        ({"shops": [{"domain": SHOP}, {"domain": SHOP}]}, "same domain"),
        ({"shops": [{"domain": SHOP, "colour": "red"}]}, "colour"),
    ],
)
def test_a_wrong_world_is_refused_by_name(document: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        from_document(document)
