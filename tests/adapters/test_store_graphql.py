"""The store's client: documents against the contract, answers against one table of verdicts."""

from __future__ import annotations

import gzip
import os
from pathlib import Path
from typing import Any

import orjson
import pytest
import requests
import responses

import connector.shopify
from connector.errors import ActionNeeded, InvalidInput, OutcomeUnknown, RateLimited, Refused, Retry
from connector.http import Http
from connector.settings import Settings
from connector.shopify.cost import Hold
from connector.shopify.domain import shop_domain
from connector.shopify.graphql import PartialData, Store, document
from connector.shopify.subscriptions import subscribe

SHOP = "one.myshopify.com"
URL = f"https://{SHOP}/admin/api/2026-10/graphql.json"
MUTATION = "webhook_subscription_create"
DOCUMENTS = sorted(p.stem for p in (Path(connector.shopify.__file__).parent / "queries").glob("*.graphql"))
ROOT = Path(__file__).resolve().parents[2]


def store(base: str = "https://{shop}", **options: Any) -> Store:
    settings = Settings(environment="development", shopify_base_url=base, **options)
    return Store(SHOP, "shpat_1", settings, Http(store_timeout=2))


def error(code: str, message: str = "m") -> dict[str, Any]:
    return {"message": message, "extensions": {"code": code}}


@pytest.fixture(scope="module")
def schema() -> Any:
    graphql = pytest.importorskip("graphql")
    folder = Path(os.environ.get("CONTRACTS_DIR", ROOT.parent / "shared" / "contracts"))
    contract = folder / "shopify" / "admin-2026-10.graphql.gz"
    if not contract.exists():
        pytest.skip(f"the store's contract is not here: {contract.name} under CONTRACTS_DIR")
    return graphql.build_schema(gzip.decompress(contract.read_bytes()).decode(), assume_valid=True)


@pytest.mark.contract
def test_every_document_is_valid_in_the_contract(schema: Any) -> None:
    import graphql

    assert DOCUMENTS
    for name in DOCUMENTS:
        assert graphql.validate(schema, graphql.parse(document(name))) == [], name
    # The control: a field that the contract does not have is reported.
    wrong = document("shop").replace("currencyCode", "currencyCodex")
    assert graphql.validate(schema, graphql.parse(wrong))


@pytest.mark.contract
def test_no_document_reads_what_the_contract_has_deprecated(schema: Any) -> None:
    import graphql

    deprecated = graphql.NoDeprecatedCustomRule
    for name in DOCUMENTS:
        assert graphql.validate(schema, graphql.parse(document(name)), [deprecated]) == [], name
    assert graphql.validate(schema, graphql.parse("{ customers(first: 1) { nodes { email } } }"), [deprecated])


@responses.activate
def test_a_query_names_shop_and_token_and_returns_the_data() -> None:
    responses.post(URL, json={"data": {"shop": {"name": "One"}}, "extensions": {"extra": 1}})
    assert store().query("shop") == {"shop": {"name": "One"}}
    request = responses.calls[0].request
    assert request.headers["X-Shopify-Access-Token"] == "shpat_1"
    assert orjson.loads(request.body) == {"query": document("shop"), "variables": {}}


@responses.activate
def test_a_base_address_with_a_path_is_kept() -> None:
    responses.post(f"http://127.0.0.1:9/{SHOP}/admin/api/2026-10/graphql.json", json={"data": {"shop": None}})
    assert store("http://127.0.0.1:9/{shop}").query("shop") == {"shop": None}


THROTTLED = {
    "errors": [error("THROTTLED", "Throttled")],
    "extensions": {
        "cost": {
            "requestedQueryCost": 300,
            "throttleStatus": {"maximumAvailable": 2000, "currentlyAvailable": 100, "restoreRate": 100},
        }
    },
}


@pytest.mark.parametrize(
    ("status", "body", "expected"),
    [
        (200, THROTTLED, RateLimited),
        (200, {"errors": [error("THROTTLED")], "data": {"shop": None}}, RateLimited),
        (200, {"errors": [error("MAX_COST_EXCEEDED")]}, Refused),
        (200, {"errors": [error("ACCESS_DENIED")], "data": {"shop": None}}, ActionNeeded),
        (200, {"errors": [error("ACCESS_DENIED")], "data": {"shop": {"name": None}}}, PartialData),
        (200, {"errors": [error("INTERNAL_SERVER_ERROR")], "data": {"shop": {"name": "x"}}}, Retry),
        (200, {"errors": "Not Found"}, Refused),
        (200, {"errors": [{"message": "syntax"}]}, Refused),
        (200, {"data": None}, Retry),
        (200, [], Retry),
        (200, "<html>", Retry),
        (401, {"errors": "[API] Invalid API key or access token"}, ActionNeeded),
        (402, {}, ActionNeeded),
        (403, {}, ActionNeeded),
        (404, {}, ActionNeeded),
        (423, {}, ActionNeeded),
        (301, "", ActionNeeded),
        (400, {"errors": "bad"}, Refused),
        (406, {}, Refused),
        (408, "", Retry),
        (429, "", RateLimited),
        (430, "", RateLimited),
        (500, "", Retry),
        (502, "<html>", Retry),
        (503, "", Retry),
    ],
)
@responses.activate
def test_the_table(status: int, body: Any, expected: type[Exception]) -> None:
    responses.post(URL, body=body if isinstance(body, str) else orjson.dumps(body), status=status)
    with pytest.raises(expected) as raised:
        store().query("shop")
    assert type(raised.value) is expected
    assert len(responses.calls) == 1, "repeating is the caller's decision"


@pytest.mark.parametrize(
    ("failure", "query", "mutation"),
    [
        (requests.exceptions.ConnectTimeout(), Retry, Retry),
        (requests.exceptions.ReadTimeout(), Retry, OutcomeUnknown),
        (requests.exceptions.ChunkedEncodingError(), Retry, OutcomeUnknown),
    ],
)
@responses.activate
def test_no_answer_to_a_mutation_is_unknown(failure: Exception, query: type, mutation: type) -> None:
    responses.post(URL, body=failure)
    for name, expected in (("shop", query), (MUTATION, mutation)):
        with pytest.raises(expected) as raised:
            store().query(name)
        assert type(raised.value) is expected
    responses.replace(responses.POST, URL, body="<html>", status=502)
    with pytest.raises(OutcomeUnknown):
        store().query(MUTATION)


@responses.activate
def test_a_throttled_query_waits_for_its_cost_in_machine_seconds() -> None:
    responses.post(URL, json=THROTTLED)
    for rate, seconds in ((1.0, 2.0), (4.0, 0.5)):
        with pytest.raises(RateLimited) as raised:
            store(wire_rate=rate).query("shop")
        assert raised.value.after == pytest.approx(seconds)


@responses.activate
def test_partial_data_is_kept_and_is_not_the_truth() -> None:
    data = {"nodes": [{"id": "gid://shopify/Customer/1", "defaultEmailAddress": None}]}
    responses.post(URL, json={"data": data, "errors": [error("", "not approved to access the Customer object")]})
    with pytest.raises(PartialData, match="not approved") as raised:
        store().query("customers", {"ids": ["gid://shopify/Customer/1"]})
    assert raised.value.data == data


def test_what_an_error_struck_is_not_told_and_the_rest_is() -> None:
    nodes = [{"id": "1", "tags": ["a", None]}, None, {"id": "3", "tags": ["b"]}, None]
    struck = PartialData("m", {"nodes": nodes}, paths=[("nodes", 0, "tags", 1), ("nodes", 1)])
    assert struck.nodes() == ([{"id": "1", "tags": None}, None, {"id": "3", "tags": ["b"]}, None], {0, 1})
    # Without a place, or with one that is not there, nothing is sure; the control is the line above.
    for paths in ([()], [("shop", "name")], [("nodes", 9)]):
        assert PartialData("m", {"nodes": nodes}, paths=paths).nodes() == ([None] * 4, {0, 1, 2, 3})  # type: ignore[arg-type]
    assert PartialData("m", {}, paths=[("nodes",)]).nodes() == ([], set())


class Spent:
    """A budget with nothing left."""

    def take(self, domain: str, name: str) -> Hold:
        return Hold(3.0)


@responses.activate
def test_a_spent_budget_sends_nothing() -> None:
    settings = Settings(environment="development", wire_rate=2.0)
    limited = Store(SHOP, "t", settings, Http(), Spent())  # type: ignore[arg-type]
    with pytest.raises(RateLimited) as raised:
        limited.query("shop")
    assert raised.value.after == 1.5 and len(responses.calls) == 0


def _subscribing(request: requests.PreparedRequest) -> tuple[int, dict[str, str], bytes]:
    asked = orjson.loads(request.body or b"")
    if "webhookSubscriptionCreate" not in asked["query"]:
        nodes = [
            {"id": "1", "topic": "ORDERS_CREATE", "uri": "https://c.test/webhooks/shopify"},
            {"id": "2", "topic": "ORDERS_PAID", "uri": "https://other.test/"},
        ]
        return 200, {}, orjson.dumps({"data": {"webhookSubscriptions": {"nodes": nodes}}})
    topic = asked["variables"]["topic"]
    errors = [{"field": None, "message": "no access"}] if topic == "CHECKOUTS_CREATE" else []
    return 200, {}, orjson.dumps({"data": {"webhookSubscriptionCreate": {"userErrors": errors}}})


@responses.activate
def test_topics_are_subscribed_once_and_refusals_are_told() -> None:
    responses.add_callback(responses.POST, URL, callback=_subscribing)
    topics = ["orders/create", "orders/paid", "checkouts/create", "customers_email_marketing_consent/update"]
    result = subscribe(store(), topics, "https://c.test/webhooks/shopify")
    assert (result.standing, dict(result.problems)) == (3, {"checkouts/create": "no access"})
    created = [orjson.loads(call.request.body)["variables"] for call in responses.calls][1:]
    assert [one["topic"] for one in created] == [
        "ORDERS_PAID", "CHECKOUTS_CREATE", "CUSTOMERS_EMAIL_MARKETING_CONSENT_UPDATE",
    ]  # fmt: skip
    assert created[0]["subscription"] == {"uri": "https://c.test/webhooks/shopify", "format": "JSON"}


@responses.activate
def test_a_store_that_is_down_is_not_asked_for_every_topic() -> None:
    def behave(request: requests.PreparedRequest) -> tuple[int, dict[str, str], bytes]:
        if b"webhookSubscriptionCreate" in (request.body or b""):
            return 503, {}, b""
        return _subscribing(request)

    responses.add_callback(responses.POST, URL, callback=behave)
    result = subscribe(store(), ["orders/create", "orders/paid", "checkouts/create"], "https://c.test/webhooks/shopify")
    assert result.standing == 1 and set(result.problems) == {"orders/paid", "checkouts/create"}
    assert len(responses.calls) == 2


@pytest.mark.parametrize("text", ["one.myshopify.com", "https://one.myshopify.com/admin", " ONE.myshopify.com "])
def test_a_shop_is_named_by_its_domain(text: str) -> None:
    assert shop_domain(text) == SHOP
    assert shop_domain("a.myshopify.com") == "a.myshopify.com"


@pytest.mark.parametrize(
    "text",
    ["", "evil.com", "one.myshopify.com.evil.com", "one.myshopify.com:8080", "https://evil.com/one.myshopify.com"],
)
def test_nothing_else_is_a_shop(text: str) -> None:
    with pytest.raises(InvalidInput, match="name.myshopify.com"):
        shop_domain(text)
