"""Writing metafields in the simulated store: all of a call or nothing, and only over the value that was read."""

from __future__ import annotations

from itertools import count
from typing import Any

import pytest

from tests.sandbox.store_process import SHOP, StoreProcess

SET = """mutation($m: [MetafieldsSetInput!]!) {
  metafieldsSet(metafields: $m) { metafields { key value compareDigest } userErrors { elementIndex code } }
}"""
DELETE = """mutation($m: [MetafieldIdentifierInput!]!) {
  metafieldsDelete(metafields: $m) { deletedMetafields { key } userErrors { message } }
}"""
HELD = """query($id: ID!) { customer(id: $id) { metafields(first: 9) { nodes { key value compareDigest } } } }"""
_numbers = count(1)


@pytest.fixture
def person(store: StoreProcess) -> str:
    touched = store.act("create_customer", email=f"fields{next(_numbers)}@example.com", shop=SHOP)
    return f"gid://shopify/Customer/{touched['customer_id']}"


def put(store: StoreProcess, person: str, *fields: dict[str, Any]) -> dict[str, Any]:
    given = [{"ownerId": person, "namespace": "vip", "type": "number_integer", **one} for one in fields]
    answer: dict[str, Any] = store.data(SET, shop=SHOP, m=given)["metafieldsSet"]
    return answer


def held(store: StoreProcess, person: str) -> dict[str, str]:
    nodes = store.data(HELD, shop=SHOP, id=person)["customer"]["metafields"]["nodes"]
    return {one["key"]: one["value"] for one in nodes}


def test_a_value_is_written_only_over_the_one_that_was_read(store: StoreProcess, person: str) -> None:
    (made,) = put(store, person, {"key": "points", "value": "7", "compareDigest": None})["metafields"]
    # None stands for: there is none yet.
    for digest in (None, "0" * 64):
        refused = put(store, person, {"key": "points", "value": "8", "compareDigest": digest})
        assert refused == {"metafields": None, "userErrors": [{"elementIndex": 0, "code": "STALE_OBJECT"}]}
    assert held(store, person) == {"points": "7"}
    assert put(store, person, {"key": "points", "value": "8", "compareDigest": made["compareDigest"]})["metafields"]
    # The control: who does not say what was read writes over everything.
    assert put(store, person, {"key": "points", "value": "9"})["userErrors"] == []
    assert held(store, person) == {"points": "9"}


def test_one_that_is_wrong_holds_back_all_of_a_call(store: StoreProcess, person: str) -> None:
    answer = put(store, person, {"key": "points", "value": "7"}, {"key": "spent", "value": "many"})
    assert answer == {"metafields": None, "userErrors": [{"elementIndex": 1, "code": "INVALID_VALUE"}]}
    assert held(store, person) == {}
    too_many = put(store, person, *({"key": f"k{n}", "value": "1"} for n in range(26)))
    assert [one["code"] for one in too_many["userErrors"]] == ["LESS_THAN_OR_EQUAL_TO"]


def test_what_is_taken_away_is_named_and_what_is_not_there_is_nothing(store: StoreProcess, person: str) -> None:
    put(store, person, {"key": "points", "value": "7"})
    where = [{"ownerId": person, "namespace": "vip", "key": key} for key in ("points", "other")]
    assert store.data(DELETE, shop=SHOP, m=where)["metafieldsDelete"] == {
        "deletedMetafields": [{"key": "points"}, None], "userErrors": [],
    }  # fmt: skip
    assert held(store, person) == {}
