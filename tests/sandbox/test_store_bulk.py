"""Bulk queries: their rules, their files, how they fail, and that they say what every other query says."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
import requests
from graphql import build_schema

from sandbox.store.bulk.rules import read
from tests.sandbox.store_process import SHOP, Receiver, StoreProcess

RUN = """mutation($q: String!, $g: Boolean! = false) { bulkOperationRunQuery(query: $q, groupObjects: $g) {
  bulkOperation { id status objectCount url } userErrors { field message code } } }"""
LOOK = """query($id: ID!) { bulkOperation(id: $id) { id status type errorCode createdAt completedAt objectCount
  rootObjectCount fileSize url partialDataUrl query } }"""
CANCEL = """mutation($id: ID!) { bulkOperationCancel(id: $id) {
  bulkOperation { id status } userErrors { field message } } }"""
AT_ONCE = {"at_once": 5, "start_seconds": 0, "objects_per_second": 1e6, "link_seconds": 604_800, "ranges": True}
ORDER = """id name createdAt cancelledAt displayFinancialStatus shipping: shippingAddress { city countryCodeV2 }
  totalPriceSet { shopMoney { amount currencyCode } presentmentMoney { amount currencyCode } }
  customer { id defaultEmailAddress { emailAddress marketingState marketingUpdatedAt } }
  refunds(first: 5) { id totalRefundedSet { shopMoney { amount } } } fulfillments { id displayStatus }"""
LINE = "id title quantity currentQuantity originalUnitPriceSet { presentmentMoney { amount } } variant { id }"
ORDERS = f"{{ orders {{ edges {{ node {{ {ORDER} lineItems {{ edges {{ node {{ {LINE} }} }} }} }} }} }} }}"
IDS = "{ customers { edges { node { id } } } }"


@pytest.fixture(scope="module")
def process(tmp_path_factory: pytest.TempPathFactory) -> Iterator[StoreProcess]:
    with StoreProcess(tmp_path_factory.mktemp("store")) as running:
        running.post("populate", customers=60, orders=240, products=20, collections=4, abandoned_checkouts=3)
        yield running


@pytest.fixture
def store(process: StoreProcess) -> Iterator[StoreProcess]:
    process.post("bucket", shop=SHOP, left=2000)
    process.post("bulk", **AT_ONCE)
    yield process
    process.post("bulk_faults", faults=[])
    process.post("unsubscribe")


def start(store: StoreProcess, query: str, group: bool = False) -> str:
    answer = store.data(RUN, q=query, g=group)["bulkOperationRunQuery"]
    assert answer["userErrors"] == []
    assert answer["bulkOperation"] | {"id": ""} == {"id": "", "status": "CREATED", "objectCount": "0", "url": None}
    return str(answer["bulkOperation"]["id"])


def ended(store: StoreProcess, operation: str) -> dict[str, Any]:
    end = time.monotonic() + 10
    while True:
        found: dict[str, Any] = store.data(LOOK, id=operation)["bulkOperation"]
        if found["status"] not in ("CREATED", "RUNNING", "CANCELING"):
            return found
        assert time.monotonic() < end, found
        time.sleep(0.01)


def lines(store: StoreProcess, query: str, group: bool = False) -> list[dict[str, Any]]:
    found = ended(store, start(store, query, group))
    assert found["status"] == "COMPLETED"
    text = requests.get(found["url"], timeout=10).text
    assert found["objectCount"] == str(text.count("\n"))
    assert found["fileSize"] == str(len(text.encode()))
    return [json.loads(line) for line in text.splitlines()]


def grouped_as_they_come(found: list[dict[str, Any]]) -> dict[str, list[str]]:
    """What a reader makes of the lines who takes each child for one of the parent that came last."""
    children: dict[str, list[str]] = {}
    parent = ""
    for line in found:
        if "__parentId" in line:
            children.setdefault(parent, []).append(line["id"])
        else:
            parent = line["id"]
            children[parent] = []
    return children


def test_a_file_says_what_pages_say_with_children_in_any_order(store: StoreProcess) -> None:
    expected, after = [], None
    while True:
        store.post("bucket", shop=SHOP, left=2000)
        page = store.data(
            f"""query($after: String) {{ orders(first: 50, after: $after, sortKey: ID) {{
              nodes {{ {ORDER} lineItems(first: 10) {{ nodes {{ {LINE} }} }} }}
              pageInfo {{ hasNextPage endCursor }} }} }}""",
            after=after,
        )["orders"]
        expected += page["nodes"]
        after = page["pageInfo"]["endCursor"]
        if not page["pageInfo"]["hasNextPage"]:
            break
    found = lines(store, ORDERS)
    parents = {line["id"]: line | {"lineItems": {"nodes": []}} for line in found if "__parentId" not in line}
    for line in found:
        if "__parentId" in line:
            parents[line.pop("__parentId")]["lineItems"]["nodes"].append(line)
    for parent in parents.values():
        parent["lineItems"]["nodes"].sort(key=lambda line: line["id"])
    assert [parents[one["id"]] for one in expected] == expected
    assert len(parents) == len(expected) == 240

    right = {one["id"]: [line["id"] for line in one["lineItems"]["nodes"]] for one in expected}
    assert grouped_as_they_come(lines(store, ORDERS, group=True)) == right
    # Who relies on the order of an ungrouped file gets it wrong, and finds children before and long after their parent.
    scattered = lines(store, ORDERS)
    assert grouped_as_they_come(scattered) != right
    places = {line["id"]: place for place, line in enumerate(scattered)}
    apart = [place - places[line["__parentId"]] for place, line in enumerate(scattered) if "__parentId" in line]
    assert min(apart) < -100 < 100 < max(apart)


def test_variables_are_at_their_defaults(store: StoreProcess) -> None:
    query = "query($all: Boolean! = %s) { products { edges { node { id title @include(if: $all) } } } }"
    assert {frozenset(line) for line in lines(store, query % "false")} == {frozenset({"id"})}
    assert {frozenset(line) for line in lines(store, query % "true")} == {frozenset({"id", "title"})}


def test_a_search_narrows_it_and_nothing_found_is_no_file(store: StoreProcess) -> None:
    census = store.get("census?kind=customers")["records"]
    border = sorted(census.values())[30]
    query = f"{{ customers(query: \"updated_at:>='{border}'\") {{ edges {{ node {{ id }} }} }} }}"
    wanted = {f"gid://shopify/Customer/{number}" for number, moment in census.items() if moment >= border}
    assert {line["id"] for line in lines(store, query)} == wanted
    nothing = ended(
        store, start(store, "{ customers(query: \"updated_at:>='2090-01-01'\") { edges { node { id } } } }")
    )
    assert (nothing["status"], nothing["objectCount"], nothing["url"]) == ("COMPLETED", "0", None)


EDGES_ONLY = (
    "All connection fields in a bulk query must select their contents using 'edges' > 'node', e.g: 'products { edges {"
    " node {'. Selecting via 'nodes' is not supported. Invalid connection fields: 'products'."
)
WITHOUT_ID = (
    "The parent 'node' field for a nested connection must select the 'id' field without an alias and must be of 'ID' "
    "return type. Connection fields without 'id': products."
)
SIX = " ".join(f"p{n}: products {{ edges {{ node {{ id }} }} }}" for n in range(6))
DEEP = """{ collections { edges { node { id products { edges { node { id variants { edges { node { id
  %s } } } } } } } } } }"""


@pytest.mark.parametrize(
    ("query", "problems"),
    [
        ("", ["Invalid bulk query: syntax error, unexpected end of file"]),
        ("{ shop { id } }", ["Bulk queries must contain at least one connection."]),
        ("#graphql\n{ products { nodes { id } } }", [EDGES_ONLY]),
        ("{ products { edges { node { title variants { edges { node { id } } } } } } }", [WITHOUT_ID]),
        ("{ products { edges { node { key: id variants { edges { node { id } } } } } } }", [WITHOUT_ID]),
        (f"{{ {SIX} }}", ["Bulk queries cannot contain more than 5 connections."]),
        (DEEP % "sku", []),
        ("query($some: Boolean! = false) { products { edges { node { id title @include(if: $some) } } } }", []),
        (
            "query($size: Int!) { products(first: $size) { edges { node { id } } } }",
            [
                "Invalid bulk query: Variable '$size' has invalid value: "
                "Expected a value of non-null type 'Int!' to be provided."
            ],
        ),
        (
            DEEP % "product { collections { edges { node { id } } } }",
            ["Bulk queries cannot contain connections with a nesting depth greater than 2."],
        ),
        (
            '{ node(id: "gid://shopify/Product/0") { id } }',
            [
                "Bulk queries cannot contain a top level `node` field.",
                "Bulk queries must contain at least one connection.",
            ],
        ),
        (
            'mutation { tagsAdd(id: "gid://shopify/Customer/1", tags: []) { userErrors { message } } }',
            ["Invalid operation type. Only `query` operations are supported."],
        ),
        (
            "{ products { edges { node { id featuredMedia { preview { image { id } } } "
            "variants { edges { node { id } } } collections { edges { node { id } } } } } } }",
            [],
        ),
    ],
)
def test_the_rules_and_their_words(store: StoreProcess, query: str, problems: list[str]) -> None:
    answer = store.data(RUN, q=query)["bulkOperationRunQuery"]
    assert answer["userErrors"] == [{"field": ["query"], "message": one, "code": "INVALID"} for one in problems]
    assert (answer["bulkOperation"] is None) == bool(problems)


def test_a_connection_in_a_list_is_refused() -> None:
    """The store's own schema has none; the recorded case is the events of an order's fulfilments."""
    schema = build_schema("""
        type Query { orders: OrderConnection }
        type OrderConnection { edges: [OrderEdge!]! } type OrderEdge { node: Order! }
        type Order { id: ID!, parcels: [Parcel!]!, first: Parcel } type Parcel { id: ID!, events: EventConnection }
        type EventConnection { edges: [EventEdge!]! } type EventEdge { node: Event! } type Event { id: ID! }""")
    query = "{ orders { edges { node { id %s { events { edges { node { id } } } } } } } }"
    refused, problems = read(schema, query % "parcels")
    words = "Queries that contain a connection field within a list field are not currently supported."
    assert (refused, problems) == (None, [words])
    assert read(schema, query % "first")[1] == []


def test_five_at_once_and_cancelling(store: StoreProcess) -> None:
    store.post("bulk", start_seconds=600)
    under_way = [start(store, IDS) for _ in range(5)]
    sixth = store.data(RUN, q=IDS)["bulkOperationRunQuery"]
    words = f"A bulk query operation for this app and shop is already in progress: {', '.join(under_way)}."
    refusal = {"field": None, "message": words, "code": "OPERATION_IN_PROGRESS"}
    assert sixth == {"bulkOperation": None, "userErrors": [refusal]}
    for operation in under_way:
        began = store.data(CANCEL, id=operation)["bulkOperationCancel"]
        assert began == {"bulkOperation": {"id": operation, "status": "CANCELING"}, "userErrors": []}
        assert ended(store, operation)["status"] == "CANCELED"
    again = store.data(CANCEL, id=under_way[0])["bulkOperationCancel"]["userErrors"]
    assert again == [{"field": None, "message": "A bulk operation cannot be canceled when it is canceled"}]
    unknown = store.data(CANCEL, id="gid://shopify/BulkOperation/1")["bulkOperationCancel"]
    missing = {"field": ["id"], "message": "Bulk operation does not exist"}
    assert unknown == {"bulkOperation": None, "userErrors": [missing]}
    listed = store.data('{ bulkOperations(first: 5, query: "status:canceled") { nodes { id } } }')["bulkOperations"]
    assert {one["id"] for one in listed["nodes"]} == set(under_way)


def test_it_takes_its_time_shows_how_far_it_is_and_tells_when_it_ends(store: StoreProcess) -> None:
    store.post("bulk", objects_per_second=200)
    with Receiver() as receiver:
        store.post("subscribe", uri=receiver.url, topics=["bulk_operations/finish"])
        operation = start(store, IDS)
        time.sleep(0.1)
        halfway = store.data(LOOK, id=operation)["bulkOperation"]
        found = ended(store, operation)
        store.settle()
        assert (halfway["status"], halfway["url"], halfway["completedAt"]) == ("RUNNING", None, None)
        assert 0 < int(halfway["objectCount"]) < int(found["objectCount"]) == int(found["rootObjectCount"])
        [told] = receiver.received
        assert told.topic == "bulk_operations/finish"
        assert told.json["admin_graphql_api_id"] == operation
        assert (told.json["status"], told.json["type"], told.json["error_code"]) == ("completed", "query", None)
        assert set(told.json) == {
            "admin_graphql_api_id", "completed_at", "created_at", "error_code", "status", "type"
        }  # fmt: skip


def test_a_file_goes_on_where_it_was_cut(store: StoreProcess) -> None:
    url = ended(store, start(store, IDS))["url"]
    whole = requests.get(url, headers={"Accept-Encoding": "gzip"}, timeout=10)
    assert "Content-Encoding" not in whole.headers
    store.post("bulk_faults", faults=[{"kind": "cut", "share": 0.3, "count": 1, "root": "customers"}])
    had = b""
    with pytest.raises(requests.exceptions.RequestException):
        for piece in requests.get(url, timeout=10, stream=True).iter_content(64):
            had += piece
    assert 0 < len(had) < len(whole.content)
    rest = requests.get(url, headers={"Range": f"bytes={len(had)}-"}, timeout=10)
    assert (rest.status_code, had + rest.content) == (206, whole.content)
    assert rest.headers["Content-Range"] == f"bytes {len(had)}-{len(whole.content) - 1}/{len(whole.content)}"
    assert requests.get(url, headers={"Range": "bytes=99999999-"}, timeout=10).status_code == 416
    store.post("bulk", ranges=False)
    assert requests.get(url, headers={"Range": "bytes=5-"}, timeout=10).content == whole.content


def test_a_link_is_signed_and_runs_out(store: StoreProcess) -> None:
    operation = start(store, IDS)
    url = ended(store, operation)["url"]
    assert requests.get(url.replace("Signature=", "Signature=0"), timeout=10).status_code == 403
    expires = parse_qs(urlsplit(url).query)["Expires"][0]
    assert requests.get(url.replace(expires, str(int(expires) + 1)), timeout=10).status_code == 403
    for fault, status in (({"kind": "forbidden"}, 403), ({"kind": "error", "status": 502}, 502)):
        store.post("bulk_faults", faults=[fault | {"count": 1}])
        assert [requests.get(url, timeout=10).status_code for _ in range(2)] == [status, 200]
    store.post("bulk", link_seconds=0)
    old = ended(store, start(store, IDS))
    assert (old["status"], old["url"]) == ("EXPIRED", None)


def test_it_fails_with_what_it_had(store: StoreProcess) -> None:
    fault = {"kind": "fail", "error_code": "TIMEOUT", "share": 0.5, "count": 1, "root": "customers"}
    store.post("bulk_faults", faults=[fault])
    found = ended(store, start(store, IDS))
    assert (found["status"], found["errorCode"], found["url"]) == ("FAILED", "TIMEOUT", None)
    assert len(requests.get(found["partialDataUrl"], timeout=10).text.splitlines()) == 30
    store.post("permissions", manage_abandoned_checkouts=False)
    denied = ended(store, start(store, "{ abandonedCheckouts { edges { node { id } } } }"))
    store.post("permissions", manage_abandoned_checkouts=True)
    assert (denied["status"], denied["errorCode"]) == ("FAILED", "ACCESS_DENIED")


def test_protected_data_is_withheld(store: StoreProcess) -> None:
    query = "{ customers(first: 2, sortKey: ID) { nodes { id firstName tags defaultEmailAddress { emailAddress } } } }"
    in_bulk = "{ customers { edges { node { id firstName defaultAddress { city } } } } }"
    assert any(line["firstName"] for line in lines(store, in_bulk))
    store.post("permissions", protected_data=False)
    answer = store.query(query).json()
    withheld = lines(store, in_bulk)
    store.post("permissions", protected_data=True)
    assert [one["defaultEmailAddress"] for one in answer["data"]["customers"]["nodes"]] == [None, None]
    assert {tuple(error["path"][3:]) for error in answer["errors"]} == {("firstName",), ("defaultEmailAddress",)}
    assert {(line["firstName"], line["defaultAddress"]) for line in withheld} == {(None, None)}


def test_calls_are_counted_by_kind(store: StoreProcess) -> None:
    since = store.get("api_calls")["next"]
    ended(store, start(store, IDS))
    store.data("{ abandonedCheckouts(first: 2) { nodes { id } } }")
    store.post("bucket", shop=SHOP, left=0)
    assert "errors" in store.query("{ orders(first: 100) { nodes { id } } }").json()
    found = store.get(f"api_calls?since={since}")
    assert found["total"] == found["polling"] + 2
    assert (found["others"], found["abandoned_checkout_pages"], found["throttled"]) == (1, 1, 1)
    assert found["polling"] == found["fields"]["bulkOperation"] >= 1
    assert store.get(f"api_calls?since={since}&shop=b.myshopify.com")["total"] == 0
