"""T2: what becomes of each delivery, and that a bad one costs the others nothing."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any

import orjson
import pytest
from sqlalchemy import select

from connector.models.event import events
from connector.models.inbox import inbox
from connector.models.person import person_work, persons
from connector.models.store import checkouts, orders
from sync import orders as order_projection
from tests.engine.installation import START, ConnectedShop, installation
from tests.engine.payloads import BIG, checkout, customer, line, order
from tests.engine.shoppers import agree, buy, by_customer
from tests.sandbox.store_process import OTHER_SHOP, SHOP

ANN = "ann@example.com"
GOOD = orjson.dumps(order(BIG, ANN, START))


@pytest.fixture
def shop(database_url: str, redis_url: str, tmp_path: Path) -> Iterator[ConnectedShop]:
    with installation(database_url, redis_url, tmp_path) as made:
        yield made.connect(flows=[])


def verdicts(shop: ConnectedShop) -> list[tuple[str, str | None]]:
    shop.installation.settle("intake")
    return [(row.state, row.reason) for row in shop.rows(inbox)]


def with_fields(**fields: Any) -> bytes:
    return orjson.dumps({**order(BIG, ANN, START), **fields})


UNREADABLE = {
    "empty": b"",
    "truncated": GOOD[:-20],
    "UTF-16": GOOD.decode().encode("utf-16"),
    "latin-1": GOOD.replace(b"Enamel", "Émail".encode("latin-1")),
    "byte order mark": b"\xef\xbb\xbf" + GOOD,
    "NaN": GOOD.replace(b'"14.90"', b"NaN"),
    "Infinity": GOOD.replace(b'"14.90"', b"Infinity"),
    "1e999": GOOD.replace(b'"14.90"', b"1e999"),
    "5,000 digits": GOOD.replace(b'"14.90"', b"9" * 5000),
    "nesting": b"[" * 100_000,
    "nested objects": b'{"a":' * 1_100 + b"1" + b"}" * 1_100,
    "lone surrogate": GOOD.replace(b"Enamel", b"\\ud800"),
    "NUL": GOOD.replace(b"Enamel", b"a\x00b"),
    "escaped NUL": GOOD.replace(b"Enamel", b"a\\u0000b"),
    "top-level array": b"[1]",
    "top-level null": b"null",
    "top-level string": b'"order"',
}


def test_bytes_that_cannot_be_read_are_poison_and_cost_nobody_else_anything(shop: ConnectedShop) -> None:
    shop.deliver("orders/create", GOOD)
    for raw in UNREADABLE.values():
        shop.deliver("orders/create", raw)
    shop.deliver("orders/create", orjson.dumps(order(BIG + 1, ANN, START)))
    first, *bad, last = verdicts(shop)
    assert first == last == ("done", None)
    found = dict(zip(UNREADABLE, bad, strict=True))
    assert {name: state for name, (state, _) in found.items()} == dict.fromkeys(UNREADABLE, "poison")
    assert all(reason for _, reason in found.values())
    assert [row.id for row in shop.rows(orders)] == [BIG, BIG + 1]
    kept = [bytes(row.raw) for row in shop.rows(inbox)][1:-1]
    assert kept == list(UNREADABLE.values()), "byte for byte, for whoever looks into it"


WRONG: Mapping[str, tuple[bytes, str]] = {
    "no id": (with_fields(id=None), "id:"),
    "id as a float": (with_fields(id=1.5), "id:"),
    "id as text": (with_fields(id="9"), "id:"),
    "id below 1": (with_fields(id=0), "id:"),
    "id over 64 bit": (GOOD.replace(str(BIG).encode(), b"99999999999999999999999"), "id:"),
    "time without a zone": (with_fields(created_at="2026-11-02T09:00:00"), "created_at:"),
    "amount too large": (with_fields(total_price="1e999999"), "total_price:"),
    "amount too long": (with_fields(total_price="1" * 100_000), "total_price:"),
    "amount as a list": (with_fields(total_price=["14.90"]), "total_price:"),
    "too many items": (with_fields(line_items=[{}] * 20_001), "line_items:"),
    "a megabyte of title": (with_fields(line_items=[line("x" * 1_000_000)]), "line_items.0.title:"),
    "quantity as a float": (with_fields(line_items=[line() | {"quantity": 1.9}]), "line_items.0.quantity:"),
    "customer as text": (with_fields(customer="Ann"), "customer"),
}


def test_what_has_another_shape_is_quarantined_with_the_path(shop: ConnectedShop) -> None:
    for raw, _ in WRONG.values():
        shop.deliver("orders/create", raw)
    shop.deliver("orders/create", GOOD)
    *found, good = verdicts(shop)
    assert good == ("done", None)
    for (name, (_, path)), (state, reason) in zip(WRONG.items(), found, strict=True):
        assert state == "quarantined" and reason and reason.startswith(path), (name, state, reason)
        assert len(reason) <= 500
    assert [row.id for row in shop.rows(orders)] == [BIG]


def test_odd_but_readable_bodies_are_applied(shop: ConnectedShop) -> None:
    """The control of both: strictness refuses what cannot be kept, not what is merely unusual."""
    titles = ["<script>alert(1)</script>", "{{7*7}}", "=cmd()", "مزهرية ☕ \u202e", "x" * 2_000, ""]
    for number, title in enumerate(titles):
        shop.deliver("checkouts/create", checkout(f"tok-{number}", ANN, START, items=[line(title)]))
    repeated = orjson.dumps(checkout("twice", ANN, START)).replace(b'"token":"twice"', b'"token":"a","token":"twice"')
    shop.deliver("checkouts/create", repeated)
    shop.deliver("checkouts/create", checkout("many", ANN, START, items=[line()] * 10_000))
    shop.deliver("orders/create", with_fields(new_field={"of": "next year"}, customer={}))
    assert {state for state, _ in verdicts(shop)} == {"done"}
    kept = {row.token: row for row in shop.rows(checkouts)}
    assert [kept[f"tok-{number}"].items[0]["title"] for number in range(len(titles))] == titles
    assert len(kept["many"].items) == 10_000 and "twice" in kept


def test_what_is_of_no_concern_is_ignored_with_the_reason(shop: ConnectedShop) -> None:
    shop.installation.connect(OTHER_SHOP, flows=[])
    theirs = f"https://{OTHER_SHOP}/checkouts/tok/recover"
    shop.deliver("carts/dance", {"id": 1})
    shop.deliver("customers/update", {**customer(1, ANN, START), "myshopify_domain": OTHER_SHOP})
    shop.deliver("customers/update", {**customer(1, ANN, START), "shop_domain": "nobody.myshopify.com"})
    shop.deliver("checkouts/create", checkout("tok", ANN, START, abandoned_checkout_url=theirs))
    shop.deliver("customers/update", {**customer(1, ANN, START), "myshopify_domain": SHOP.upper()})
    shop.deliver("checkouts/create", checkout("own", ANN, START, abandoned_checkout_url="http://[oops"))
    assert verdicts(shop) == [
        ("ignored", "unknown_topic"),
        ("ignored", "names_another_shop"),
        ("ignored", "names_another_shop"),
        ("ignored", "names_another_shop"),
        ("done", None),
        ("done", None),
    ]
    assert [row.token for row in shop.rows(checkouts)] == ["own"]


@pytest.fixture
def fails_on_nine(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[int]]:
    """Applying order 9 fails at its very end, after everything of it was written; empty the list to cure it."""
    broken = [9]
    whole = order_projection.project

    def project(scope: Any, payload: Mapping[str, Any], items: Any) -> None:
        whole(scope, payload, items)
        if payload["id"] in broken:
            raise RuntimeError("not today")

    monkeypatch.setattr(order_projection, "project", project)
    yield broken


def test_an_unexpected_error_undoes_its_own_row_only_and_is_tried_again(
    shop: ConnectedShop, fails_on_nine: list[int]
) -> None:
    buy(shop, "one@example.com", 8)
    buy(shop, "two@example.com", 9)
    buy(shop, "three@example.com", 10)
    assert [state for state, _ in verdicts(shop)] == ["done", "retry", "done"]
    assert [row.id for row in shop.rows(orders)] == [8, 10]
    assert "two@example.com" not in [row.email for row in shop.rows(persons)]
    assert {row.subject for row in shop.rows(events)} == {"order:8", "order:10"}
    fails_on_nine.clear()
    assert verdicts(shop)[1][0] == "retry", "its time has not come"
    shop.installation.skip(2)
    assert verdicts(shop)[1] == ("done", None)
    assert len(shop.rows(orders)) == 3


def test_what_fails_again_and_again_becomes_poison_and_stays_visible(
    shop: ConnectedShop, fails_on_nine: list[int]
) -> None:
    buy(shop, ANN, 9)
    for _ in range(5):
        assert verdicts(shop)[0][0] == "retry"
        shop.installation.skip(601)
    state, reason = verdicts(shop)[0]
    assert (state, reason) == ("poison", "RuntimeError: not today")
    assert shop.rows(orders) == []


def test_a_row_that_failed_leaves_no_lock_that_is_believed_to_be_held(
    shop: ConnectedShop, fails_on_nine: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Undoing the bad row gives its locks back, so the next row of the same person takes them anew."""
    free: list[int] = []
    broken = order_projection.project

    def project(scope: Any, payload: Mapping[str, Any], items: Any) -> None:
        broken(scope, payload, items)
        with shop.deps.engine.connect() as other:
            query = select(person_work.c.person_id).where(person_work.c.shop_id == shop.id)
            free.extend(other.scalars(query.with_for_update(skip_locked=True)))

    monkeypatch.setattr(order_projection, "project", project)
    agree(shop, ANN, 1)
    shop.installation.settle("intake")
    shop.deliver("orders/create", order(9, ANN, START, **by_customer(1, ANN)))
    # Told before, so that applying it again writes no event, which would lock by itself.
    buy(shop, ANN, 8, **by_customer(1, ANN))
    shop.installation.settle("intake")
    shop.deliver("orders/create", order(9, ANN, START, **by_customer(1, ANN)))
    shop.deliver("orders/updated", order(8, ANN, START, **by_customer(1, ANN)))
    free.clear()
    shop.installation.settle("intake")
    assert free == []


def test_a_batch_is_applied_in_the_order_of_arrival(shop: ConnectedShop) -> None:
    for number in range(150):
        moment = START + timedelta(seconds=number)
        shop.deliver("customers/update", customer(1, ANN, moment, first_name=f"Ann {number}"))
    assert {state for state, _ in verdicts(shop)} == {"done"}
    assert shop.one(persons).first_name == "Ann 149"
