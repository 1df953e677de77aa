"""The whole store is read: all of it is here, nothing starts because of it, the same again changes nothing."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from graphql import FieldNode, OperationDefinitionNode, SelectionSetNode, parse

from connector.errors import InvalidInput
from connector.models.event import events
from connector.models.sync import sync_state
from connector.shopify import bulk
from connector.shopify.graphql import document
from sync import backfill, fetch
from sync.backfill import applying
from tests.sync.backfill.warehouse import BY, Warehouse

KINDS = ("customers", "orders", "products", "collections")


@pytest.mark.row("S5-219", "S5-220", "S5-221", "S5-222")
def test_all_that_the_store_has_is_here_and_nothing_starts(house: Warehouse) -> None:
    house.populate()
    found = house.whole()
    assert found.state == "done", found
    for kind in KINDS:
        counted = house.census(kind)
        assert house.held(kind) == {int(one): at for one, at in counted["records"].items()}
        part = house.part(found, kind)
        assert (part.store, part.created, part.failed) == (counted["count"], counted["count"], 0)
    assert house.part(found, "checkouts").created == house.census()["abandoned_checkouts"]["count"]
    assert house.staged() == 0
    assert house.calls()["others"] <= 10
    house.settle()
    assert house.shop.mails() == []
    assert [(row.name, row.subject, row.props) for row in house.shop.rows(events) if not row.historical] == []
    # Brevo is told of all of it by calls that start no automation, of orders of long ago too.
    assert {row.quiet for row in house.shop.rows(sync_state)} == {True}
    assert len(house.shop.rows(sync_state, entity="order")) == house.census()["orders"]["count"]


def test_the_same_again_changes_nothing(house: Warehouse) -> None:
    house.populate()
    house.whole()
    before = house.picture()
    found = house.whole()
    assert [(part.kind, part.created, part.changed, part.failed) for part in found.parts] == [
        (kind, 0, 0, 0) for kind in backfill.KINDS
    ]
    assert [part.unchanged for part in found.parts] == [part.store for part in found.parts]
    assert house.picture() == before


def test_children_belong_to_their_record_wherever_their_lines_are(house: Warehouse) -> None:
    """Control: who takes them for those of the line before has other orders."""
    house.populate()
    house.whole()
    told = house.census()
    with house.shop.deps.engine.connect() as connection:
        rows = connection.exec_driver_sql(
            "SELECT sum(jsonb_array_length(items)) AS lines FROM orders WHERE shop_id = %s", (house.shop.id,)
        )
        assert rows.scalar() == told["orders"]["lines"]
        rows = connection.exec_driver_sql("SELECT count(*) FROM variants WHERE shop_id = %s", (house.shop.id,))
        assert rows.scalar() == told["products"]["variants"]


def test_one_at_a_time(house: Warehouse) -> None:
    house.start("customers")
    with pytest.raises(InvalidInput, match="under way"):
        house.start("orders")
    with pytest.raises(InvalidInput, match="no wishes to read"), house.shop.scope() as scope:
        backfill.start(scope, ["wishes"], by=BY)


def test_it_is_said_how_long_it_takes(house: Warehouse) -> None:
    house.populate()
    backfill_id = house.start()
    assert house.progress(backfill_id).seconds_left is None
    house.until(backfill_id, lambda found: found.estimate is not None)
    told = house.progress(backfill_id)
    assert told.estimate is not None and told.estimate["seconds"] >= told.estimate["store"] > 0
    assert told.estimate["brevo"]["counts"]["orders"] == house.census()["orders"]["count"]
    assert told.seconds_left is not None and told.seconds_left > 0
    assert house.finish(backfill_id).seconds_left == 0


def test_what_a_delivery_has_asked_for_is_left_to_it(house: Warehouse) -> None:
    """It is read at once, and is news."""
    house.populate()
    order_id = min(house.census("orders")["records"])
    with house.shop.scope() as scope:
        fetch.wish(scope, "Order", int(order_id))
    part = house.part(house.whole("orders"), "orders")
    assert part.left_out == 1
    assert int(order_id) not in house.held("orders")
    assert part.applied == house.census()["orders"]["count"] - 1


def test_a_record_that_cannot_be_applied_spoils_no_other(house: Warehouse, monkeypatch: pytest.MonkeyPatch) -> None:
    house.populate()
    spoiled = int(min(house.census("customers")["records"]))
    monkeypatch.setattr(applying, "_nodes", spoiling(applying._nodes, spoiled))
    found = house.whole("customers")
    part = house.part(found, "customers")
    assert (part.failed, part.created) == (1, house.census()["customers"]["count"] - 1)
    assert found.state == "done"
    with house.shop.deps.engine.connect() as connection:
        (named,) = backfill.failures(connection, house.shop.id, found.id)
    assert (named["kind"], named["record_id"]) == ("customers", spoiled)
    assert "cannot be applied" in named["reason"]


def spoiling(nodes: Any, spoiled: int) -> Any:
    def with_one(held: Any, rows: Any) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = nodes(held, rows)
        for node in found:
            if node["id"].endswith(f"/{spoiled}"):
                node["numberOfOrders"] = "many"
        return found

    return with_one


# The texts that are asked for in bulk tell of a record what its own reading tells.


def fields(selection: SelectionSetNode | None, at: str = "") -> Iterator[str]:
    for one in selection.selections if selection else ():
        if isinstance(one, FieldNode):
            name = one.name.value
            if name in ("nodes", "edges", "node"):
                yield from fields(one.selection_set, at)
            elif name not in ("pageInfo", "legacyResourceId", "__typename"):
                yield f"{at}.{name}"
                yield from fields(one.selection_set, f"{at}.{name}")
        else:
            yield from fields(one.selection_set, at)  # type: ignore[attr-defined]


def of_document(text: str) -> SelectionSetNode:
    operation = parse(text).definitions[0]
    assert isinstance(operation, OperationDefinitionNode)
    (root,) = operation.selection_set.selections
    assert isinstance(root, FieldNode) and root.selection_set is not None
    return root.selection_set


@pytest.mark.parametrize("kind", KINDS)
def test_a_bulk_query_asks_for_what_reading_one_asks_for(kind: str) -> None:
    given = {"more": True, "keyed": True, "keys": ["facts.birth_date"], "first": 1} if kind == "customers" else {}
    asked = set(fields(of_document(bulk.text_of(f"bulk_{kind}", given))))
    wanted = set(fields(of_document(document(kind))))
    # Children are told from each other by their id; of collections the products tell.
    more = {".lineItems.id", ".metafields.id"} & asked
    if kind == "collections":
        wanted -= {".products", ".products.id"}
    # A file would bring all orders of each customer; the last one tells nearly as much of the figures.
    wanted = {name for name in wanted if kind != "customers" or name.split(".")[1] != "orders"}
    assert asked - more == wanted
    assert "$" not in bulk.text_of(f"bulk_{kind}", given)


def test_what_is_not_mapped_is_not_asked_for() -> None:
    asked = bulk.text_of("bulk_customers")
    assert "metafields" not in asked and "note" not in asked and "city" in asked
