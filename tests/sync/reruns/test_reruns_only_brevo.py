"""Collections are synced again like other records; and Brevo can be told again of what is held, with no word from the
store.
"""

from __future__ import annotations

import pytest

from connector.models.store import collections, orders
from connector.models.sync import sync_state
from sync.reruns import What
from tests.engine.installation import DAY, ConnectedShop
from tests.sandbox.store_process import StoreProcess
from tests.sync.reruns.storefront import Storefront, counts, failed, refused, shown, since, synced

ANN, BOB = "ann@reruns.example", "bob@reruns.example"


def categories(shop: ConnectedShop) -> dict[str, str]:
    return {number: one["name"] for number, one in shop.account.state()["categories"].items()}


def calls(process: StoreProcess) -> int:
    """How many queries the simulated store has answered."""
    return len([one for one in process.get("log")["entries"] if one["kind"] == "graphql"])


def test_collections(shop: ConnectedShop, store: Storefront) -> None:
    for n in range(3):
        store.act("create_collection", title=f"Shelf {n}")
    seen = shown(shop, since(shop, "collections"))
    assert [(one.label, one.new) for one in seen.records if one.label.startswith("Shelf")] == [
        (f"Shelf {n}", True) for n in range(3)
    ]
    first = synced(shop, since(shop, "collections"))
    assert first.state == "done" and first.changed == first.done >= 3
    assert {f"Shelf {n}" for n in range(3)} <= set(categories(shop).values())
    again = synced(shop, since(shop, "collections"))
    assert counts(again) == (first.done, 0, first.done, 0)
    number = next(number for number, name in categories(shop).items() if name == "Shelf 0")
    one = synced(shop, What("collections", object=number))
    assert counts(one) == (1, 0, 1, 0)
    with refused("belong to nobody"):
        synced(shop, What("collections", person=1))


def test_brevo_is_told_again_of_what_is_held(shop: ConnectedShop, store: Storefront, process: StoreProcess) -> None:
    store.buyers(ANN, BOB)
    synced(shop, since(shop, "contact"))
    synced(shop, since(shop, "orders"))
    before = {row.id: row.version for row in shop.rows(orders)}
    # What the store has changed since does not matter.
    store.act("create_order", email=ANN)
    asked = calls(process)
    everything = What("orders", since=shop.installation.now - 365 * DAY, only_brevo=True)
    seen = shown(shop, everything)
    assert seen.total == 2 and all(not one.new for one in seen.records)
    done = synced(shop, everything)
    assert counts(done) == (2, 0, 2, 0) and "only told to Brevo" in done.what.about
    assert {row.id: row.version for row in shop.rows(orders)} == before
    assert calls(process) == asked, "the store was not asked"
    # The control: the same without the word asks it, and finds the new one.
    assert synced(shop, since(shop, "orders")).done == 3 and calls(process) > asked


def test_one_person_and_one_record(shop: ConnectedShop, store: Storefront) -> None:
    store.buyers(ANN, BOB)
    synced(shop, since(shop, "contact"))
    synced(shop, since(shop, "orders"))
    (bought,) = [row for row in shop.rows(orders) if row.email == ANN]
    for entity in ("orders", "contact"):
        assert counts(synced(shop, What(entity, person=bought.person_id, only_brevo=True))) == (1, 0, 1, 0)
    assert counts(synced(shop, What("orders", object=str(bought.id), only_brevo=True))) == (1, 0, 1, 0)
    unknown = synced(shop, What("orders", object="999999999999", only_brevo=True))
    assert counts(unknown) == (1, 0, 0, 1)
    assert [(row.stage, row.record_id) for row in failed(shop, unknown.id)] == [("here", 999999999999)]
    with refused("name the record by the store's id"):
        synced(shop, What("orders", object="#1001", only_brevo=True))


def test_pages_of_what_is_held(shop: ConnectedShop, store: Storefront, monkeypatch: pytest.MonkeyPatch) -> None:
    store.buyers(*(f"p{n}@reruns.example" for n in range(7)))
    whole = synced(shop, since(shop, "contact"))
    monkeypatch.setattr("sync.reruns.slices.PAGE", 3)
    everything = What("contact", since=shop.installation.now - 365 * DAY, only_brevo=True)
    done = synced(shop, everything)
    assert counts(done) == (whole.done, 0, whole.done, 0) and done.total == whole.done
    assert {row.state for row in shop.rows(sync_state, entity="contact")} == {"done"}
    assert shop.rows(collections) == []
