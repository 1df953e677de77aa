"""Discounts of the simulated store: what it refuses, codes that are added by and by, and what a code is good for."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import pytest
import requests

from sandbox.clock import iso_utc
from sandbox.store.apps import GRANTED
from tests.sandbox.store_process import SHOP, START, StoreProcess

CREATE = """mutation($d: DiscountCodeBasicInput!) { discountCodeBasicCreate(basicCodeDiscount: $d) {
  codeDiscountNode { id codeDiscount { ... on DiscountCodeBasic {
    title status usageLimit codes(first: 5) { nodes { code } } } } }
  userErrors { field message code extraInfo } } }"""
FIND = """query($c: String!) { codeDiscountNodeByCode(code: $c) { id codeDiscount { ... on DiscountCodeBasic {
  title status asyncUsageCount codesCount { count } } } } }"""
ADD = """mutation($id: ID!, $codes: [DiscountRedeemCodeInput!]!) {
  discountRedeemCodeBulkAdd(discountId: $id, codes: $codes) {
    bulkCreation { id done codesCount } userErrors { field code } } }"""
ADDED = """query($id: ID!) { discountRedeemCodeBulkCreation(id: $id) { done importedCount failedCount
  codes(first: 250) { nodes { code discountRedeemCode { id } errors { message code } } } } }"""
DELETE = "mutation($id: ID!) { discountCodeDelete(id: $id) { deletedCodeDiscountId userErrors { code } } }"
DAY = 86_400


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[StoreProcess]:
    with StoreProcess(tmp_path_factory.mktemp("store")) as running:
        yield running


def wanted(code: str, **changes: Any) -> dict[str, Any]:
    gets = {"value": {"percentage": 0.1}, "items": {"all": True}}
    made = {"title": f"T {code}", "code": code, "startsAt": iso_utc(START - DAY), "context": {"all": "ALL"}}
    return {**made, "customerGets": gets, "usageLimit": 1, "appliesOncePerCustomer": True, **changes}


def create(store: StoreProcess, code: str, **changes: Any) -> dict[str, Any]:
    return store.data(CREATE, d=wanted(code, **changes))["discountCodeBasicCreate"]


def test_a_discount_is_made_found_by_its_code_in_any_case_and_deleted(store: StoreProcess) -> None:
    made = create(store, "HELLO")["codeDiscountNode"]
    assert made["codeDiscount"] == {
        "title": "T HELLO", "status": "ACTIVE", "usageLimit": 1, "codes": {"nodes": [{"code": "HELLO"}]},
    }  # fmt: skip
    assert store.data(FIND, c="heLLo")["codeDiscountNodeByCode"]["id"] == made["id"]
    assert store.data(DELETE, id=made["id"])["discountCodeDelete"]["deletedCodeDiscountId"] == made["id"]
    assert store.data(FIND, c="HELLO")["codeDiscountNodeByCode"] is None
    assert store.data(DELETE, id=made["id"])["discountCodeDelete"]["userErrors"] == [{"code": "INVALID"}]


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"title": " "}, "BLANK"),
        ({"code": ""}, "BLANK"),
        ({"code": "X" * 256}, "TOO_LONG"),
        ({"code": "taken"}, "TAKEN"),
        ({"endsAt": iso_utc(START - 2 * DAY)}, "END_DATE_BEFORE_START_DATE"),
        ({"customerGets": {"value": {"percentage": 10.0}, "items": {"all": True}}}, "VALUE_OUTSIDE_RANGE"),
        ({"customerGets": {"value": {"discountAmount": {"amount": "0"}}, "items": {"all": True}}}, "GREATER_THAN"),
        ({"context": None}, "BLANK"),
    ],
)
def test_what_is_wrong_is_a_user_error(store: StoreProcess, changes: dict[str, Any], code: str) -> None:
    create(store, "TAKEN")
    answer = store.data(CREATE, d={**wanted("NEW"), **changes})["discountCodeBasicCreate"]
    assert answer["codeDiscountNode"] is None and [one["code"] for one in answer["userErrors"]] == [code]


def test_codes_that_are_added_come_by_and_by_and_each_is_told_of(store: StoreProcess) -> None:
    parent = create(store, "PARENT")["codeDiscountNode"]["id"]
    create(store, "OTHERS")
    codes = [{"code": one} for one in ("A1", "others", "A2")]
    begun = store.data(ADD, id=parent, codes=codes)["discountRedeemCodeBulkAdd"]["bulkCreation"]
    assert (begun["done"], begun["codesCount"]) == (False, 3)
    told = store.data(ADDED, id=begun["id"])["discountRedeemCodeBulkCreation"]
    while not told["done"]:
        assert told["codes"]["nodes"] == []
        time.sleep(0.05)
        told = store.data(ADDED, id=begun["id"])["discountRedeemCodeBulkCreation"]
    assert (told["importedCount"], told["failedCount"]) == (2, 1)
    refused = [one["code"] for one in told["codes"]["nodes"] if one["discountRedeemCode"] is None]
    assert refused == ["others"]
    assert store.data(FIND, c="a2")["codeDiscountNodeByCode"]["codeDiscount"]["codesCount"]["count"] == 3
    many = [{"code": f"M{number}"} for number in range(251)]
    assert (
        store.data(ADD, id=parent, codes=many)["discountRedeemCodeBulkAdd"]["userErrors"][0]["code"] == "EXCEEDED_MAX"
    )


def test_a_code_is_good_for_one_order_until_it_ends(store: StoreProcess) -> None:
    create(store, "ONCE", endsAt=iso_utc(START + DAY))
    create(store, "OVER", endsAt=iso_utc(START - 60))
    create(store, "BIG", minimumRequirement={"subtotal": {"greaterThanOrEqualToSubtotal": "99999"}})

    def buy(code: str) -> requests.Response:
        asked = {"action": "create_order", "email": f"{code}@example.com".lower(), "code": code}
        return store.session.post(f"{store.url}/_control/act", json=asked, timeout=10)

    assert buy("once").status_code == 200
    for code, why in (("ONCE", "usage limit"), ("OVER", "available"), ("BIG", "at least"), ("NONE", "valid")):
        answer = buy(code)
        assert answer.status_code == 400 and why in answer.text
    order = store.get("state")["shops"][SHOP]["orders"][-1]
    assert order["discount_code"] == "once"
    query = """query($id: ID!) { order(id: $id) { discountCodes totalDiscountsSet { shopMoney { amount } }
        subtotalPriceSet { shopMoney { amount } } } }"""
    told = store.data(query, id=f"gid://shopify/Order/{order['id']}")["order"]
    off, left = (float(told[name]["shopMoney"]["amount"]) for name in ("totalDiscountsSet", "subtotalPriceSet"))
    assert told["discountCodes"] == ["once"] and off == pytest.approx((off + left) / 10, abs=0.01)
    assert store.data(FIND, c="ONCE")["codeDiscountNodeByCode"]["codeDiscount"]["asyncUsageCount"] == 1
    store.act("cancel_order", order=order["id"])
    assert buy("ONCE").status_code == 400, "a cancelled order has used it all the same"


def test_without_the_scope_nothing_is_done(store: StoreProcess) -> None:
    store.act("update_scopes", scopes=["read_customers"])
    try:
        for query, given in ((CREATE, {"d": wanted("SCOPE")}), (FIND, {"c": "SCOPE"})):
            answer = store.query(query, **given).json()
            assert answer["errors"][0]["extensions"]["code"] == "ACCESS_DENIED"
    finally:
        store.act("update_scopes", scopes=list(GRANTED))
    assert store.data(FIND, c="SCOPE")["codeDiscountNodeByCode"] is None
