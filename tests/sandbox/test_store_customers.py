"""Tags, purchases, segments, merges and deletion of customers, as the API and the webhooks tell them."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import Any

import pytest

from tests.sandbox.store_process import SHOP, Receiver, StoreProcess

MERGE = """mutation($a: ID!, $b: ID!, $o: CustomerMergeOverrideFields) {
  customerMerge(customerOneId: $a, customerTwoId: $b, overrideFields: $o) {
    job { id done } resultingCustomerId userErrors { message code } } }"""
READ = """query($id: ID!) { customer(id: $id) { tags numberOfOrders amountSpent { amount } firstName
  defaultEmailAddress { emailAddress marketingState }
  defaultPhoneNumber { phoneNumber smsMarketingConsent { state } } } }"""
_numbers = itertools.count(1)


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[StoreProcess]:
    with StoreProcess(tmp_path_factory.mktemp("store")) as running:
        yield running


@pytest.fixture
def receiver(store: StoreProcess) -> Iterator[Receiver]:
    with Receiver() as made:
        store.post("subscribe", uri=made.url, shops=[SHOP])
        yield made
        store.post("unsubscribe")


def gid(number: int) -> str:
    return f"gid://shopify/Customer/{number}"


def somebody(store: StoreProcess, **said: Any) -> int:
    said.setdefault("email", f"somebody-{next(_numbers)}@example.com")
    return int(store.act("create_customer", **said)["customer_id"])


def told(store: StoreProcess, receiver: Receiver, topic: str) -> list[Any]:
    store.settle()
    return [one.json for one in receiver.received if one.topic == topic]


def test_tags_are_told_with_what_really_changed(store: StoreProcess, receiver: Receiver) -> None:
    person = somebody(store, tags=["old"])
    change = """mutation($id: ID!, $t: [String!]!) { %s(id: $id, tags: $t) {
      node { id ... on Customer { tags } } userErrors { field message } } }"""
    added = store.data(change % "tagsAdd", id=gid(person), t=["old", "vip, gold"])["tagsAdd"]
    assert added["node"]["tags"] == ["old", "vip", "gold"] and added["userErrors"] == []
    store.data(change % "tagsRemove", id=gid(person), t=["old", "never"])
    store.data(change % "tagsRemove", id=gid(person), t=["never"])
    store.act("add_tags", customer=person, tags=["by staff"])
    assert [(one["customerId"], one["tags"]) for one in told(store, receiver, "customer.tags_added")] == [
        (gid(person), ["vip", "gold"]), (gid(person), ["by staff"]),
    ]  # fmt: skip
    assert [one["tags"] for one in told(store, receiver, "customer.tags_removed")] == [["old"]]
    assert told(store, receiver, "customer.tags_added")[0]["occurredAt"] == "2026-09-21T14:13:20.000Z"
    unknown = store.data(change % "tagsAdd", id=gid(1), t=["x"])["tagsAdd"]
    assert unknown["node"] is None and unknown["userErrors"][0]["field"] == ["id"]


def test_every_change_of_purchases_is_summed_up(store: StoreProcess, receiver: Receiver) -> None:
    order = store.act("create_order", email="buyer@example.com", items=[{"product": 1, "quantity": 2}])
    store.act("create_order", email="buyer@example.com", items=[{"product": 6}])
    store.act("refund_order", order=order["order_id"], amount="4.80")
    store.act("cancel_order", order=order["order_id"])
    bodies = told(store, receiver, "customers/purchasing_summary")
    assert [(one["numberOfOrders"], one["amountSpent"]["amount"]) for one in bodies] == [
        (1, "29.80"),
        (2, "83.80"),
        (2, "79.00"),
        (2, "54.00"),
    ]
    last = bodies[-1]
    assert last["customerId"] == gid(order["customer_id"]) and last["lastOrderId"].startswith("gid://shopify/Order/")


def test_segments_are_joined_and_left_once(store: StoreProcess, receiver: Receiver) -> None:
    person, segment = somebody(store), store.act("create_segment", name="Fans")["segment_id"]
    for action in ("join_segment", "join_segment", "leave_segment", "join_segment", "leave_segment", "leave_segment"):
        store.act(action, customer=person, segment=segment)
    moves = [one.topic.removeprefix("customer.") for one in receiver.received if "_segment" in one.topic]
    assert moves == ["joined_segment", "left_segment"] * 2
    body = told(store, receiver, "customer.joined_segment")[0]
    assert (body["customer_id"], body["segment_id"]) == (gid(person), f"gid://shopify/Segment/{segment}")
    store.act("join_segment", customer=person, segment=segment)
    query = """query($c: ID!, $s: ID!) { segment(id: $s) { id name query } segments(first: 5) { nodes { name } }
      customerSegmentMembership(customerId: $c, segmentIds: [$s]) { memberships { segmentId isMember } } }"""
    found = store.data(query, c=gid(person), s=body["segment_id"])
    assert found["segment"]["name"] == "Fans" and {"name": "Fans"} in found["segments"]["nodes"]
    assert found["customerSegmentMembership"]["memberships"] == [{"segmentId": body["segment_id"], "isMember": True}]


def test_a_merge_unites_orders_tags_phone_and_consent(store: StoreProcess, receiver: Receiver) -> None:
    guest = somebody(store, email=None, phone="+33611111111", tags=["shop floor"], first_name="Ann")
    store.act("set_consent", customer=guest, channel="sms", state="subscribed", opt_in_level="single_opt_in")
    order = store.act("create_order", email="ann.merge@example.com")
    account = order["customer_id"]
    receiver.clear()
    merged = store.data(MERGE, a=gid(account), b=gid(guest))["customerMerge"]
    assert merged["resultingCustomerId"] == gid(account), "the one with an email stays"
    assert merged["userErrors"] == [] and merged["job"]["done"] is False
    (body,) = told(store, receiver, "customers/merge")
    assert body["admin_graphql_api_customer_kept_id"] == gid(account)
    assert body["admin_graphql_api_customer_deleted_id"] == gid(guest)
    assert (body["status"], body["errors"], body["admin_graphql_api_job_id"]) == ("completed", [], merged["job"]["id"])
    kept = store.data(READ, id=gid(account))["customer"]
    assert (kept["tags"], kept["firstName"], kept["numberOfOrders"]) == (["shop floor"], "Ann", "1")
    assert kept["defaultPhoneNumber"] == {"phoneNumber": "+33611111111", "smsMarketingConsent": {"state": "SUBSCRIBED"}}
    assert store.data(READ, id=gid(guest))["customer"] is None


def test_who_stays_is_decided_as_the_schema_says(store: StoreProcess) -> None:
    def result(one: int, two: int, **override: str) -> str:
        return str(store.data(MERGE, a=gid(one), b=gid(two), o=override)["customerMerge"]["resultingCustomerId"])

    plain = [somebody(store) for _ in range(4)]
    agreed = [somebody(store, accepts_marketing=True) for _ in range(2)]
    phones = [somebody(store, email=None, phone=f"+3362222222{n}") for n in range(2)]
    assert result(plain[0], plain[1]) == gid(plain[1]), "nothing prefers either"
    assert result(agreed[0], plain[1]) == gid(agreed[0]), "consent does"
    assert result(agreed[1], plain[2], customerIdOfEmailToKeep=gid(plain[2])) == gid(plain[2]), "the override does"
    assert result(phones[0], phones[1]) == gid(phones[1])
    assert result(plain[3], phones[1]) == gid(plain[3])
    refused = store.data(MERGE, a=gid(plain[3]), b=gid(plain[3]))["customerMerge"]
    assert refused["resultingCustomerId"] is None and refused["userErrors"][0]["code"] == "INVALID_CUSTOMER_ID"
    gone = store.data(MERGE, a=gid(plain[0]), b=gid(plain[3]))["customerMerge"]
    assert str(plain[0]) in gone["userErrors"][0]["message"]


def test_staff_merge_too_and_a_merge_that_failed_changes_nothing(store: StoreProcess, receiver: Receiver) -> None:
    one, two = somebody(store), somebody(store)
    receiver.clear()
    store.act("merge_customers", one=one, two=two, fails=True)
    (failed,) = told(store, receiver, "customers/merge")
    assert failed["status"] == "failed" and failed["errors"][0]["customer_ids"] == [one]
    assert store.data(READ, id=gid(one))["customer"] and store.data(READ, id=gid(two))["customer"]
    store.act("merge_customers", one=one, two=two, keep=one)
    assert told(store, receiver, "customers/merge")[-1]["admin_graphql_api_customer_kept_id"] == gid(one)
    assert store.data(READ, id=gid(two))["customer"] is None


def test_only_a_customer_without_orders_is_deleted(store: StoreProcess, receiver: Receiver) -> None:
    person, buyer = somebody(store), store.act("create_order", email="keeps@example.com")["customer_id"]
    store.act("delete_customer", customer=person)
    assert told(store, receiver, "customers/delete") == [
        {"id": person, "tax_exemptions": [], "admin_graphql_api_id": gid(person)}
    ]
    refused = store.session.post(f"{store.url}/_control/act", json={"action": "delete_customer", "customer": buyer})
    assert refused.status_code == 400 and "with orders" in refused.text


def test_an_email_changes_and_is_nobody_else_s(store: StoreProcess, receiver: Receiver) -> None:
    person = somebody(store, email="before@example.com", accepts_marketing=True)
    store.act("change_customer", email="before@example.com", new_email="after@example.com", first_name="Ann")
    body = told(store, receiver, "customers/update")[-1]
    assert (body["id"], body["email"], body["first_name"]) == (person, "after@example.com", "Ann")
    assert store.data(READ, id=gid(person))["customer"]["defaultEmailAddress"]["marketingState"] == "SUBSCRIBED"
    taken: dict[str, Any] = {"action": "change_customer", "customer": somebody(store), "new_email": "AFTER@example.com"}
    refused = store.session.post(f"{store.url}/_control/act", json=taken)
    assert refused.status_code == 400 and "taken" in refused.text
