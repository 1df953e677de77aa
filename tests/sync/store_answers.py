"""A store whose answers a test gives, behind the product's own door for HTTP."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import orjson

from connector.http import Answer, Http

Node = dict[str, Any]


class AnsweringStore(Http):
    """Answers queries for nodes from ``nodes`` (by id), or with what ``answers`` holds next; keeps the ids asked for.

    An answer is the whole JSON body, a status, an exception, or a function that is called before the usual answer.
    """

    def __init__(self) -> None:
        super().__init__()
        self.nodes: dict[str, Node] = {}
        self.answers: list[Mapping[str, Any] | int | Exception | Callable[[], None]] = []
        self.asked: list[list[str]] = []

    def post_to_store(self, url: str, headers: Mapping[str, str], body: bytes) -> Answer:
        ids = orjson.loads(body)["variables"]["ids"]
        self.asked.append(ids)
        answer = self.answers.pop(0) if self.answers else None
        if isinstance(answer, Exception):
            raise answer
        if isinstance(answer, int):
            return Answer(answer, {}, b"{}")
        if callable(answer):
            answer()
            answer = None
        told = answer or {"data": {"nodes": [self.nodes.get(one) for one in ids]}}
        return Answer(200, {}, orjson.dumps(told))


def customer_node(customer_id: int, **fields: Any) -> Node:
    """A customer as the Admin API tells it."""
    return {
        "__typename": "Customer",
        "id": f"gid://shopify/Customer/{customer_id}",
        "firstName": "Ann",
        "lastName": "Lee",
        "locale": "fr",
        "tags": ["vip"],
        "numberOfOrders": "4",
        "amountSpent": {"amount": "123.4", "currencyCode": "EUR"},
        "defaultEmailAddress": {
            "emailAddress": "ann@example.com",
            "marketingState": "SUBSCRIBED",
            "marketingOptInLevel": "CONFIRMED_OPT_IN",
            "marketingUpdatedAt": "2026-11-01T10:00:00Z",
        },
        "defaultPhoneNumber": {"phoneNumber": "+33612345678"},
        "defaultAddress": {"city": "Lyon", "countryCodeV2": "FR"},
        **fields,
    }


def product_node(product_id: int, **fields: Any) -> Node:
    return {
        "__typename": "Product",
        "id": f"gid://shopify/Product/{product_id}",
        "title": "Mug",
        "onlineStoreUrl": f"https://goods.example/{product_id}",
        "updatedAt": "2026-11-01T10:00:00Z",
        "featuredMedia": {"preview": {"image": {"url": f"https://goods.example/{product_id}.jpg"}}},
        **fields,
    }
