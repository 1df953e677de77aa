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
    ``denied`` (id -> field, "" for all of it): what the usual answer leaves out with an error that says so.
    """

    def __init__(self) -> None:
        super().__init__()
        self.nodes: dict[str, Node] = {}
        self.answers: list[Mapping[str, Any] | int | Exception | Callable[[], None]] = []
        self.denied: dict[str, str] = {}
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
        return Answer(200, {}, orjson.dumps(answer or self._usual(ids)))

    def _usual(self, ids: list[str]) -> dict[str, Any]:
        nodes = [self.nodes.get(one) for one in ids]
        errors = []
        for place, one in enumerate(ids):
            field = self.denied.get(one)
            if field is not None:
                node = nodes[place]
                nodes[place] = {**node, field: None} if field and node else None
                path = ["nodes", place, field] if field else ["nodes", place]
                denied = {"code": "ACCESS_DENIED"}
                errors.append({"message": "Access denied", "path": path, "extensions": denied})
        return {"data": {"nodes": nodes, "shop": {}}, **({"errors": errors} if errors else {})}


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


def money(amount: str) -> Node:
    return {"shopMoney": {"amount": amount}}


def order_node(order_id: int, created: str, **fields: Any) -> Node:
    """A paid order of two mugs by customer 1, as the Admin API tells it."""
    return {
        "__typename": "Order",
        "id": f"gid://shopify/Order/{order_id}",
        "name": f"#{order_id}",
        "email": "ann@example.com",
        "createdAt": created,
        "updatedAt": created,
        "closedAt": None,
        "cancelledAt": None,
        "cartToken": None,
        "checkoutToken": None,
        "customerAcceptsMarketing": False,
        "test": False,
        "sourceName": "web",
        "currencyCode": "EUR",
        "totalPriceSet": money("29.8"),
        "currentTotalPriceSet": money("29.8"),
        "displayFinancialStatus": "PAID",
        "displayFulfillmentStatus": "UNFULFILLED",
        "discountCodes": ["HELLO"],
        "paymentGatewayNames": ["visa"],
        "billingAddress": {"name": "Ann Lee", "address1": "1 Harbour Street", "city": "Lyon", "countryCodeV2": "FR"},
        "customer": {"id": "gid://shopify/Customer/1", "defaultEmailAddress": {"emailAddress": "ann@example.com"}},
        "lineItems": {
            "nodes": [
                {
                    "title": "Mug",
                    "quantity": 2,
                    "currentQuantity": 2,
                    "originalUnitPriceSet": money("14.9"),
                    "product": {"id": "gid://shopify/Product/101"},
                    "variant": {"id": "gid://shopify/ProductVariant/1010"},
                }
            ],
            "pageInfo": {"hasNextPage": False},
        },
        "refunds": [],
        "fulfillments": [],
        **fields,
    }
