"""Big worlds: what a shop's past holds, that it repeats, how it is counted, and what the app may see of it."""

from __future__ import annotations

import hashlib
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from sandbox.store.census import census
from sandbox.store.past import Past, add_past, past_of
from sandbox.store.settings import ShopSettings
from sandbox.store.shop import Shop
from tests.sandbox.store_process import SHOP, START, Receiver, StoreProcess

YEAR = 365 * 86_400.0
WANTED = {"customers": 400, "orders": 1000, "products": 100, "collections": 8, "abandoned_checkouts": 20}


def shop_with(seed: int) -> Shop:
    shop = Shop(ShopSettings(SHOP, "token"), 1, 7, "http://127.0.0.1:9/a", START)
    add_past(shop, Past(START - YEAR, START, **WANTED, seed=seed))
    return shop


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[StoreProcess]:
    with StoreProcess(tmp_path_factory.mktemp("store")) as running:
        running.post("populate", **WANTED, seed=3)
        yield running


def test_the_same_seed_makes_the_same_past_and_another_one_another() -> None:
    first, again, other = (census(shop_with(seed), START) for seed in (1, 1, 2))
    assert first == again
    assert {kind for kind in first if first[kind]["digest"] != other[kind]["digest"]} >= {"customers", "orders"}
    assert {kind: first[kind]["count"] for kind in WANTED} == WANTED | {"products": 100 + 16}


def test_a_past_has_all_sorts_of_people_and_orders() -> None:
    shop = shop_with(1)
    people, sales = list(shop.customers.values()), list(shop.orders.values())
    assert {one.consent.state for one in people} == {"subscribed", "unsubscribed", "pending", "not_subscribed"}
    assert {one.sms_consent.state for one in people} == {"subscribed", "unsubscribed", "not_subscribed"}
    for has in (lambda p: p.phone, lambda p: p.tags, lambda p: p.metafields, lambda p: p.note, lambda p: not p.email):
        assert 0 < sum(bool(has(one)) for one in people) < len(people) / 2
    addresses = [one.email.lower() for one in people if one.email]
    phones = [one.phone for one in people if one.phone]
    assert len(set(addresses)) == len(addresses)
    assert len(set(phones)) == len(phones)
    assert {len(one.lines) for one in sales} == {1, 2, 3, 4}
    assert {len(one.variants) for one in shop.products.values()} == {1, 2, 3}
    assert {one.status for one in shop.products.values()} == {"active", "draft", "archived"}
    assert len({one.presentment_currency for one in sales}) > 3
    assert Counter(one.financial_status for one in sales).keys() == {
        "paid", "pending", "refunded", "partially_refunded"
    }  # fmt: skip
    assert all(one.customer.created_at <= one.created_at <= one.updated_at <= START for one in sales)
    assert all(sale in sale.customer.orders for sale in sales)
    # Some buy far more often than others, and some never.
    bought = sorted(len(one.orders) for one in people)
    assert bought[0] == 0
    assert bought[-1] > 3 * sum(bought) / len(bought)


@pytest.mark.parametrize("wrong", [{"orders": 1, "people": 1}, {"from": 2.0, "to": 1.0}, {"orders": -1}])
def test_a_past_that_makes_no_sense_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"unknown names|ends after|at least"):
        past_of(wrong, START)


def test_nobody_is_told_of_a_past_and_the_census_agrees_with_the_api(store: StoreProcess) -> None:
    assert store.get("webhooks") == {"webhooks": []}
    found = store.get("census")
    for kind, root in (("customers", "customers"), ("orders", "orders"), ("products", "products")):
        told, after = {}, None
        while True:
            store.post("bucket", shop=SHOP, left=2000)
            query = f"""query($after: String) {{ {root}(first: 250, after: $after, sortKey: UPDATED_AT) {{
              nodes {{ id updatedAt }} pageInfo {{ hasNextPage endCursor }} }} }}"""
            page = store.data(query, after=after)[root]
            told |= {int(one["id"].rpartition("/")[2]): one["updatedAt"] for one in page["nodes"]}
            after = page["pageInfo"]["endCursor"]
            if not page["pageInfo"]["hasNextPage"]:
                break
        lines = "".join(f"{number} {moment}\n" for number, moment in sorted(told.items()))
        assert found[kind]["digest"] == hashlib.sha256(lines.encode()).hexdigest()
        assert found[kind]["count"] == len(told)
    assert found["collections"]["count"] == store.data("{ collectionsCount { count } }")["collectionsCount"]["count"]


def test_lists_are_searched_by_when_they_changed(store: StoreProcess) -> None:
    for kind in ("orders", "customers", "products", "collections"):
        records = store.get(f"census?kind={kind}")["records"]
        border = sorted(records.values())[len(records) * 9 // 10]
        store.post("bucket", shop=SHOP, left=2000)
        query = f"""{{ {kind}(first: 250, query: "updated_at:>='{border}'", sortKey: UPDATED_AT) {{
          nodes {{ id updatedAt }} }} {kind}Count(query: "updated_at:>='{border}'") {{ count }} }}"""
        answer = store.data(query)
        found = [(one["updatedAt"], int(one["id"].rpartition("/")[2])) for one in answer[kind]["nodes"]]
        expected = [(moment, int(number)) for number, moment in records.items() if moment >= border]
        assert found == sorted(expected)
        assert answer[f"{kind}Count"]["count"] == len(expected)


def test_without_read_all_orders_only_the_last_sixty_days_are_seen(store: StoreProcess) -> None:
    count = "{ ordersCount { count } orders(first: 1, sortKey: CREATED_AT) { nodes { id createdAt } } }"
    everything = store.data(count)
    oldest = everything["orders"]["nodes"][0]["id"]
    store.post("scopes", shop=SHOP, scopes=["read_orders", "read_customers", "read_products"])
    seen = store.data(count)
    limited = store.data("{ ordersCount(limit: 7) { count precision } }")["ordersCount"]
    hidden = store.data("query($id: ID!) { order(id: $id) { id } nodes(ids: [$id]) { id } }", id=oldest)
    store.post("scopes", shop=SHOP, scopes=["read_orders", "read_all_orders", "read_customers", "read_products"])
    assert everything["ordersCount"]["count"] == 1000
    assert 0 < seen["ordersCount"]["count"] < 200
    assert seen["orders"]["nodes"][0]["createdAt"] > "2026-07-22"
    assert limited == {"count": 7, "precision": "AT_LEAST"}
    assert hidden == {"order": None, "nodes": [None]}


def test_abandoned_checkouts_need_the_permission_of_a_user(store: StoreProcess) -> None:
    query = '{ abandonedCheckouts(first: 5, query: "recovery_state:not_recovered") { nodes { id } } }'
    assert len(store.data(query)["abandonedCheckouts"]["nodes"]) == 5
    store.post("permissions", shop=SHOP, manage_abandoned_checkouts=False)
    refused = store.query(query).json()
    store.post("permissions", shop=SHOP, manage_abandoned_checkouts=True)
    assert refused["errors"][0]["extensions"]["code"] == "ACCESS_DENIED"
    assert "manage_abandoned_checkouts" in refused["errors"][0]["message"]


def test_records_go_quietly_or_not(store: StoreProcess) -> None:
    kinds = {"orders": 3, "customers": 1, "products": 2, "collections": 1, "checkouts": 2}
    before = store.get("census")
    with Receiver() as receiver:
        store.post("subscribe", uri=receiver.url)
        gone = {kind: store.post("delete", kind=kind, count=count)["deleted"] for kind, count in kinds.items()}
        assert {kind: len(ids) for kind, ids in gone.items()} == kinds
        assert receiver.received == []
        [told] = store.post("delete", kind="orders", count=1, seed=2, told=True)["deleted"]
        store.settle()
        assert [one.json["id"] for one in receiver.received if one.topic == "orders/delete"] == [told]
        store.post("unsubscribe")
    after = store.get("census")
    assert after["orders"]["count"] == before["orders"]["count"] - 4
    assert after["abandoned_checkouts"]["count"] == before["abandoned_checkouts"]["count"] - 2
    assert str(gone["products"][0]) not in store.get("census?kind=products")["records"]
    answer = store.session.post(f"{store.url}/_control/delete", json={"kind": "orders", "ids": [told]}, timeout=10)
    assert answer.status_code == 400


@pytest.mark.long
def test_a_very_big_past_is_there_soon_and_fits(tmp_path: Path) -> None:
    """A hundred thousand customers, with their goods and orders: seconds, and some hundreds of megabytes."""
    with StoreProcess(tmp_path) as store:
        began = time.monotonic()
        answer = store.session.post(
            f"{store.url}/_control/populate",
            json={"customers": 100_000, "orders": 250_000, "products": 20_000, "collections": 200},
            timeout=120,
        )
        assert answer.status_code == 200
        assert time.monotonic() - began < 30
        status = Path(f"/proc/{store.pid}/status")
        if status.exists():
            peak = next(line for line in status.read_text().splitlines() if line.startswith("VmHWM"))
            assert int(peak.split()[1]) < 600 * 1024
        assert store.data("{ ordersCount(limit: null) { count } }")["ordersCount"]["count"] == 250_000
