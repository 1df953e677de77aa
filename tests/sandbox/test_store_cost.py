"""Points of queries as recorded from the platform, and the bucket that refills on the wire clock."""

from __future__ import annotations

from typing import Any

import pytest
from graphql import FragmentDefinitionNode, OperationDefinitionNode, parse

from sandbox.clock import Clock
from sandbox.store.admin_api import published_schema
from sandbox.store.cost import BUCKET_SIZE, Bucket, QueryCost, page_size

SCHEMA = published_schema()
MUTATION = """mutation { customerEmailMarketingConsentUpdate(input: {customerId: "1", emailMarketingConsent:
  {marketingState: PENDING}}) { customer { id defaultEmailAddress { marketingState }
  defaultPhoneNumber { marketingState } } userErrors { message } } }"""


def cost_of(query: str) -> QueryCost:
    document = parse(query)
    [operation] = [node for node in document.definitions if isinstance(node, OperationDefinitionNode)]
    fragments = {n.name.value: n for n in document.definitions if isinstance(n, FragmentDefinitionNode)}
    return QueryCost(SCHEMA, operation, fragments, None)


@pytest.mark.parametrize(
    ("query", "requested"),
    [
        ("{ shop { currencyCode taxes: email } }", 1),
        ('{ order(id: "1") { id name tags } }', 1),
        ("{ customers(first: 1) { nodes { id } } }", 3),
        ("{ customers(first: 3) { nodes { id } } }", 4),
        ("{ customers(first: 5) { nodes { id } pageInfo { endCursor } } }", 5),
        ("{ customers(first: 10) { edges { cursor node { id } } } }", 6),
        ("{ customers(first: 20) { nodes { id } } }", 7),
        ("{ products(first: 50) { nodes { id title } } }", 9),
        ("{ customersCount { count } }", 10),
        ('{ customer(id: "1") { id defaultEmailAddress { emailAddress } } }', 2),
        (
            '{ customer(id: "1") { amountSpent { amount } defaultEmailAddress { emailAddress } '
            "defaultPhoneNumber { phoneNumber } defaultAddress { city } } }",
            3,
        ),
        (
            '{ nodes(ids: ["1", "2"]) { ... on Customer { defaultEmailAddress { emailAddress } '
            "defaultPhoneNumber { phoneNumber } defaultAddress { id } lastOrder { id } } } }",
            4,
        ),
        (
            '{ order(id: "1") { lineItems(first: 50) { nodes { variant { id } '
            "originalUnitPriceSet { shopMoney { amount } } } } } }",
            17,
        ),
        (MUTATION, 12),
    ],
)
def test_requested_cost_is_the_recorded_one(query: str, requested: int) -> None:
    assert cost_of(query).requested() == requested


@pytest.mark.parametrize(
    ("query", "data", "actual"),
    [
        ("{ customers(first: 5) { nodes { id } } }", {"customers": {"nodes": []}}, 2),
        ("{ products(first: 50) { nodes { id } } }", {"products": {"nodes": [{"id": "1"}]}}, 3),
        (
            "{ orders(first: 10) { nodes { id } } }",
            {"orders": {"nodes": [{"id": str(n)} for n in range(3)]}},
            4,
        ),
        ('{ customer(id: "1") { defaultEmailAddress { emailAddress } } }', {"customer": None}, 1),
        (MUTATION, {"customerEmailMarketingConsentUpdate": {"customer": None, "userErrors": []}}, 10),
    ],
)
def test_actual_cost_counts_what_was_found(query: str, data: dict[str, Any], actual: int) -> None:
    assert cost_of(query).actual(data) == actual


def test_a_fragment_costs_what_it_stands_for() -> None:
    fragment = "fragment f on Customer { defaultEmailAddress { emailAddress } } "
    assert cost_of(fragment + '{ customer(id: "1") { ...f } }').requested() == 2


def test_page_sizes_never_shrink_as_pages_grow() -> None:
    sizes = [page_size(n) for n in range(251)]
    assert sizes == sorted(sizes)
    assert (sizes[0], sizes[1], sizes[250]) == (0, 1, 11)


class _Wire(Clock):
    def __init__(self) -> None:
        super().__init__()
        self.seconds = 0.0

    def wire(self) -> float:
        return self.seconds


def test_the_bucket_refills_at_100_a_second_up_to_its_size() -> None:
    wire = _Wire()
    bucket = Bucket(wire)
    assert bucket.take(BUCKET_SIZE)
    assert not bucket.take(1)
    wire.seconds = 1.5
    assert bucket.status()["currentlyAvailable"] == 150
    assert not bucket.take(151)
    assert bucket.take(150)
    wire.seconds = 1000
    bucket.give_back(500)
    assert bucket.status()["currentlyAvailable"] == BUCKET_SIZE
