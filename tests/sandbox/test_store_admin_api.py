"""The Admin API over HTTP: access, queries, pages, searches, throttling, consent and subscriptions."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from sandbox.clock import iso_utc
from tests.sandbox.store_process import OTHER_SHOP, SHOP, START, Receiver, StoreProcess

CONSENT = """mutation($i: CustomerEmailMarketingConsentUpdateInput!) {
  customerEmailMarketingConsentUpdate(input: $i) {
    customer { id defaultEmailAddress { marketingState marketingOptInLevel marketingUpdatedAt } }
    userErrors { field message code }
  }
}"""
SUBSCRIBE = """mutation($t: WebhookSubscriptionTopic!, $w: WebhookSubscriptionInput!) {
  webhookSubscriptionCreate(topic: $t, webhookSubscription: $w) {
    webhookSubscription { id topic uri filter includeFields apiVersion { handle } }
    userErrors { field message }
  }
}"""


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[StoreProcess]:
    with StoreProcess(tmp_path_factory.mktemp("store")) as running:
        for n in range(5):
            running.act("create_customer", email=f"c{n}@example.com", first_name=f"N{n}")
            running.act("start_checkout", label=f"cart-{n}", email=f"c{n}@example.com", items=[{"product": 2}])
        for n in range(3):
            running.act("complete_checkout", checkout=f"cart-{n}")
        yield running


@pytest.fixture
def full_bucket(store: StoreProcess) -> StoreProcess:
    store.post("bucket", shop=SHOP, left=2000)
    return store


def orders(store: StoreProcess) -> list[dict[str, Any]]:
    return store.get("state")["shops"][SHOP]["orders"]


def customer_gid(store: StoreProcess, email: str) -> str:
    customers = store.get("state")["shops"][SHOP]["customers"]
    return f"gid://shopify/Customer/{next(c['id'] for c in customers if c['email'] == email)}"


def change_consent(store: StoreProcess, customer: str, **consent: Any) -> Any:
    body = store.query(CONSENT, i={"customerId": customer, "emailMarketingConsent": consent}).json()
    return body["errors"] if "errors" in body else body["data"]["customerEmailMarketingConsentUpdate"]


def test_a_wrong_token_is_401_and_another_shops_token_too(store: StoreProcess) -> None:
    assert store.query("{ shop { id } }").status_code == 200
    assert store.query("{ shop { id } }", token="shpat_wrong").status_code == 401
    assert store.query("{ shop { id } }", token=store.ready["tokens"][OTHER_SHOP]).status_code == 401
    assert store.query("{ shop { id } }", shop=OTHER_SHOP).status_code == 200


def test_the_answer_names_the_version_it_was_served_by(store: StoreProcess) -> None:
    assert store.query("{ shop { id } }").headers["X-Shopify-API-Version"] == "2026-10"


def test_nodes_answer_in_the_order_asked_with_null_for_the_unknown(store: StoreProcess) -> None:
    known = customer_gid(store, "c1@example.com")
    order = f"gid://shopify/Order/{orders(store)[0]['id']}"
    query = """query($ids: [ID!]!) { nodes(ids: $ids) { __typename id
      ... on Customer { defaultEmailAddress { emailAddress } amountSpent { amount } numberOfOrders }
      ... on Order { name lineItems(first: 3) { nodes { title } } } } }"""
    found = store.data(query, ids=[order, "gid://shopify/Customer/1", known])["nodes"]
    assert [node and node["__typename"] for node in found] == ["Order", None, "Customer"]
    assert found[0]["lineItems"]["nodes"][0]["title"] == "{{ contact.EMAIL }} mug"
    assert found[2]["numberOfOrders"] == "1"
    assert found[2]["amountSpent"]["amount"] == "12.50"


def test_orders_are_found_by_tokens_joined_by_or(store: StoreProcess) -> None:
    first, second = orders(store)[0], orders(store)[2]
    query = "query($q: String) { orders(first: 10, query: $q) { nodes { legacyResourceId checkoutToken } } }"
    found = store.data(query, q=f"checkout_token:{first['checkout_token']} OR cart_token:{second['cart_token']}")
    assert {node["legacyResourceId"] for node in found["orders"]["nodes"]} == {
        str(first["id"]),
        str(second["id"]),
    }
    assert store.data(query, q="checkout_token:nobody")["orders"]["nodes"] == []
    after = store.data(query, q=f"updated_at:>={iso_utc(START)} AND NOT updated_at:>{iso_utc(START)}")
    assert len(after["orders"]["nodes"]) == 3


def test_a_misspelt_search_field_is_ignored_with_a_warning(store: StoreProcess) -> None:
    query = "query($q: String) { orders(first: 10, query: $q) { nodes { id } } }"
    body = store.query(query, q="chekout_token:x").json()
    assert len(body["data"]["orders"]["nodes"]) == 3
    assert body["extensions"]["search"][0]["warnings"][0]["field"] == "chekout_token"


def test_pages_follow_each_other_without_gap_or_overlap(store: StoreProcess) -> None:
    query = """query($after: String) { customers(first: 2, after: $after) {
      edges { cursor node { id } } pageInfo { hasNextPage hasPreviousPage endCursor } } }"""
    seen, after = [], None
    for _ in range(10):
        page = store.data(query, after=after)["customers"]
        assert page["pageInfo"]["hasPreviousPage"] is (after is not None)
        seen += [edge["node"]["id"] for edge in page["edges"]]
        after = page["pageInfo"]["endCursor"]
        if not page["pageInfo"]["hasNextPage"]:
            break
    assert len(seen) == len(set(seen)) == 5
    assert "first or last" in store.query("{ customers { nodes { id } } }").json()["errors"][0]["message"]


def test_pages_by_change_go_on_rightly_when_a_seen_record_changes(tmp_path: Path) -> None:
    query = """query($after: String) { customers(first: 2, after: $after, sortKey: UPDATED_AT) {
      nodes { email } pageInfo { endCursor hasNextPage } } }"""
    with StoreProcess(tmp_path) as store:
        for n in range(4):
            store.step(START + n)
            store.act("create_customer", email=f"u{n}@example.com")
        first = store.data(query)["customers"]
        store.step(START + 10)
        store.act("set_consent", email="u1@example.com", state="subscribed")
        second = store.data(query, after=first["pageInfo"]["endCursor"])["customers"]
        third = store.data(query, after=second["pageInfo"]["endCursor"])["customers"]
        emails = [node["email"] for page in (first, second, third) for node in page["nodes"]]
        assert emails == [f"u{n}@example.com" for n in (0, 1, 2, 3, 1)]
        bad = store.query(query, after="nonsense").json()
        assert "Invalid cursor" in bad["errors"][0]["message"]


def test_abandoned_checkouts_are_listed_after_ten_minutes(tmp_path: Path) -> None:
    query = """query($q: String) { abandonedCheckouts(first: 10, query: $q) {
      nodes { completedAt abandonedCheckoutUrl lineItems(first: 5) { nodes { title } } } } }"""
    with StoreProcess(tmp_path) as store:
        cart = store.act("start_checkout", label="left", email="c@example.com")
        assert store.data(query)["abandonedCheckouts"]["nodes"] == []
        store.step(START + 601)
        [listed] = store.data(query, q="recovery_state:not_recovered")["abandonedCheckouts"]["nodes"]
        assert cart["checkout_token"] in listed["abandonedCheckoutUrl"]
        assert store.session.get(listed["abandonedCheckoutUrl"], timeout=5).status_code == 200
        looks = [entry for entry in store.get("log")["entries"] if entry["kind"] == "recovery_link"]
        assert [entry["checkout_token"] for entry in looks] == [cart["checkout_token"]]
        store.act("complete_checkout", checkout="left")
        [listed] = store.data(query, q="recovery_state:recovered")["abandonedCheckouts"]["nodes"]
        assert listed["completedAt"] == iso_utc(START + 601)


def test_too_dear_a_query_and_an_empty_bucket_are_refused_with_200(full_bucket: StoreProcess) -> None:
    dear = """{ products(first: 250) { nodes { variants(first: 250) { nodes { product {
      variants(first: 250) { nodes { id } } } } } } } }"""
    answer = full_bucket.query(dear)
    assert answer.status_code == 200
    assert answer.json()["errors"][0]["extensions"]["code"] == "MAX_COST_EXCEEDED"
    # So far below nothing that the seconds of a slow machine do not fill it up.
    full_bucket.post("bucket", shop=SHOP, left=-2000)
    query = "{ customers(first: 50) { nodes { id } } }"
    answer = full_bucket.query(query)
    body = answer.json()
    assert (answer.status_code, body["errors"][0]["extensions"]["code"]) == (200, "THROTTLED")
    assert body["extensions"]["cost"]["requestedQueryCost"] == 9
    assert "data" not in body
    full_bucket.post("bucket", shop=SHOP, left=9)
    assert "errors" not in full_bucket.query(query).json()


def test_the_bucket_of_one_shop_is_not_the_others(full_bucket: StoreProcess) -> None:
    full_bucket.post("bucket", shop=SHOP, left=-2000)
    assert "errors" not in full_bucket.query("{ customers(first: 1) { nodes { id } } }", shop=OTHER_SHOP).json()


@pytest.mark.parametrize(
    ("consent", "message"),
    [
        ({"marketingState": "SUBSCRIBED"}, "Marketing opt in level must exist"),
        (
            {"marketingState": "PENDING", "marketingOptInLevel": "SINGLE_OPT_IN"},
            "Marketing opt in level must be confirmed opt-in for pending consent state",
        ),
        (
            {"marketingState": "UNSUBSCRIBED", "consentUpdatedAt": "2030-01-01T00:00:00Z"},
            "Consent updated at must not be in the future",
        ),
    ],
)
def test_refused_consent_is_a_user_error(full_bucket: StoreProcess, consent: Any, message: str) -> None:
    answer = change_consent(full_bucket, customer_gid(full_bucket, "c2@example.com"), **consent)
    assert answer["customer"] is None
    assert [error["message"] for error in answer["userErrors"]] == [message]


def test_states_that_nobody_may_set_are_a_top_level_error(full_bucket: StoreProcess) -> None:
    errors = change_consent(full_bucket, customer_gid(full_bucket, "c2@example.com"), marketingState="NOT_SUBSCRIBED")
    assert errors[0]["message"] == "Cannot specify NOT_SUBSCRIBED as a marketing state input"
    unknown = change_consent(full_bucket, "gid://shopify/Customer/1", marketingState="UNSUBSCRIBED")
    assert unknown["userErrors"][0] | {"field": None} == {
        "field": None,
        "message": "Customer not found",
        "code": "INVALID",
    }


def test_the_newest_consent_wins_and_a_change_is_announced_once(full_bucket: StoreProcess) -> None:
    store, customer = full_bucket, customer_gid(full_bucket, "c3@example.com")
    with Receiver() as receiver:
        store.post("subscribe", uri=receiver.url, topics=["customers_email_marketing_consent/update"])
        asked = {"marketingState": "SUBSCRIBED", "marketingOptInLevel": "SINGLE_OPT_IN"}
        changed = change_consent(store, customer, **asked, consentUpdatedAt=iso_utc(START - 100))
        assert changed["customer"]["defaultEmailAddress"] == {
            "marketingState": "SUBSCRIBED",
            "marketingOptInLevel": "SINGLE_OPT_IN",
            "marketingUpdatedAt": iso_utc(START - 100),
        }
        older = change_consent(store, customer, marketingState="UNSUBSCRIBED", consentUpdatedAt=iso_utc(START - 200))
        assert older["customer"]["defaultEmailAddress"]["marketingState"] == "SUBSCRIBED"
        newer = change_consent(store, customer, marketingState="UNSUBSCRIBED")
        assert newer["customer"]["defaultEmailAddress"]["marketingState"] == "UNSUBSCRIBED"
        wait_until_idle(store)
        states = [one.json["email_marketing_consent"]["state"] for one in receiver.received]
        assert states == ["subscribed", "unsubscribed"]
        store.post("unsubscribe")


def test_subscriptions_are_made_changed_listed_and_deleted(full_bucket: StoreProcess) -> None:
    store, uri = full_bucket, "https://app.example.com/hooks"
    made = store.data(SUBSCRIBE, t="ORDERS_CREATE", w={"uri": uri, "includeFields": ["id", "email"]})
    subscription = made["webhookSubscriptionCreate"]["webhookSubscription"]
    assert subscription["apiVersion"]["handle"] == "2026-10"
    again = store.data(SUBSCRIBE, t="ORDERS_CREATE", w={"uri": uri})["webhookSubscriptionCreate"]
    assert again["userErrors"][0]["message"] == "Address for this topic has already been taken"
    update = """mutation($id: ID!, $w: WebhookSubscriptionInput!) { webhookSubscriptionUpdate(id: $id,
      webhookSubscription: $w) { webhookSubscription { uri } userErrors { message } } }"""
    store.data(update, id=subscription["id"], w={"uri": f"{uri}/new"})
    listing = "{ webhookSubscriptions(first: 10, topics: [ORDERS_CREATE]) { nodes { id uri } } }"
    assert store.data(listing)["webhookSubscriptions"]["nodes"] == [{"id": subscription["id"], "uri": f"{uri}/new"}]
    delete = """mutation($id: ID!) { webhookSubscriptionDelete(id: $id) {
      deletedWebhookSubscriptionId userErrors { message } } }"""
    assert store.data(delete, id=subscription["id"])["webhookSubscriptionDelete"]["userErrors"] == []
    assert store.data(delete, id=subscription["id"])["webhookSubscriptionDelete"]["userErrors"] != []


@pytest.mark.parametrize(
    ("wanted", "message"),
    [
        ({"uri": "http://app.example.com/x"}, "Address protocol http:// is not supported"),
        ({"uri": "https://a.myshopify.com/x"}, "Address cannot be a Shopify or an internal domain"),
        (
            {"uri": "https://app.example.com/x", "filter": "two words"},
            "The specified filter is invalid, please ensure you specify the field(s) you wish to filter on.",
        ),
    ],
)
def test_bad_subscriptions_are_refused(full_bucket: StoreProcess, wanted: Any, message: str) -> None:
    answer = full_bucket.data(SUBSCRIBE, t="ORDERS_PAID", w=wanted)["webhookSubscriptionCreate"]
    assert (answer["webhookSubscription"], answer["userErrors"][0]["message"]) == (None, message)


def wait_until_idle(store: StoreProcess) -> None:
    for _ in range(200):
        if store.get("idle")["pending_deliveries"] == 0:
            return
    raise AssertionError("deliveries are still pending")
